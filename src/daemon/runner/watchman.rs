//! Looks after what the kernel does not bound for a run as a whole: how many processes it is, and what it has on disk. And after
//! memory that processes share, which their limit does not count.
//!
//! Each process of a run has limits of its own; all together they could be any number. Counting costs what the run itself is,
//! not what else runs on this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Pid;
use tokio::time::sleep;

use super::cell::Bounds;
use super::family::Family;
use super::process::{Kin, number};
use super::usage;

/// How often it is looked.
const EVERY: Duration = Duration::from_millis(250);
/// Every so many looks at the disk too.
const DISK_EVERY: u32 = 4;
/// With less than this on the disk, whoever is taking it is stopped, wherever it has gone to.
const LOW_DISK: u64 = 64 << 20;

/// Which bound the run went over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Breach {
    Processes(u32),
    /// By one process.
    Memory(u64),
    Disk(u64),
    /// With what is open and has no name any more.
    Nameless(u64),
    /// Too many files to count.
    Entries,
    /// A folder that cannot be looked into.
    Hidden,
    /// The disk runs full, and not by what is in the working directory.
    DiskFull,
}

/// What is looked after.
#[derive(Clone)]
pub(super) struct Watchman {
    family: Family,
    folder: PathBuf,
    bounds: Bounds,
    /// Free on the disk when it began.
    free: u64,
}

impl Watchman {
    /// `given`: what was put into the folder.
    pub(super) fn new(family: Family, folder: &Path, mut bounds: Bounds, given: u64) -> Self {
        bounds.disk = bounds.disk.saturating_add(given);
        Self { family, folder: folder.to_owned(), bounds, free: usage::free(folder) }
    }

    /// Comes back when the run has gone too far. Losing the future loses nothing.
    pub(super) async fn breach(self) -> Breach {
        for nth in 1.. {
            sleep(EVERY).await;
            let watchman = self.clone();
            // Away from the runtime's threads: a hostile folder takes long.
            let looked = tokio::task::spawn_blocking(move || watchman.look(nth % DISK_EVERY == 0));
            if let Ok(Some(breach)) = looked.await {
                return breach;
            }
        }
        std::future::pending().await
    }

    fn look(&self, disk: bool) -> Option<Breach> {
        match self.members() {
            Err(breach) => Some(breach),
            Ok(members) if disk => self.look_at_disk(&members),
            Ok(_) => None,
        }
    }

    fn look_at_disk(&self, members: &[Pid]) -> Option<Breach> {
        let most = self.bounds.disk;
        match usage::of_folder(&self.folder) {
            Ok(bytes) if bytes > most => return Some(Breach::Disk(most)),
            Ok(bytes) => match usage::of_nameless(members) {
                Ok(nameless) if bytes.saturating_add(nameless) > most => return Some(Breach::Nameless(most)),
                Ok(_) => {}
                Err(breach) => return Some(breach),
            },
            Err(breach) => return Some(breach),
        }
        let now = usage::free(&self.folder);
        (now < LOW_DISK && self.free.saturating_sub(now) > LOW_DISK).then_some(Breach::DiskFull)
    }

    /// The run's processes: its leader's descendants, and those whose parents ended before them, which are ours now. The dead
    /// among these count once more, since each held a number until now, and are buried.
    fn members(&self) -> Result<Vec<Pid>, Breach> {
        let (mut members, mut tasks) = (Vec::new(), 0);
        let mut own = self.family.orphans().unwrap_or_default();
        own.retain(|pid| self.family.kin(*pid) == Kin::Own);
        let mut waiting: Vec<Pid> = own.iter().copied().chain([self.family.leader()]).collect();
        while let Some(pid) = waiting.pop() {
            for thread in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
                tasks += 1;
                if tasks > self.bounds.processes {
                    return Err(Breach::Processes(self.bounds.processes));
                }
                let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
                waiting.extend(children.split_ascii_whitespace().filter_map(number));
            }
            if usage::memory(pid) > self.bounds.memory {
                return Err(Breach::Memory(self.bounds.memory));
            }
            members.push(pid);
        }
        for pid in own {
            self.family.bury(pid);
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_threads_are_counted_and_no_more_than_need_be() {
        let root = tempfile::tempdir().unwrap();
        let count = |processes| {
            let bounds =
                Bounds { memory: u64::MAX, cpu: Duration::ZERO, file_size: 0, disk: 0, open_files: 0, processes };
            Watchman::new(Family::of("none", rustix::process::getpid(), false), root.path(), bounds, 0).members()
        };
        let (go, gone) = std::sync::mpsc::channel::<()>();
        let other = std::thread::spawn(move || gone.recv());
        assert!(count(10_000).is_ok());
        assert_eq!(count(1), Err(Breach::Processes(1)));
        drop(go);
        let _ = other.join();
    }
}
