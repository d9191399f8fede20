//! What time it is: job time, which no clock step moves and which never goes back, and wall time, which only signatures read.

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
    /// The wall shows job time: a test's paused clock drives both.
    #[cfg(test)]
    Job,
    /// The wall shows this time, going on, and is off by what has been stepped.
    #[cfg(test)]
    Stepping(Timestamp, Steps),
}

/// By how many milliseconds a simulation's wall is off at the moment. It outlives daemons.
#[cfg(test)]
#[derive(Clone, Copy, Debug)]
pub struct Steps(&'static std::sync::atomic::AtomicI64);

#[cfg(test)]
impl Steps {
    pub fn new() -> Self {
        Self(Box::leak(Box::default()))
    }

    pub fn to(self, millis: i64) {
        self.0.store(millis, std::sync::atomic::Ordering::Relaxed);
    }

    pub fn by(self) -> i64 {
        self.0.load(std::sync::atomic::Ordering::Relaxed)
    }

    fn shown(self, time: Timestamp) -> Timestamp {
        Timestamp::from_millis(time.as_millis() + self.by())
    }
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

    /// A daemon's clock that starts at that true time on a wall which is stepped.
    #[cfg(test)]
    pub fn stepping(now: Timestamp, steps: Steps) -> Self {
        Self { start: steps.shown(now), origin: Instant::now(), wall: Wall::Stepping(now, steps) }
    }

    /// The same, with job time not before `stood`.
    #[must_use]
    pub fn not_before(self, stood: Timestamp) -> Self {
        Self { start: self.start.max(stood), ..self }
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
            #[cfg(test)]
            Wall::Stepping(start, steps) => steps.shown(start.after(self.origin.elapsed())),
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
