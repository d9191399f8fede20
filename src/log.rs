//! The log: for people on a terminal, as fields for systemd's journal, as JSON for everybody else.
//!
//! What goes well is gathered for some milliseconds and written by a thread of its own, so that nobody waits for the disk
//! of a log; a warning or an error is written by who says it, after everything that was said before. An error that repeats
//! is said a few times and then counted.

mod gather;
mod journal;
mod json;
mod limit;
mod repeats;

use std::io::{IsTerminal as _, stderr};
use std::sync::Arc;

use tracing::warn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt, registry};

use gather::{Gather, Lines};
use json::Json;
use limit::Limit;

/// The log of this process. When it is dropped, everything is written.
pub struct Log(Arc<Lines>);

/// Starts it. `stream` is systemd's `JOURNAL_STREAM`. An error is one of the filter.
pub fn start(filter: &str, stream: Option<&str>) -> Result<Log, String> {
    let filter = EnvFilter::try_new(filter)
        .map_err(|_| format!("--log {filter:?} is no filter: say error, warn, info, debug or trace"))?;
    let lines = Arc::new(Lines::to(stderr()));
    let limited = registry().with(filter).with(Limit(Arc::clone(&lines)));
    let journal = stream.filter(|stream| journal::is_stderr(stream)).map(|_| journal::layer());
    let (journal, refused) = match journal.transpose() {
        Ok(journal) => (journal, None),
        Err(error) => (None, Some(error)),
    };
    if let Some(journal) = journal {
        limited.with(journal).init();
    } else if stderr().is_terminal() {
        limited.with(fmt::layer().with_writer(stderr).with_target(false)).init();
    } else {
        limited.with(fmt::layer().event_format(Json).with_writer(Gather(Arc::clone(&lines)))).init();
    }
    if let Some(error) = refused {
        warn!(%error, "stderr is the journal, and its socket cannot be used: logging as JSON");
    }
    gather::spawn(&lines);
    Ok(Log(lines))
}

impl Drop for Log {
    fn drop(&mut self) {
        self.0.write(b"");
    }
}
