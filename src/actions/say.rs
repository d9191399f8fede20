//! What the plugin says while it runs: lines of the contract on stdout, and log on stderr.

use std::io::{Write as _, stderr, stdout};

use scanrelay::plugin::{Line, printable};

/// Prints a line. It fails when the daemon is gone.
pub fn say(line: &Line) -> Result<(), String> {
    let mut out = stdout().lock();
    let said = writeln!(out, "{line}").and_then(|()| out.flush());
    said.map_err(|error| format!("nobody reads what the plugin says: {error}"))
}

/// How far it is, in words.
pub fn progress(message: impl Into<String>) -> Result<(), String> {
    say(&Line::Progress { message: message.into(), percent: None })
}

/// A line of the run's log. It can be no line of the contract, whatever is in it.
pub fn log(text: &str) {
    let _ = writeln!(stderr(), "{}", printable(text));
}
