//! Lines on their way to stderr. Gathered, bounded, and counted where they are lost.

use std::io::{self, Write};
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
    out: Mutex<Box<dyn Write + Send>>,
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

impl Lines {
    pub fn to(out: impl Write + Send + 'static) -> Self {
        let out = Mutex::new(Box::new(out) as Box<dyn Write + Send>);
        Self { state: Mutex::default(), changed: Condvar::new(), out, started: Instant::now() }
    }

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
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let mut waiting = std::mem::take(&mut self.state().waiting);
        waiting.extend_from_slice(line);
        // Nobody reads a log whose stderr is gone.
        let _ = out.write_all(&waiting);
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Says that it was given something, waits until it may take it, and takes it.
    struct Slow {
        given: Sender<Vec<u8>>,
        may: Receiver<()>,
    }

    impl Write for Slow {
        fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
            self.given.send(lines.to_owned()).unwrap();
            self.may.recv().unwrap();
            Ok(lines.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn slow() -> (Arc<Lines>, Receiver<Vec<u8>>, Sender<()>) {
        let ((given, taken), (go, may)) = (channel(), channel());
        (Arc::new(Lines::to(Slow { given, may })), taken, go)
    }

    #[test]
    fn who_says_that_all_is_well_does_not_wait_and_an_error_comes_after_it() {
        let (lines, taken, go) = slow();
        spawn(&lines);
        lines.gather(b"one\n");
        assert_eq!(taken.recv().unwrap(), b"one\n");
        // Nobody takes anything now.
        lines.gather(b"two\n");
        lines.gather(b"three\n");
        let error = thread::spawn({
            let lines = Arc::clone(&lines);
            move || lines.write(b"error\n")
        });
        go.send(()).unwrap();
        let mut rest = Vec::new();
        while !rest.ends_with(b"error\n") {
            rest.extend(taken.recv().unwrap());
            go.send(()).unwrap();
        }
        assert_eq!(rest, b"two\nthree\nerror\n");
        error.join().unwrap();
    }

    #[test]
    fn what_finds_no_room_is_counted_and_the_rest_is_written() {
        let lines = Lines::to(io::sink());
        let line = vec![b'x'; MOST / 4];
        for _ in 0..6 {
            lines.gather(&line);
        }
        let kept = || {
            let state = lines.state();
            (state.waiting.len(), state.lost)
        };
        assert_eq!(kept(), (MOST, 2));
        lines.write(b"");
        assert_eq!(kept(), (0, 2));
        lines.gather(&line);
        assert_eq!(kept(), (line.len(), 2));
    }
}
