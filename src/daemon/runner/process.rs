//! What `/proc` tells of a process.

use std::fs::{self, File};
use std::io::Read as _;

use rustix::process::Pid;
use scanrelay::plugin::printable;

/// Bytes of an environment that are looked at; the kernel's bound for arguments and environment is below this.
const MAX_ENVIRON: u64 = 8 * 1024 * 1024;
const RUN_ID: &[u8] = b"SCANRELAY_RUN_ID=";

/// A process that is alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: Pid,
    /// Its short name, printable.
    pub(super) name: String,
    pub(super) group: Option<Pid>,
    /// The run that started it, from its environment, where we may read that.
    pub(super) run: Option<Vec<u8>>,
}

/// All processes.
pub(super) fn all() -> impl Iterator<Item = Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok().and_then(Pid::from_raw))
}

impl Process {
    /// `None`: there is none, or it is dead and waits to be reaped.
    pub(super) fn look(pid: Pid) -> Option<Self> {
        let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
        let (name, group) = parse_stat(&stat)?;
        let mut environ = Vec::new();
        // Of other users' processes it cannot be read: those are none of ours.
        let _ = File::open(format!("/proc/{pid}/environ"))
            .and_then(|file| file.take(MAX_ENVIRON).read_to_end(&mut environ));
        let run = environ.split(|byte| *byte == 0).find_map(|variable| variable.strip_prefix(RUN_ID));
        Some(Self { pid, name, group, run: run.map(<[u8]>::to_vec) })
    }
}

/// `pid (name) state parent group …`, where the name may hold anything, also `) Z 1`. `None`: dead.
fn parse_stat(stat: &[u8]) -> Option<(String, Option<Pid>)> {
    let (open, close) = (stat.iter().position(|byte| *byte == b'(')?, stat.iter().rposition(|byte| *byte == b')')?);
    let name = String::from_utf8_lossy(stat.get(open + 1..close)?);
    let rest = std::str::from_utf8(&stat[close + 1..]).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    if matches!(fields.next()?, "Z" | "X" | "x") {
        return None;
    }
    let group = fields.nth(1)?.parse().ok().and_then(Pid::from_raw);
    Some((printable(&name).into_owned(), group))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let check = |stat: &str, expected: Option<(&str, i32)>| {
            let expected = expected.map(|(name, group)| (name.to_owned(), Pid::from_raw(group)));
            assert_eq!(parse_stat(stat.as_bytes()), expected, "{stat}");
        };
        check("7 (sh) S 1 5 5 0 -1", Some(("sh", 5)));
        check("7 (a) Z 1 9 (b)) R 1 5 5", Some(("a) Z 1 9 (b)", 5)));
        check("7 (\u{1b}[2K) R 1 5 5", Some((r"\u{1b}[2K", 5)));
        check("7 (sh) Z 1 5 5 0 -1", None);
        check("7 (sh", None);
        check("", None);
    }

    #[test]
    fn we_are_among_all_processes() {
        let own = rustix::process::getpid();
        assert!(all().any(|pid| pid == own));
        assert_eq!(Process::look(own).unwrap().group, Some(rustix::process::getpgrp()));
    }
}
