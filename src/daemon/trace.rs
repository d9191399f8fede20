//! Traces that a delivery belongs to, and our own spans in them.
//!
//! Without the feature `otel`, or without a collector, a trace that a sender began is passed on, and that is all.

#[cfg(feature = "otel")]
mod export;
#[cfg(not(feature = "otel"))]
mod silent;

use std::hash::{BuildHasher as _, RandomState};
use std::num::NonZeroU64;
use std::time::Duration;

use scanrelay::TraceParent;

#[cfg(feature = "otel")]
pub use export::Spans;
#[cfg(not(feature = "otel"))]
pub use silent::Spans;

/// Something that was done, and is over now.
#[cfg_attr(not(feature = "otel"), expect(dead_code, reason = "nobody is told of it"))]
#[derive(Clone, Copy)]
pub struct Span<'a> {
    /// `receive`, or the job's phase.
    pub name: &'static str,
    /// The trace, and the span's own id.
    pub own: TraceParent,
    /// The span that this one is a part of.
    pub parent: Option<TraceParent>,
    pub took: Duration,
    pub delivery: i64,
    pub registry: &'a str,
    pub plugin: Option<&'a str>,
    /// Why it did not come to its end.
    pub failure: Option<&'a str>,
}

/// An id that nobody has. It is no secret: the standard library's random state, which is seeded by the system, will do.
pub fn span() -> NonZeroU64 {
    loop {
        if let Some(id) = NonZeroU64::new(RandomState::new().hash_one(())) {
            return id;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_the_same() {
        let ids: std::collections::BTreeSet<NonZeroU64> = (0..10_000).map(|_| span()).collect();
        assert_eq!(ids.len(), 10_000);
    }
}
