//! Which of the errors that repeat are said, and when it is said how many were not. Time is an argument.

use std::collections::HashMap;
use std::time::Duration;

/// So many of the same are said; what follows within the pause is counted.
pub const FIRST: u32 = 5;
pub const PAUSE: Duration = Duration::from_secs(30);
/// More different errors than this are not told apart by what they say.
pub const MOST: usize = 256;

/// What is the same: where it is said, and what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pub place: u64,
    pub words: u64,
}

/// The errors of the last pause.
#[derive(Debug, Default)]
pub struct Repeats(HashMap<Key, Seen>);

#[derive(Debug)]
struct Seen {
    words: String,
    since: Duration,
    said: u32,
    hidden: u64,
}

/// What was not said, with what it would have said.
#[derive(Debug, PartialEq, Eq)]
pub struct Hidden {
    pub words: String,
    pub times: u64,
}

/// What to do with an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Say {
    Now,
    /// It is counted. `first`: nobody waits yet for the moment to say how many.
    Later {
        first: bool,
    },
}

impl Repeats {
    /// An error at that time. `words` are asked for when it is new.
    pub fn look(&mut self, key: Key, now: Duration, words: impl FnOnce() -> String) -> Say {
        if self.0.len() >= MOST {
            self.0.retain(|_, seen| seen.hidden > 0 || now.saturating_sub(seen.since) < PAUSE);
        }
        let key = if self.0.len() < MOST || self.0.contains_key(&key) { key } else { Key { words: 0, ..key } };
        let seen = self.0.entry(key).or_insert_with(|| Seen { words: words(), since: now, said: 0, hidden: 0 });
        // One that was hidden ends its pause in `over`, which tells of it.
        if seen.hidden == 0 && now.saturating_sub(seen.since) >= PAUSE {
            (seen.since, seen.said) = (now, 0);
        }
        if seen.said < FIRST {
            seen.said += 1;
            return Say::Now;
        }
        seen.hidden += 1;
        Say::Later { first: seen.hidden == 1 }
    }

    /// Ends the pauses that are over: what was hidden in them.
    pub fn over(&mut self, now: Duration) -> Vec<Hidden> {
        let over = self.0.extract_if(|_, seen| now.saturating_sub(seen.since) >= PAUSE);
        over.filter(|(_, seen)| seen.hidden > 0)
            .map(|(_, seen)| Hidden { words: seen.words, times: seen.hidden })
            .collect()
    }

    /// When the next pause is over in which something is hidden.
    pub fn next(&self) -> Option<Duration> {
        self.0.values().filter(|seen| seen.hidden > 0).map(|seen| seen.since + PAUSE).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNREACHABLE: Key = Key { place: 1, words: 1 };
    const REFUSED: Key = Key { place: 1, words: 2 };

    /// Looks at an error at each of these seconds: `S` is said, `h` hidden, and a number what was hidden in a pause that
    /// is over by then.
    fn check(seconds: &[u64], expected: &str) {
        let mut repeats = Repeats::default();
        let mut found = String::new();
        for second in seconds {
            let now = Duration::from_secs(*second);
            let hidden: u64 = repeats.over(now).iter().map(|hidden| hidden.times).sum();
            if hidden > 0 {
                found.push_str(&hidden.to_string());
            }
            match repeats.look(UNREACHABLE, now, || "unreachable".to_owned()) {
                Say::Now => found.push('S'),
                Say::Later { .. } => found.push('h'),
            }
        }
        assert_eq!(found, expected, "{seconds:?}");
    }

    #[test]
    fn the_first_are_said_and_the_rest_of_the_pause_is_counted() {
        check(&[0], "S");
        check(&[0, 0, 0, 0, 0], "SSSSS");
        check(&[0, 0, 0, 0, 0, 0, 29], "SSSSShh");
        check(&[0, 0, 0, 0, 0, 0, 29, 30], "SSSSShh2S");
        check(&[0, 0, 0, 0, 0, 1, 31, 31, 31, 31, 31, 31, 61], "SSSSSh1SSSSSh1S");
        check(&[0, 10, 20, 30, 40, 50, 60, 70], "SSSSSSSS");
        check(&[100, 99, 98, 0, 0, 0], "SSSSSh");
    }

    #[test]
    fn other_words_and_other_places_have_pauses_of_their_own() {
        let mut repeats = Repeats::default();
        let mut look = |key| repeats.look(key, Duration::ZERO, String::new);
        for _ in 0..FIRST {
            assert_eq!(look(UNREACHABLE), Say::Now);
        }
        assert_eq!(look(UNREACHABLE), Say::Later { first: true });
        assert_eq!(look(UNREACHABLE), Say::Later { first: false });
        assert_eq!(look(REFUSED), Say::Now);
        assert_eq!(look(Key { place: 2, words: 1 }), Say::Now);
    }

    #[test]
    fn what_was_hidden_is_told_without_another_error() {
        let mut repeats = Repeats::default();
        assert_eq!(repeats.next(), None);
        for _ in 0..FIRST + 7 {
            repeats.look(UNREACHABLE, Duration::from_secs(1), || "unreachable".to_owned());
        }
        let (before, end) = (PAUSE, Duration::from_secs(1) + PAUSE);
        assert_eq!(repeats.next(), Some(end));
        assert_eq!(repeats.over(before), []);
        assert_eq!(repeats.over(end), [Hidden { words: "unreachable".to_owned(), times: 7 }]);
        assert_eq!((repeats.next(), repeats.0.len()), (None, 0), "nothing is kept of it");
    }

    #[test]
    fn a_flood_of_different_errors_is_bounded_too() {
        let mut repeats = Repeats::default();
        let said = (0..10_000).filter(|words| {
            let key = Key { place: 1, words: 1 + words };
            repeats.look(key, Duration::ZERO, String::new) == Say::Now
        });
        assert_eq!(said.count(), MOST + FIRST as usize);
        assert!(repeats.0.len() <= MOST + 1);
        let hidden: u64 = repeats.over(PAUSE).iter().map(|hidden| hidden.times).sum();
        assert_eq!(hidden, 10_000 - MOST as u64 - u64::from(FIRST), "and none is lost");
    }
}
