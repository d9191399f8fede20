//! Lines on their way to stderr. Gathered, bounded, and counted where they are lost.

use std::io::{self, Write, stderr};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{Level, Metadata, warn};
use tracing_subscriber::fmt::MakeWriter;

use super::repeats::{Key, Repeats, Say};

/// What says how much was not said is said itself in any case.
pub const TARGET: &str = module_path!();

/// For so long lines are gathered before they are written: a write for each would cost more than the line.
const GATHERED: Duration = Duration::from_millis(5);
/// More than this is not kept for a stderr that takes nothing.
const MOST: usize = 1024 * 1024;

/// The lines, and the errors that repeat.
pub struct Lines {
    state: Mutex<State>,
    changed: Condvar,
    /// Taken before `state`, for as long as is written: what was said first is written first.
    out: Mutex<()>,
    started: Instant,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    lost: u64,
    repeats: Repeats,
    /// The thread sleeps: it has to be told.
    asleep: bool,
}

impl Default for Lines {
    fn default() -> Self {
        Self { state: Mutex::default(), changed: Condvar::new(), out: Mutex::default(), started: Instant::now() }
    }
}

impl Lines {
    /// Whether an error is to be said now. Otherwise it is counted.
    pub fn may_say(&self, key: Key, words: impl FnOnce() -> String) -> bool {
        let now = self.started.elapsed();
        let mut state = self.state();
        let say = state.repeats.look(key, now, words);
        if say == (Say::Later { first: true }) {
            self.wake(&mut state);
        }
        say == Say::Now
    }

    /// Writes a line after all that were gathered.
    pub fn write(&self, line: &[u8]) {
        let _turn = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let mut waiting = std::mem::take(&mut self.state().waiting);
        waiting.extend_from_slice(line);
        // Nobody reads a log whose stderr is gone.
        let _ = stderr().write_all(&waiting);
    }

    fn gather(&self, line: &[u8]) {
        let mut state = self.state();
        if state.waiting.len() + line.len() > MOST {
            state.lost += 1;
            return;
        }
        state.waiting.extend_from_slice(line);
        self.wake(&mut state);
    }

    fn wake(&self, state: &mut State) {
        if std::mem::take(&mut state.asleep) {
            self.changed.notify_one();
        }
    }

    /// Sleeps until there is something to write or a pause is over.
    fn work(&self) {
        loop {
            self.sleep();
            thread::sleep(GATHERED);
            self.write(b"");
            let (lost, over) = {
                let now = self.started.elapsed();
                let mut state = self.state();
                (std::mem::take(&mut state.lost), state.repeats.over(now))
            };
            if lost > 0 {
                warn!(target: TARGET, lines = lost, "lines of the log were lost: nobody took them from stderr in time");
            }
            for hidden in over {
                warn!(target: TARGET, repeated = hidden.times, "repeated: {}", hidden.words);
            }
        }
    }

    fn sleep(&self) {
        let mut state = self.state();
        while state.waiting.is_empty() && state.lost == 0 {
            let now = self.started.elapsed();
            let pause = state.repeats.next().map(|at| at.saturating_sub(now));
            if pause == Some(Duration::ZERO) {
                return;
            }
            state.asleep = true;
            state = match pause {
                Some(pause) => self.changed.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner).0,
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts the thread that writes. Without it, errors are written all the same, and the rest when the log is closed.
pub fn spawn(lines: &Arc<Lines>) {
    let lines = Arc::clone(lines);
    if let Err(error) = thread::Builder::new().name("log".to_owned()).spawn(move || lines.work()) {
        warn!(%error, "no thread for the log");
    }
}

/// Where lines are written to: gathered, or at once where they are warnings.
pub struct Gather(pub Arc<Lines>);

pub struct Line<'a> {
    lines: &'a Lines,
    urgent: bool,
}

impl<'a> MakeWriter<'a> for Gather {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { lines: &self.0, urgent: true }
    }

    fn make_writer_for(&'a self, of: &Metadata<'_>) -> Line<'a> {
        Line { lines: &self.0, urgent: *of.level() <= Level::WARN }
    }
}

/// The formatter gives a whole line at once.
impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.urgent {
            self.lines.write(line);
        } else {
            self.lines.gather(line);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
