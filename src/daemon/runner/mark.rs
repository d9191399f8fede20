//! What each process of a run carries and cannot put off: by it the run's are found when they have left their group and
//! cleared their environment.
//!
//! Linux has a limit that it has not enforced since 2.4.25, `RLIMIT_LOCKS` of getrlimit(2). Children inherit it, whoever looks
//! may read it, nobody without privileges can raise it, and the cell's filter of system calls refuses to lower it.

use std::fs;

use rustix::process::Pid;
use sha2::{Digest as _, Sha256};

/// How `/proc/PID/limits` calls it.
const LIMIT: &str = "Max file locks ";

/// The mark of one run: half of it of its store. Kept below what means "no limit".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark(u64);

impl Mark {
    /// That of a run, whose id is its store's, `-`, and its own part.
    pub(super) fn of(run: &str) -> Self {
        let (store, own) = run.rsplit_once('-').unwrap_or(("", run));
        Self(u64::from(digest(store) >> 1) << 32 | u64::from(digest(own)))
    }

    /// What that process carries, if it carries any.
    pub(super) fn borne_by(pid: Pid) -> Option<Self> {
        let limits = fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
        Self::parse(&limits)
    }

    /// Whether it is of a run of that store.
    pub(super) fn is_of_store(self, store: &str) -> bool {
        self.0 >> 32 == u64::from(digest(store) >> 1)
    }

    /// The limit.
    pub(super) fn number(self) -> u64 {
        self.0
    }

    fn parse(limits: &str) -> Option<Self> {
        let line = limits.lines().find_map(|line| line.strip_prefix(LIMIT))?;
        line.split_ascii_whitespace().nth(1)?.parse().ok().map(Self)
    }
}

fn digest(text: &str) -> u32 {
    let digest = Sha256::digest(text);
    u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_of_one_run_and_of_its_store() {
        let mark = Mark::of("0f1e-12");
        assert_eq!(mark, Mark::of("0f1e-12"));
        for other in ["0f1e-13", "0f1f-12", "12", ""] {
            assert_ne!(mark, Mark::of(other), "{other}");
        }
        assert!(mark.is_of_store("0f1e") && !mark.is_of_store("0f1f"));
        assert!(mark.number() < 1 << 63, "none of them means that there is no limit");
    }

    #[test]
    fn it_is_read_from_the_hard_limit() {
        let limits = |line: &str| format!("Limit  Soft Limit  Hard Limit  Units\n{line}\nMax nice priority 0 0\n");
        assert_eq!(
            Mark::parse(&limits("Max file locks            7                    12                   locks")),
            Some(Mark(12))
        );
        assert_eq!(
            Mark::parse(&limits("Max file locks            unlimited            unlimited            locks")),
            None
        );
        assert_eq!(Mark::parse(""), None);
        assert_eq!(Mark::borne_by(rustix::process::getpid()), None);
    }
}
