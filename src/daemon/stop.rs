//! The word to stop, and whose it is: this attempt alone is unwanted, or everything stops and what was begun goes on later.

use tokio_util::sync::CancellationToken;

/// Whose word it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Somebody wants this attempt to end.
    Cancel,
    /// Everything stops; what has not ended is begun again at the next start.
    Shutdown,
}

/// What one attempt listens to. Clones are of the same attempt.
#[derive(Clone, Debug)]
pub struct Stop {
    /// Somebody said it to this one.
    cancelled: CancellationToken,
    /// Somebody said it to this one, or to all.
    either: CancellationToken,
}

impl Stop {
    /// That of an attempt that ends with `all` at the latest.
    pub fn before(all: &CancellationToken) -> Self {
        Self { cancelled: CancellationToken::new(), either: all.child_token() }
    }

    /// That of the only attempt there is: whoever ends it begins no other.
    pub fn alone(told: CancellationToken) -> Self {
        Self { cancelled: told.clone(), either: told }
    }

    /// Ends this attempt.
    pub fn cancel(&self) {
        self.cancelled.cancel();
        self.either.cancel();
    }

    /// Cancelled when it is said.
    pub fn token(&self) -> &CancellationToken {
        &self.either
    }

    /// Why, once it is said. Who cancels an attempt is heard although everything stops as well.
    pub fn why(&self) -> Why {
        if self.cancelled.is_cancelled() { Why::Cancel } else { Why::Shutdown }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_cancelled_and_all_are_shut_down() {
        let all = CancellationToken::new();
        let (one, other) = (Stop::before(&all), Stop::before(&all));
        one.clone().cancel();
        assert!(one.token().is_cancelled() && !other.token().is_cancelled() && !all.is_cancelled());
        all.cancel();
        assert!(other.token().is_cancelled());
        assert_eq!((one.why(), other.why()), (Why::Cancel, Why::Shutdown));
        other.cancel();
        assert_eq!(other.why(), Why::Cancel);
        assert_eq!(Stop::alone(all).why(), Why::Cancel);
    }
}
