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
