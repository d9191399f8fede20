//! What a run uses, as far as the kernel does not bound it.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::statvfs;
use rustix::process::Pid;

use super::watchman::Breach;

/// Files and folders in the working directory beside the model's, or open. More could not be counted in time.
const MOST_ENTRIES: u64 = 100_000;

/// Bytes on disk of a folder and all that is in it. No link is followed.
pub(super) fn of_folder(folder: &Path) -> Result<u64, Breach> {
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

/// Bytes that are free on the disk of a folder.
pub(super) fn free(folder: &Path) -> u64 {
    statvfs(folder).map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Bytes on disk of files that these processes have open and that have no name any more: whoever removes a file that it goes
/// on writing to uses as much as before. Memory files are among them.
pub(super) fn of_nameless(processes: &[Pid]) -> Result<u64, Breach> {
    let (mut bytes, mut entries, mut known) = (0_u64, 0, HashSet::new());
    for pid in processes {
        for entry in fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten() {
            entries += 1;
            if entries > MOST_ENTRIES {
                return Err(Breach::Entries);
            }
            // Of what the link stands for, not of a path.
            let Ok(metadata) = fs::metadata(entry.path()) else { continue };
            if metadata.is_file() && metadata.nlink() == 0 && known.insert((metadata.dev(), metadata.ino())) {
                bytes = bytes.saturating_add(metadata.blocks().saturating_mul(512));
            }
        }
    }
    Ok(bytes)
}

/// Bytes of memory that a process has and that come from no file with a name. `RLIMIT_DATA` counts what it shares with nobody.
pub(super) fn memory(pid: Pid) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let of = |field: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        line.and_then(|line| line.split_ascii_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0)
    };
    of("RssAnon:").saturating_add(of("RssShmem:")).saturating_mul(1024)
}

#[cfg(test)]
mod tests {
    use rustix::process::getpid;

    use super::*;

    #[test]
    fn a_folder_is_as_large_as_what_is_in_it() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("a/b")).unwrap();
        fs::write(root.path().join("a/b/c"), vec![1; 1 << 20]).unwrap();
        std::os::unix::fs::symlink("/", root.path().join("link")).unwrap();
        let bytes = of_folder(root.path()).unwrap();
        assert!((1 << 20..2 << 20).contains(&bytes), "{bytes}");
        assert_eq!(of_folder(&root.path().join("none")), Ok(0));
    }

    #[test]
    fn an_open_file_without_a_name_counts_once() {
        let root = tempfile::tempdir().unwrap();
        let before = of_nameless(&[getpid()]).unwrap();
        let path = root.path().join("file");
        fs::write(&path, vec![1; 64 << 20]).unwrap();
        let (one, other) = (fs::File::open(&path).unwrap(), fs::File::open(&path).unwrap());
        fs::remove_file(&path).unwrap();
        let grown = of_nameless(&[getpid(), getpid()]).unwrap().saturating_sub(before);
        assert!((64 << 20..128 << 20).contains(&grown), "{grown}");
        drop((one, other));
    }

    #[test]
    fn memory_that_we_write_to_counts() {
        let before = memory(getpid());
        let held = vec![1_u8; 64 << 20];
        assert!(memory(getpid()) > before + (32 << 20), "{before}, and {} more", held.len());
    }
}
