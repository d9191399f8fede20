//! SIGTERM: the daemon's timeout, a person's cancel, or a shutdown. SIGKILL follows after `limits.kill_grace`.
//!
//! Which of them it is, the daemon says beforehand in `stop.json` of the working directory: [`Reason`].

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::Path;
use std::time::SystemTime;

use scanrelay::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What the daemon renames to before it signals.
const WHY: &str = "stop.json";
/// More than this is none of the daemon's.
const LONGEST_WHY: u64 = 4 * 1024;
/// The input, as it was on stdin, and how long that may be.
const INPUT: &str = "event.json";
const LONGEST_INPUT: u64 = 64 * 1024 * 1024;

/// Hears that the plugin is to stop.
pub struct Stop(Signal);

/// Why it is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// Somebody wants the run no longer.
    Cancel,
    /// The run has taken too long.
    Timeout,
    /// The daemon ends, and its successor goes on with the run.
    Shutdown,
}

impl Stop {
    /// From here on SIGTERM ends nothing by itself.
    pub fn listen() -> Result<Self, String> {
        signal(SignalKind::terminate()).map(Self).map_err(|error| format!("SIGTERM cannot be heard: {error}"))
    }

    /// Returns when the plugin is to stop.
    pub async fn asked(&mut self) {
        self.0.recv().await;
    }
}

impl Reason {
    /// As the daemon has said it in the working directory; `None`: it has not, or in other words than these.
    pub fn read(workdir: &Path) -> Option<Self> {
        #[derive(Deserialize)]
        struct Why {
            reason: Reason,
        }
        read::<Why>(&workdir.join(WHY), LONGEST_WHY).map(|why| why.reason)
    }

    /// Whether nobody goes on with the run, so that what it has started elsewhere is to be stopped as well. Where the daemon does
    /// not say, that is so when the run's time is over.
    pub fn is_final(workdir: &Path) -> bool {
        match Self::read(workdir) {
            Some(reason) => matches!(reason, Self::Cancel | Self::Timeout),
            None => deadline(workdir).is_some_and(|deadline| now() >= deadline),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the deadline is a moment of the wall clock")]
fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

/// When the daemon would stop the run anyway.
fn deadline(workdir: &Path) -> Option<Timestamp> {
    #[derive(Deserialize)]
    struct Input {
        run: Run,
    }
    #[derive(Deserialize)]
    struct Run {
        deadline: Timestamp,
    }
    read::<Input>(&workdir.join(INPUT), LONGEST_INPUT).map(|input| input.run.deadline)
}

fn read<T: DeserializeOwned>(path: &Path, longest: u64) -> Option<T> {
    let file = File::open(path).ok()?;
    // A pipe or the like may keep whoever reads it waiting.
    file.metadata().ok().filter(std::fs::Metadata::is_file)?;
    serde_json::from_reader(BufReader::new(file.take(longest))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EARLIER: &str = r#"{"protocol":1,"run":{"id":"r","attempt":1,"deadline":1}}"#;
    const LATER: &str = r#"{"protocol":1,"run":{"id":"r","attempt":1,"deadline":9000000000000000}}"#;

    fn check(why: Option<&str>, input: Option<&str>, reason: Option<Reason>, is_final: bool) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [(WHY, why), (INPUT, input)] {
            if let Some(text) = text {
                std::fs::write(folder.path().join(name), text).unwrap();
            }
        }
        assert_eq!(Reason::read(folder.path()), reason, "{why:?}");
        assert_eq!(Reason::is_final(folder.path()), is_final, "{why:?} {input:?}");
    }

    #[test]
    fn only_a_cancel_and_a_timeout_are_final() {
        check(Some(r#"{"reason":"cancel"}"#), Some(LATER), Some(Reason::Cancel), true);
        check(Some(r#"{"reason":"timeout","more":[1]}"#), Some(LATER), Some(Reason::Timeout), true);
        check(Some(r#"{"reason":"shutdown"}"#), Some(LATER), Some(Reason::Shutdown), false);
        // What the daemon says counts, whatever the clock says.
        check(Some(r#"{"reason":"shutdown"}"#), Some(EARLIER), Some(Reason::Shutdown), false);
    }

    #[test]
    fn where_nothing_readable_is_said_the_deadline_decides() {
        let long = format!(r#"{{"reason":"cancel","more":"{}"}}"#, "x".repeat(5000));
        for why in ["", "{", "null", r#"{"reason":"bored"}"#, r#"{"reason":1}"#, "\u{0}", &long] {
            check(Some(why), Some(LATER), None, false);
            check(Some(why), Some(EARLIER), None, true);
        }
        check(None, Some(LATER), None, false);
        check(None, Some(EARLIER), None, true);
        check(None, Some("{}"), None, false);
        check(None, None, None, false);
    }

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(WHY)).unwrap();
        assert_eq!(Reason::read(folder.path()), None);
    }
}
