//! The program, run to its end. It is in the plugin's process group, so whoever stops the plugin stops it, too.

use std::io::{BufRead, BufReader, PipeReader, Read as _, Write as _, pipe};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::say;

/// A line that is longer is cut there.
const LONGEST_LINE: usize = 4096;
/// What the program has left behind may hold its output open. This much longer it is heard after the program's end.
const SETTLE: Duration = Duration::from_millis(250);
/// We write it, as a line, behind all that the program has printed. Whoever reads it has read that, however long it took.
const END: &str = "\u{1}the program has ended\u{1}";

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
    command.args(arguments).stdin(Stdio::piped()).stderr(Stdio::inherit());
    let program = program.to_owned();
    let ran = tokio::task::spawn_blocking(move || {
        let not_started = |error| format!("{program} was not started: {error}");
        let (output, mut end) = pipe().map_err(not_started)?;
        let mut child = command.stdout(end.try_clone().map_err(not_started)?).spawn().map_err(not_started)?;
        // It holds the output open, too.
        drop(command);
        let stdin = child.stdin.take();
        // A program that prints before it reads waits for nobody, and it need not read.
        thread::spawn(move || stdin.is_none_or(|mut stdin| stdin.write_all(input.as_bytes()).is_ok()));
        let (heard, ears) = Heard::of(output);
        // That it was lost does not mean that it has done nothing.
        let status = child.wait().ok();
        // In one piece, so that nothing that others print gets between.
        let _ = end.write_all(format!("\n{END}\n").as_bytes());
        drop(end);
        let last = heard.to_the_end(&ears);
        Ok(Ended {
            code: status.and_then(|status| status.code()),
            signal: status.and_then(|status| status.signal()),
            last,
        })
    });
    ran.await.unwrap_or_else(|error| Err(format!("the program was lost: {error}")))
}

/// What it prints, as far as it was heard.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// The last line that says something.
    last: Option<String>,
    /// Nobody wants to hear more.
    enough: bool,
}

impl Heard {
    /// Listens from now on. What comes back hears of [`END`], and hangs up when nobody can print any more.
    fn of(output: PipeReader) -> (Self, Receiver<()>) {
        let (tell, ears) = channel();
        let heard = Self::default();
        let listener = heard.clone();
        thread::spawn(move || listener.listen(output, &tell));
        (heard, ears)
    }

    fn listen(&self, output: PipeReader, tell: &Sender<()>) {
        let mut output = BufReader::new(output);
        while let Some(line) = next_line(&mut output) {
            if line == END {
                let _ = tell.send(());
            } else if !line.trim().is_empty() {
                let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                if state.enough {
                    return;
                }
                let _ = say::progress(line.clone());
                state.last = Some(line);
            }
        }
    }

    /// The last line, once all is heard that the program has printed, and what was left behind has had its time.
    fn to_the_end(&self, ears: &Receiver<()>) -> Option<String> {
        if ears.recv().is_ok() {
            let _ = ears.recv_timeout(SETTLE);
        }
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.enough = true;
        state.last.take()
    }
}

/// One line without its end, cut where it is too long.
fn next_line(from: &mut impl BufRead) -> Option<String> {
    let mut line = Vec::new();
    from.by_ref().take(LONGEST_LINE as u64).read_until(b'\n', &mut line).ok().filter(|read| *read > 0)?;
    if !line.ends_with(b"\n") {
        from.skip_until(b'\n').ok()?;
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
        // A line that is too long has no second part.
        check("echo; head -c 9000 /dev/zero | tr '\\0' x", Some(0), None, Some(&"x".repeat(LONGEST_LINE))).await;
        assert!(run("/nowhere/deploy", &[], String::new()).await.unwrap_err().contains("was not started"));
    }

    #[tokio::test]
    async fn what_it_leaves_behind_is_not_waited_for() {
        // More than the program's own last line must be read, and all before it.
        let script = "sleep 100 & head -c 60000 /dev/zero | tr '\\0' x; echo; echo $!; exit 3";
        let arguments = ["-c".to_owned(), script.to_owned()];
        // Reached only when it hangs.
        let ended = tokio::time::timeout(Duration::from_mins(1), run("/bin/sh", &arguments, String::new())).await;
        let ended = ended.expect("it waits for what is left behind").unwrap();
        assert_eq!(ended.code, Some(3));
        let left = ended.last.unwrap();
        assert_eq!(
            run("/bin/sh", &["-c".to_owned(), format!("kill {left}")], String::new()).await.unwrap().code,
            Some(0)
        );
    }
}
