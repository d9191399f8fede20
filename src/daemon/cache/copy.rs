//! Copies a generation. Who made it may mean harm: no link is followed, also not one that takes a folder's place meanwhile,
//! and it is not gone into deeper, or for more, than a database takes.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, fchmod, fstat, mkdirat, openat, readlinkat, statat, symlinkat,
};
use rustix::io::Errno;
use rustix::path::Arg;

/// Folders within folders. Each level takes two descriptors.
const DEEPEST: u32 = 32;
/// Files, folders and links.
const MOST: u32 = 200_000;

/// Files, folders and links as they are. What is none of these is left out.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let cure = "remove the link `current` there, and the next update begins with nothing";
    Walk { left: MOST, cure }.folder(&open(CWD, from)?, Some(&open(CWD, to)?), DEEPEST)
}

/// Fails for what [`copy`] would not copy.
pub(super) fn check(folder: &Path) -> io::Result<()> {
    Walk { left: MOST, cure: "correct the plugin's `update`" }.folder(&open(CWD, folder)?, None, DEEPEST)
}

struct Walk {
    left: u32,
    cure: &'static str,
}

impl Walk {
    /// With `to` it is copied there.
    fn folder(&mut self, from: &OwnedFd, to: Option<&OwnedFd>, deeper: u32) -> io::Result<()> {
        for entry in Dir::read_from(from)? {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            self.left = self.left.checked_sub(1).ok_or_else(|| self.beyond(&format!("{MOST} files")))?;
            match FileType::from_raw_mode(statat(from, name, AtFlags::SYMLINK_NOFOLLOW)?.st_mode) {
                FileType::Directory => {
                    let deeper = deeper
                        .checked_sub(1)
                        .ok_or_else(|| self.beyond(&format!("{DEEPEST} folders in each other")))?;
                    let own = to.map(|to| mkdirat(to, name, Mode::RWXU).and_then(|()| open(to, name))).transpose()?;
                    self.folder(&open(from, name)?, own.as_ref(), deeper)?;
                }
                FileType::Symlink => {
                    if let Some(to) = to {
                        symlinkat(readlinkat(from, name, Vec::new())?, to, name)?;
                    }
                }
                FileType::RegularFile => {
                    if let Some(to) = to {
                        file(from, to, name)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn beyond(&self, what: &str) -> io::Error {
        io::Error::other(format!("it holds more than {what}, and is not copied: {}", self.cure))
    }
}

/// Without `setuid` and its like: the copy is ours, and what it was made from may not have been.
fn file(from: &OwnedFd, to: &OwnedFd, name: &CStr) -> io::Result<()> {
    // Whatever has come into its place is not waited for.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let mut from = File::from(openat(from, name, flags, Mode::empty())?);
    let mode = fstat(&from)?.st_mode;
    if FileType::from_raw_mode(mode) != FileType::RegularFile {
        return Err(Errno::INVAL.into());
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut own = File::from(openat(to, name, flags, Mode::RUSR | Mode::WUSR)?);
    io::copy(&mut from, &mut own)?;
    Ok(fchmod(&own, Mode::from_raw_mode(mode) & (Mode::RWXU | Mode::RWXG | Mode::RWXO))?)
}

fn open(at: impl AsFd, name: impl Arg) -> rustix::io::Result<OwnedFd> {
    openat(at, name, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_a_database_takes_is_refused() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("folder")).unwrap();
        std::fs::write(root.path().join("folder/file"), "").unwrap();
        let walk = |left| Walk { left, cure: "none" }.folder(&open(CWD, root.path()).unwrap(), None, DEEPEST);
        assert!(walk(2).is_ok());
        assert!(walk(1).unwrap_err().to_string().starts_with("it holds more than 200000 files"));
    }
}
