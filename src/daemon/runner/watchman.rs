//! Looks after what the kernel does not bound for a run as a whole: how many processes it is, and what it has on disk.
//!
//! Each process of a run has limits of its own; all together they could be any number. Counting costs what the run itself is,
//! not what else runs on this machine.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::statvfs;
use rustix::process::Pid;
use tokio::time::sleep;

use super::cell::Bounds;
use super::family::Family;
use super::process::{Process, number};

/// How often it is looked.
const EVERY: Duration = Duration::from_millis(250);
/// Every so many looks at the disk too.
const DISK_EVERY: u32 = 4;
/// Files and folders in the working directory beside the model's. More could not be counted in time.
const MOST_ENTRIES: u64 = 100_000;
/// With less than this on the disk, whoever is taking it is stopped, wherever it has gone to.
const LOW_DISK: u64 = 64 << 20;

/// Which bound the run went over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Breach {
    Processes(u32),
    Disk(u64),
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
        Self { family, folder: folder.to_owned(), bounds, free: free(folder) }
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
        let most = self.bounds.processes;
        if self.tasks() > most {
            return Some(Breach::Processes(most));
        }
        if !disk {
            return None;
        }
        match usage(&self.folder) {
            Ok(bytes) if bytes > self.bounds.disk => return Some(Breach::Disk(self.bounds.disk)),
            Ok(_) => {}
            Err(breach) => return Some(breach),
        }
        let now = free(&self.folder);
        (now < LOW_DISK && self.free.saturating_sub(now) > LOW_DISK).then_some(Breach::DiskFull)
    }

    /// Processes and threads of the run, up to one more than it may have: its leader's descendants, and those whose parents
    /// ended before them, which are ours now.
    fn tasks(&self) -> u32 {
        let orphans = self.family.orphans().unwrap_or_default().into_iter();
        let own = orphans.filter(|pid| Process::look(*pid).is_some_and(|process| self.family.has(&process)));
        let mut waiting: Vec<Pid> = own.chain([self.family.leader()]).collect();
        let mut tasks = 0;
        while let Some(pid) = waiting.pop() {
            for thread in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
                tasks += 1;
                if tasks > self.bounds.processes {
                    return tasks;
                }
                let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
                waiting.extend(children.split_ascii_whitespace().filter_map(number));
            }
        }
        tasks
    }
}

/// Bytes on disk of a folder and all that is in it. No link is followed.
fn usage(folder: &Path) -> Result<u64, Breach> {
    let (mut bytes, mut entries) = (0_u64, 0);
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        let listed = match fs::read_dir(&folder) {
            Ok(listed) => listed,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            // Without permissions, or nested deeper than a path can be long.
            Err(_) => return Err(Breach::Hidden),
        };
        for entry in listed.flatten() {
            entries += 1;
            if entries > MOST_ENTRIES {
                return Err(Breach::Entries);
            }
            let Ok(metadata) = entry.metadata() else { continue };
            bytes = bytes.saturating_add(metadata.blocks().saturating_mul(512));
            if metadata.is_dir() {
                waiting.push(entry.path());
            }
        }
    }
    Ok(bytes)
}

fn free(folder: &Path) -> u64 {
    statvfs(folder).map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_as_large_as_what_is_in_it() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("a/b")).unwrap();
        fs::write(root.path().join("a/b/c"), vec![1; 1 << 20]).unwrap();
        std::os::unix::fs::symlink("/", root.path().join("link")).unwrap();
        let bytes = usage(root.path()).unwrap();
        assert!((1 << 20..2 << 20).contains(&bytes), "{bytes}");
        assert_eq!(usage(&root.path().join("none")), Ok(0));
    }

    #[test]
    fn our_own_threads_are_counted_and_no_more_than_need_be() {
        let root = tempfile::tempdir().unwrap();
        let count = |processes| {
            let bounds = Bounds { memory: 0, cpu: Duration::ZERO, file_size: 0, disk: 0, open_files: 0, processes };
            Watchman::new(Family::of("none", rustix::process::getpid(), false), root.path(), bounds, 0).tasks()
        };
        let (go, gone) = std::sync::mpsc::channel::<()>();
        let other = std::thread::spawn(move || gone.recv());
        assert!(count(10_000) >= 2);
        assert_eq!(count(1), 2);
        drop(go);
        let _ = other.join();
    }
}
