//! The build's console: as much of it as is new, into the run's log, and its last line as progress.

use super::server::Server;
use crate::say;

/// Bytes of console that are fetched at a time; what is longer is skipped, and so said.
const PIECE: usize = 64 * 1024;
/// Characters of a line that are shown as progress.
const SHOWN: usize = 200;

/// How far the console has been read.
#[derive(Default)]
pub struct Console {
    at: u64,
}

impl Console {
    /// Reads on, logs what is new, and gives the last line that says something. That it cannot be read is no fault of the build.
    pub async fn read_on(&mut self, server: &Server<'_>, build: u64) -> Option<String> {
        let mut url = server.job(&[&build.to_string(), "logText", "progressiveText"]);
        url.query_pairs_mut().append_pair("start", &self.at.to_string());
        let answer = server.get_some(url, PIECE).await.ok().filter(|answer| answer.status == 200)?;
        let size = answer.header("X-Text-Size").and_then(|size| size.parse().ok());
        let skipped = self.go_on(answer.body.len() as u64, size);
        let text = String::from_utf8_lossy(&answer.body);
        for line in text.lines() {
            say::log(&format!("console: {line}"));
        }
        if !answer.whole {
            say::log(&format!("console: … {skipped} bytes are in Jenkins only"));
        }
        last_line(&text)
    }

    /// Goes on by what was read, to where Jenkins says that its text ends: how many bytes lie between.
    fn go_on(&mut self, read: u64, size: Option<u64>) -> u64 {
        let behind = self.at.saturating_add(read);
        // A console that is shorter than we have read is another one: its beginning is next.
        self.at = size.unwrap_or(behind);
        self.at.saturating_sub(behind)
    }
}

fn last_line(text: &str) -> Option<String> {
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
    Some(line.chars().take(SHOWN).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_size_is_said_the_console_goes_on() {
        let mut console = Console::default();
        assert_eq!((console.go_on(5, None), console.at), (0, 5));
        assert_eq!((console.go_on(5, Some(30)), console.at), (20, 30));
        assert_eq!((console.go_on(5, Some(u64::MAX)), console.at), (u64::MAX - 35, u64::MAX));
        assert_eq!((console.go_on(5, None), console.at), (0, u64::MAX));
        assert_eq!((console.go_on(5, Some(3)), console.at), (0, 3));
    }

    #[test]
    fn the_last_line_is_the_last_that_says_something() {
        assert_eq!(last_line("Started by user bot\n+ deploy\n\n  \n"), Some("+ deploy".to_owned()));
        assert_eq!(last_line("\n \n"), None);
        assert_eq!(last_line(&"ä".repeat(300)).map(|line| line.chars().count()), Some(SHOWN));
    }
}
