//! What time it is: job time, which no clock step moves, and wall time, which only signatures read.

use std::time::Duration;

use scanrelay::Timestamp;
use tokio::time::Instant;

/// Job time is the wall time at the start plus monotonic time since.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Timestamp,
    origin: Instant,
    wall: Wall,
}

#[derive(Clone, Copy, Debug)]
enum Wall {
    System,
    /// The wall shows job time: a simulation's paused clock drives both.
    #[cfg(test)]
    Job,
}

impl Clock {
    /// The system's clock, from now on.
    pub fn system() -> Self {
        Self { start: system_time(), origin: Instant::now(), wall: Wall::System }
    }

    /// A clock that shows `start` now and goes with tokio's clock, paused or not.
    #[cfg(test)]
    pub fn simulated(start: Timestamp) -> Self {
        Self { start, origin: Instant::now(), wall: Wall::Job }
    }

    /// Job time.
    pub fn now(&self) -> Timestamp {
        self.start.after(self.origin.elapsed())
    }

    /// Wall time: the only clock that a sender shares.
    pub fn wall(&self) -> Timestamp {
        match self.wall {
            Wall::System => system_time(),
            #[cfg(test)]
            Wall::Job => self.now(),
        }
    }

    /// How long to sleep until `at`.
    pub fn until(&self, at: Timestamp) -> Duration {
        at.since(self.now())
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place where the daemon reads the wall clock")]
fn system_time() -> Timestamp {
    Timestamp::from(std::time::SystemTime::now())
}
