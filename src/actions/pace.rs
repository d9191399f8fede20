//! How often a service is asked that tells nobody anything by itself.

use std::time::Duration;

use tokio::time::Instant;

/// Pauses that grow while nothing changes.
pub struct Pace {
    first: Duration,
    most: Duration,
    next: Duration,
}

impl Pace {
    pub fn new(first: Duration, most: Duration) -> Self {
        Self { first, most, next: first }
    }

    /// Something happened: more may soon.
    pub fn quicken(&mut self) {
        self.next = self.first;
    }

    pub async fn pause(&mut self) {
        tokio::time::sleep(self.next).await;
        self.next = (self.next * 3 / 2).min(self.most);
    }
}

/// What must stay so for a while before it is believed.
pub struct Patience {
    ends: Instant,
}

impl Patience {
    pub fn of(settle: Duration) -> Self {
        Self { ends: Instant::now() + settle }
    }

    pub fn is_over(&self) -> bool {
        Instant::now() >= self.ends
    }
}
