//! Ids of our own spans in other people's traces.

use std::hash::{BuildHasher as _, RandomState};
use std::num::NonZeroU64;

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
