//! Removes a folder whatever a plugin made of it: subfolders without permissions, or nested thousands deep.
//!
//! `std::fs::remove_dir_all` gives up at a folder of mode 000 and keeps a descriptor and a stack frame per level. Here
//! subfolders are moved to the top, level by level, so depth costs nothing; no link is followed.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, chmodat, openat, renameat, unlinkat};
use rustix::io::{Errno, Result};
use rustix::path::Arg;

/// Passes over the top folder; each takes away at least one level. Ends a race with somebody who keeps writing.
const PASSES: u32 = 1 << 20;

/// Removes the folder and everything in it. That it is not there is no fault.
pub fn remove(folder: &Path) -> Result<()> {
    let top = match open(CWD, folder) {
        Ok(top) => top,
        Err(Errno::NOENT) => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut moved = 0;
    for _ in 0..PASSES {
        match pass(&top, &mut moved)? {
            Pass::Empty => break,
            Pass::Removed => {}
        }
    }
    unlinkat(CWD, folder, AtFlags::REMOVEDIR)
}

enum Pass {
    Empty,
    Removed,
}

/// One pass: files go, the folders of folders come up. A pass that achieved nothing is the error that stopped it.
fn pass(top: &OwnedFd, moved: &mut u64) -> Result<Pass> {
    let (mut progress, mut stopped) = (false, None);
    for entry in Dir::read_from(top)? {
        let entry = entry?;
        if is_dots(entry.file_name()) {
            continue;
        }
        match remove_entry(top, entry.file_name(), moved) {
            Ok(()) => progress = true,
            Err(Errno::NOENT) => {}
            Err(error) => stopped = Some(error),
        }
    }
    match (progress, stopped) {
        (true, _) => Ok(Pass::Removed),
        (false, Some(error)) => Err(error),
        (false, None) => Ok(Pass::Empty),
    }
}

fn remove_entry(top: &OwnedFd, name: &CStr, moved: &mut u64) -> Result<()> {
    match unlinkat(top, name, AtFlags::empty()) {
        Err(Errno::ISDIR) => {}
        other => return other,
    }
    let folder = open(top, name)?;
    for entry in Dir::read_from(&folder)? {
        let entry = entry?;
        if is_dots(entry.file_name()) {
            continue;
        }
        match unlinkat(&folder, entry.file_name(), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(Errno::ISDIR) => move_up(&folder, entry.file_name(), top, moved)?,
            Err(error) => return Err(error),
        }
    }
    unlinkat(top, name, AtFlags::REMOVEDIR)
}

/// Moves a folder to the top under a name that is free there.
fn move_up(folder: &OwnedFd, name: &CStr, top: &OwnedFd, moved: &mut u64) -> Result<()> {
    // Moving a folder rewrites its "..", for which it must be writable.
    open(folder, name)?;
    loop {
        *moved += 1;
        match renameat(folder, name, top, format!(".moved-{moved}")) {
            Err(Errno::EXIST | Errno::NOTEMPTY | Errno::NOTDIR) => {}
            other => return other,
        }
    }
}

/// Opens a folder that may have lost its permissions. Not through a link.
fn open(at: impl AsFd, name: impl Arg) -> Result<OwnedFd> {
    let handle =
        openat(at, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    // A handle cannot be `fchmod`ed; its entry in /proc leads to the same folder.
    chmodat(CWD, format!("/proc/self/fd/{}", handle.as_raw_fd()), Mode::RWXU, AtFlags::empty())?;
    openat(&handle, c".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

fn is_dots(name: &CStr) -> bool {
    matches!(name.to_bytes(), b"." | b"..")
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn folders_without_permissions_are_removed_and_links_are_not_followed() {
        let root = tempfile::tempdir().unwrap();
        let (kept, gone) = (root.path().join("kept"), root.path().join("gone"));
        fs::create_dir(&kept).unwrap();
        fs::write(kept.join("file"), "x").unwrap();
        fs::create_dir_all(gone.join("a/b/c")).unwrap();
        fs::create_dir_all(gone.join(".moved-1/x")).unwrap();
        fs::write(gone.join("a/b/c/file"), "x").unwrap();
        symlink(&kept, gone.join("a/link")).unwrap();
        symlink(&kept, gone.join("link")).unwrap();
        fs::set_permissions(gone.join("a/b"), Permissions::from_mode(0o000)).unwrap();
        fs::set_permissions(gone.join("a"), Permissions::from_mode(0o000)).unwrap();
        remove(&gone).unwrap();
        assert!(!gone.exists());
        assert!(kept.join("file").exists());
        remove(&gone).unwrap();
    }

    #[test]
    fn a_chain_deeper_than_descriptors_and_stack_allow_is_removed() {
        let root = tempfile::tempdir().unwrap();
        let gone = root.path().join("gone");
        fs::create_dir(&gone).unwrap();
        let mut at = open(CWD, gone.as_path()).unwrap();
        for _ in 0..5000 {
            rustix::fs::mkdirat(&at, c"d", Mode::RWXU).unwrap();
            at = open(&at, c"d").unwrap();
        }
        remove(&gone).unwrap();
        assert!(!gone.exists());
    }

    #[test]
    fn a_link_in_the_folders_place_is_refused() {
        let root = tempfile::tempdir().unwrap();
        symlink("/tmp", root.path().join("link")).unwrap();
        assert_eq!(remove(&root.path().join("link")), Err(Errno::NOTDIR));
    }
}
