//! The program, run to its end. It is in the plugin's process group, so whoever stops the plugin stops it, too.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus, Stdio};

use crate::say;

/// A line that is longer is cut there.
const LONGEST_LINE: u64 = 4096;

/// How it ended, and the last line that it printed.
#[derive(Debug, PartialEq, Eq)]
pub struct Ended {
    /// `None`: a signal ended it.
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub last: Option<String>,
}

impl Ended {
    pub fn in_words(&self) -> String {
        match (self.code, self.signal) {
            (Some(code), _) => format!("the program exited with {code}, which the settings do not name"),
            (None, Some(signal)) => format!("signal {signal} ended the program"),
            (None, None) => "the program ended without a word".to_owned(),
        }
    }
}

/// Runs it with that on stdin. What it prints is progress, and its stderr the run's log. An error: it was not started.
pub async fn run(program: &str, arguments: &[String], input: String) -> Result<Ended, String> {
    #[expect(clippy::disallowed_methods, reason = "the operator's program, which this plugin is for")]
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let program = program.to_owned();
    let ran = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().map_err(|error| format!("{program} was not started: {error}"))?;
        let stdin = child.stdin.take();
        // A program that prints before it reads waits for nobody.
        let feeding =
            std::thread::spawn(move || stdin.is_none_or(|mut stdin| stdin.write_all(input.as_bytes()).is_ok()));
        let mut last = None;
        if let Some(stdout) = child.stdout.take() {
            let mut stdout = BufReader::new(stdout);
            while let Some(line) = next_line(&mut stdout) {
                let _ = say::progress(line.clone());
                if !line.trim().is_empty() {
                    last = Some(line);
                }
            }
        }
        let status: ExitStatus = child.wait().map_err(|error| format!("{program} was lost: {error}"))?;
        // It need not have read it.
        let _ = feeding.join();
        Ok(Ended { code: status.code(), signal: status.signal(), last })
    });
    ran.await.unwrap_or_else(|error| Err(format!("the program was lost: {error}")))
}

/// One line without its end, cut where it is too long.
fn next_line(from: &mut impl std::io::BufRead) -> Option<String> {
    let mut line = Vec::new();
    let read = from.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line).ok()?;
    if read == 0 {
        return None;
    }
    Some(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn check(script: &str, code: Option<i32>, signal: Option<i32>, last: Option<&str>) {
        let arguments = ["-c".to_owned(), script.to_owned()];
        let ended = run("/bin/sh", &arguments, "{\"a\":\"b\"}".to_owned()).await.unwrap();
        assert_eq!(ended, Ended { code, signal, last: last.map(str::to_owned) }, "{script}");
    }

    #[tokio::test]
    async fn what_it_said_last_and_how_it_ended() {
        check("exit 7", Some(7), None, None).await;
        check("echo one; echo two; echo; exit 0", Some(0), None, Some("two")).await;
        check("cat; echo", Some(0), None, Some("{\"a\":\"b\"}")).await;
        check("printf 'no end'", Some(0), None, Some("no end")).await;
        check("kill -9 $$", None, Some(9), None).await;
        check("head -c 9000 /dev/zero | tr '\\0' x; echo; echo end", Some(0), None, Some("end")).await;
        assert!(run("/nowhere/deploy", &[], String::new()).await.unwrap_err().contains("was not started"));
    }
}
