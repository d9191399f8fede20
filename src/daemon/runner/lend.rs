//! What a run needs of the disk, given to the user that it runs as.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags, Uid, chownat, fstat, openat};
use rustix::path::Arg;
use scanrelay::plugin::printable;

use super::cell::User;

/// Each level takes two descriptors. What we put there is not so deep.
const DEEPEST: u32 = 64;

/// Makes the folder and all that is in it the user's. No link is followed, also not by somebody who writes there meanwhile.
pub(super) fn lend(folder: &Path, user: &User) -> Result<(), String> {
    let failed = |error: io::Error| {
        printable(&format!("{} was not given to {}: {error}", folder.display(), user.name)).into_owned()
    };
    if let Some(closed) = closed_above(folder, user) {
        let words = format!(
            "{0} cannot enter {1}, which leads to {2}: type `chmod o+x {1}`",
            user.name,
            closed.display(),
            folder.display()
        );
        return Err(printable(&words).into_owned());
    }
    give(CWD, folder, user, DEEPEST).map_err(failed)
}

/// Of what was opened once: what comes into its place meanwhile is not touched.
fn give(at: impl AsFd, name: impl Arg, user: &User, deeper: u32) -> io::Result<()> {
    let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let place = openat(at, name, OFlags::PATH | flags, Mode::empty())?;
    let stat = fstat(&place)?;
    if (stat.st_uid, stat.st_gid) != (user.id, user.group) {
        let (owner, group) = (Uid::from_raw(user.id), Gid::from_raw(user.group));
        chownat(&place, c"", Some(owner), Some(group), AtFlags::EMPTY_PATH)?;
    }
    if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
        return Ok(());
    }
    let deeper = deeper.checked_sub(1).ok_or_else(|| io::Error::other(format!("{DEEPEST} folders in each other")))?;
    for entry in Dir::new(openat(&place, c".", OFlags::RDONLY | OFlags::DIRECTORY | flags, Mode::empty())?)? {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            give(&place, entry.file_name(), user, deeper)?;
        }
    }
    Ok(())
}

/// The first folder on the way there that the user may not pass through.
fn closed_above(folder: &Path, user: &User) -> Option<PathBuf> {
    let mut above: Vec<&Path> = folder.ancestors().skip(1).collect();
    above.reverse();
    let open = |folder: &Path| {
        folder.metadata().is_ok_and(|metadata| {
            let by_owner = metadata.uid() == user.id && metadata.mode() & 0o100 != 0;
            let by_group = metadata.gid() == user.group && metadata.mode() & 0o010 != 0;
            by_owner || by_group || metadata.mode() & 0o001 != 0
        })
    };
    above.into_iter().find(|folder| !open(folder)).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::sync::atomic::{AtomicBool, Ordering};

    use rustix::fs::{RenameFlags, renameat_with};

    use super::*;

    /// Takes root to see anything.
    #[test]
    fn a_folder_that_becomes_a_link_meanwhile_leads_nobody_astray() {
        let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (folder, link) = (root.path().join("folder"), root.path().join("link"));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("file"), "").unwrap();
        fs::write(outside.path().join("file"), "").unwrap();
        symlink(outside.path(), &link).unwrap();
        let owner = outside.path().join("file").metadata().unwrap().uid();
        let other = if owner == 0 { 65_534 } else { owner };
        let user = User { name: "nobody".to_owned(), id: other, group: other };
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    renameat_with(CWD, &folder, CWD, &link, RenameFlags::EXCHANGE).unwrap();
                }
            });
            for _ in 0..3000 {
                // Whether it is a folder or a link when it is looked at, is all the same.
                let _ = give(CWD, root.path(), &user, DEEPEST);
            }
            done.store(true, Ordering::Relaxed);
        });
        assert_eq!(outside.path().join("file").metadata().unwrap().uid(), owner);
        assert_eq!(root.path().metadata().unwrap().uid(), other);
    }
}
