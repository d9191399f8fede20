//! What `/proc` tells of a process.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use rustix::process::Pid;
use scanrelay::plugin::printable;

use super::mark::Mark;

/// Bytes of an environment that are looked at; the kernel's bound for arguments and environment is below this.
const MAX_ENVIRON: u64 = 8 * 1024 * 1024;
const RUN_ID: &[u8] = b"SCANRELAY_RUN_ID=";
/// `PF_EXITING`, of the kernel's flags for a task: it executes no more of its program. It is set before its files are closed,
/// and the process counts as dead only afterwards.
const EXITING: u32 = 0x4;

/// A process that is alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: Pid,
    /// Its short name, printable.
    pub(super) name: String,
    pub(super) group: Option<Pid>,
    /// The run that started it, from its environment, where we may read that.
    pub(super) run: Option<Vec<u8>>,
    /// The mark of that run, where it was started in a cell.
    pub(super) mark: Option<Mark>,
    /// On its way out already.
    pub(super) exiting: bool,
}

/// All processes.
pub(super) fn all() -> impl Iterator<Item = Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| number(entry.file_name().to_str()?))
}

/// The number of a process or of a group, as `/proc` writes it. `None`: it names none. The kernel writes -1 for the group of
/// a process that is just being reaped, and 0 for what is outside our namespace.
pub(super) fn number(text: &str) -> Option<Pid> {
    Pid::from_raw(text.parse().ok().filter(|number: &i32| *number > 0)?)
}

/// What a process is to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kin {
    /// Of it, alive or dead.
    Own,
    /// Alive, and not of it.
    Stranger,
    /// Dead, and nothing that it still has tells whose it was.
    Dead,
    /// There is none.
    Gone,
}

impl Kin {
    /// What the dead still have is looked at first, and what is quickest before that.
    pub(super) fn of(pid: Pid, run: &str, mark: Mark, leader: Pid) -> Self {
        if Mark::borne_by(pid) == Some(mark) {
            return Self::Own;
        }
        let Some(stat) = Stat::of(pid) else { return Self::Gone };
        if stat.group == Some(leader) || !stat.dead && run_of(pid).as_deref() == Some(run.as_bytes()) {
            return Self::Own;
        }
        if stat.dead { Self::Dead } else { Self::Stranger }
    }
}

impl Process {
    /// `None`: there is none, or it is dead and waits to be reaped.
    pub(super) fn look(pid: Pid) -> Option<Self> {
        let Stat { name, group, exiting, dead } = Stat::of(pid)?;
        (!dead).then(|| Self { pid, name, group, run: run_of(pid), mark: Mark::borne_by(pid), exiting })
    }

    /// One that was killed and has not been reaped: its name is what matters of it.
    pub(super) fn killed(pid: Pid) -> Option<Self> {
        let Stat { name, group, .. } = Stat::of(pid)?;
        Some(Self { pid, name, group, run: None, mark: None, exiting: false })
    }

    /// Whether it is one of that run's.
    pub(super) fn is_of(&self, run: &str, leader: Pid) -> bool {
        self.group == Some(leader) || self.mark == Some(Mark::of(run)) || self.run.as_deref() == Some(run.as_bytes())
    }
}

/// The run that it names in its environment.
fn run_of(pid: Pid) -> Option<Vec<u8>> {
    let environ = environ(pid);
    environ.split(|byte| *byte == 0).find_map(|variable| variable.strip_prefix(RUN_ID)).map(<[u8]>::to_vec)
}

/// Empty of other users' processes, which are none of ours: theirs cannot be read.
fn environ(pid: Pid) -> Vec<u8> {
    let read = |path: &Path| {
        let mut environ = Vec::new();
        File::open(path)?.take(MAX_ENVIRON).read_to_end(&mut environ).map(|_| environ)
    };
    read(Path::new(&format!("/proc/{pid}/environ"))).unwrap_or_else(|_| {
        // The first thread may have ended before the others.
        let mut threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        threads.find_map(|thread| read(&thread.path().join("environ")).ok()).unwrap_or_default()
    })
}

/// What is of interest in a process's `stat`, see `proc_pid_stat(5)`.
#[derive(Debug, PartialEq)]
struct Stat {
    name: String,
    group: Option<Pid>,
    exiting: bool,
    /// It waits to be reaped, or is being reaped.
    dead: bool,
}

impl Stat {
    fn of(pid: Pid) -> Option<Self> {
        Self::parse(&fs::read(format!("/proc/{pid}/stat")).ok()?)
    }

    /// `pid (name) state parent group session terminal its-group flags …`, where the name may hold anything, also `) Z 1`.
    /// The state is the first thread's, and the number of threads is the eleventh after the
    /// flags.
    fn parse(stat: &[u8]) -> Option<Self> {
        let (open, close) = (stat.iter().position(|byte| *byte == b'(')?, stat.iter().rposition(|byte| *byte == b')')?);
        let name = String::from_utf8_lossy(stat.get(open + 1..close)?);
        let rest = std::str::from_utf8(&stat[close + 1..]).ok()?;
        let mut fields = rest.split_ascii_whitespace();
        let state = fields.next()?;
        let group = fields.nth(1)?;
        let flags: u32 = fields.nth(3)?.parse().ok()?;
        let alone = fields.nth(10)?.parse::<u32>().ok()? <= 1;
        // Whoever has no group any more has been reaped while we asked, whatever its state was a moment before.
        let dead = matches!(state, "X" | "x") || state == "Z" && alone || group == "-1";
        let exiting = flags & EXITING != 0 && alone;
        Some(Self { name: printable(&name).into_owned(), group: number(group), exiting, dead })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let check = |stat: &str, expected: Option<(&str, i32, bool)>| {
            let expected = expected.map(|(name, group, exiting)| Stat {
                name: name.to_owned(),
                group: Pid::from_raw(group),
                exiting,
                dead: false,
            });
            assert_eq!(Stat::parse(stat.as_bytes()).filter(|stat| !stat.dead), expected, "{stat}");
        };
        let rest = |flags: u32, threads: u32| format!("1 5 5 0 -1 {flags} 29 65 21 2 5 2 3 3 20 0 {threads} 0 44");
        check(&format!("7 (sh) S {}", rest(0x40_0000, 1)), Some(("sh", 5, false)));
        check(&format!("7 (sh) R {}", rest(0x40_0004, 1)), Some(("sh", 5, true)));
        check(&format!("7 (a) Z 1 9 (b)) R {}", rest(0, 1)), Some(("a) Z 1 9 (b)", 5, false)));
        check(&format!("7 (\u{1b}[2K) R {}", rest(0, 1)), Some((r"\u{1b}[2K", 5, false)));
        check(&format!("7 (sh) Z {}", rest(0x4, 1)), None);
        check(&format!("7 (sh) Z {}", rest(0x4, 2)), Some(("sh", 5, false)));
        check(&format!("7 (sh) X {}", rest(0x4, 2)), None);
        // As seen of a process that was being reaped.
        check("7 (sh) X 0 -1 -1 0 -1 4227148 17 0 0 0 0 0 0 0 20 0 0 0 44", None);
        check("7 (sh) R 0 -1 -1 0 -1 4227148 17 0 0 0 0 0 0 0 20 0 0 0 44", None);
        check("7 (sh) S 1 5 5 0 -1 4194304 29", None);
        check("7 (sh", None);
        check("", None);
    }

    #[test]
    fn what_names_no_process_is_no_number() {
        for text in ["-1", "0", "-2147483648", "2147483648", "self", ""] {
            assert_eq!(number(text), None, "{text}");
        }
        assert_eq!(number("7"), Pid::from_raw(7));
    }

    #[test]
    fn we_are_among_all_processes() {
        let own = rustix::process::getpid();
        assert!(all().any(|pid| pid == own));
        let found = Process::look(own).unwrap();
        assert_eq!((found.group, found.exiting), (Some(rustix::process::getpgrp()), false));
    }
}
