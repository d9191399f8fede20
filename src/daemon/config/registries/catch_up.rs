//! From when on a registry that is new to us is caught up with.

use std::time::Duration;

use scanrelay::Timestamp;

use crate::daemon::config::error::Fault;
use crate::daemon::config::units::Span;

/// A moment, or so long before the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CatchUpFrom {
    At(Timestamp),
    Ago(Duration),
}

impl CatchUpFrom {
    pub(super) fn parse(text: &str, key: &str) -> Result<Self, Fault> {
        if let Some(at) = Timestamp::from_rfc3339(text) {
            return Ok(Self::At(at));
        }
        let ago = Span::parse(text).map(|Span(ago)| Self::Ago(ago));
        ago.ok_or_else(|| {
            Fault::at(key, "it is neither a moment nor a duration: write \"2026-01-31T12:00:00Z\", or \"7d\"")
        })
    }

    /// As a moment.
    pub fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(ago) => Timestamp::from_millis(
                now.as_millis().saturating_sub(i64::try_from(ago.as_millis()).unwrap_or(i64::MAX)),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_or_a_duration() {
        let now = Timestamp::from_millis(1_800_000_000_000);
        let at =
            |text: &str| CatchUpFrom::parse(text, "registries.r.catch_up_from").map(|from| from.at(now).as_millis());
        assert_eq!(at("2026-01-31T12:00:00Z").unwrap(), 1_769_860_800_000);
        assert_eq!(at("7d").unwrap(), 1_800_000_000_000 - 7 * 86_400_000);
        assert!(at("yesterday").unwrap_err().to_string().contains("registries.r.catch_up_from"));
    }
}
