//! What the plugin says while it runs: lines of the contract on stdout, and log on stderr.

use std::io::{Write as _, stderr, stdout};

use scanrelay::plugin::{Line, printable};

/// Characters of a message. What a server says can be longer than any line of the contract, and that breaks the run.
const LONGEST: usize = 500;

/// Prints a line. It fails when the daemon is gone.
pub fn say(line: &Line) -> Result<(), String> {
    let mut out = stdout().lock();
    let said = writeln!(out, "{line}").and_then(|()| out.flush());
    said.map_err(|error| format!("nobody reads what the plugin says: {error}"))
}

/// How far it is, in words.
pub fn progress(message: impl Into<String>) -> Result<(), String> {
    say(&Line::Progress { message: cut(message.into()), percent: None })
}

/// As much of a text that others wrote as is shown.
pub fn cut(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// A line of the run's log. It can be no line of the contract, whatever is in it.
pub fn log(text: &str) {
    let _ = writeln!(stderr(), "{}", printable(text));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        let check = |text: String, cut_text: String| assert_eq!(cut(text), cut_text);
        check(String::new(), String::new());
        check("é".repeat(LONGEST), "é".repeat(LONGEST));
        check("é".repeat(200_000), "é".repeat(LONGEST) + "…");
    }
}
