//! What a run needs of the disk, given to the user that it runs as.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, lchown};
use std::path::{Path, PathBuf};

use scanrelay::plugin::printable;

use super::cell::User;

/// Makes the folder and all that is in it the user's. No link is followed. Nobody else writes there meanwhile.
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
    give(folder, user).map_err(failed)
}

fn give(place: &Path, user: &User) -> io::Result<()> {
    let mut waiting = vec![place.to_owned()];
    while let Some(place) = waiting.pop() {
        let metadata = place.symlink_metadata()?;
        if (metadata.uid(), metadata.gid()) != (user.id, user.group) {
            lchown(&place, Some(user.id), Some(user.group))?;
        }
        if metadata.is_dir() {
            for entry in fs::read_dir(&place)? {
                waiting.push(entry?.path());
            }
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
