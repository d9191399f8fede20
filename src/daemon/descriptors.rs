//! File descriptors: as many as the system lets us have, and enough of them kept from connections for everything else.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

/// The store, listeners, logs, requests to registries, people's commands.
const KEPT: u32 = 128;
/// A run's pipes, its process, its files.
const OF_A_RUN: u32 = 8;
/// Fewer connections than this are no service.
const FEWEST: u32 = 16;

/// How many connections there may be, of those that are wanted, beside that many runs.
///
/// Who opens connections and says nothing must not take what a plugin needs to be started.
pub fn for_connections(wanted: u32, runs: u32) -> u32 {
    let limit = getrlimit(Resource::Nofile);
    // Refused where the limit was fixed from outside: then it stays what it is.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    let have = getrlimit(Resource::Nofile).current.map_or(u32::MAX, |have| u32::try_from(have).unwrap_or(u32::MAX));
    let may = left(have, wanted, runs);
    if may < wanted {
        warn!(
            "server.max_connections: {wanted} connections beside {runs} runs need more than the {have} file descriptors that \
             this process may have: {may} are accepted at a time; raise LimitNOFILE= of the unit, or ulimit -n"
        );
    }
    may
}

fn left(have: u32, wanted: u32, runs: u32) -> u32 {
    let kept = KEPT.saturating_add(runs.saturating_mul(OF_A_RUN));
    wanted.min(have.saturating_sub(kept).max(FEWEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(have: u32, wanted: u32, runs: u32, expected: u32) {
        assert_eq!(left(have, wanted, runs), expected, "{wanted} wanted of {have} beside {runs} runs");
    }

    #[test]
    fn connections_get_what_the_rest_does_not_need() {
        check(u32::MAX, 1024, 8, 1024);
        check(20_000, 10_000, 8, 10_000);
        check(1024, 1024, 8, 1024 - 128 - 64);
        check(256, 1024, 8, 64);
        check(64, 1024, 8, 16);
        check(64, 2, 8, 2);
        check(1024, 1024, u32::MAX, 16);
    }
}
