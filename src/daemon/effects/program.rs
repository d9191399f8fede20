//! The digests of plugins' programs, each computed once for as long as the file stays as it is.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::daemon::digest::Digest;

/// What is known of them.
#[derive(Clone, Default)]
pub(super) struct Programs {
    known: Arc<Mutex<BTreeMap<PathBuf, (Stamp, Digest)>>>,
}

/// What changes when a file does: device, inode, length, and the times of its content and of its inode.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp(u64, u64, u64, (i64, i64), (i64, i64));

impl Programs {
    /// `None`: it cannot be read.
    pub(super) async fn digest(&self, program: &Path) -> Option<Digest> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(program).cloned();
        let path = program.to_owned();
        let looked = tokio::task::spawn_blocking(move || look(&path, known)).await.ok()?;
        let (stamp, digest) = looked.ok()?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(program.to_owned(), (stamp, digest.clone()));
        Some(digest)
    }
}

fn look(path: &Path, known: Option<(Stamp, Digest)>) -> io::Result<(Stamp, Digest)> {
    let file = File::open(path)?;
    let found = file.metadata()?;
    let stamp = Stamp(
        found.dev(),
        found.ino(),
        found.len(),
        (found.mtime(), found.mtime_nsec()),
        (found.ctime(), found.ctime_nsec()),
    );
    if let Some((then, digest)) = known
        && then == stamp
    {
        return Ok((stamp, digest));
    }
    Ok((stamp, Digest::of(file)?.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_changed_program_has_another_digest() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("scan");
        let programs = Programs::default();
        assert_eq!(programs.digest(&program).await, None);
        std::fs::write(&program, "one").unwrap();
        let sha256 = |text: &str| Some(Digest::of(text.as_bytes()).unwrap().0);
        assert_eq!(programs.digest(&program).await, sha256("one"));
        assert_eq!(programs.digest(&program).await, sha256("one"));
        let new = folder.path().join("new");
        std::fs::write(&new, "two").unwrap();
        std::fs::rename(&new, &program).unwrap();
        assert_eq!(programs.digest(&program).await, sha256("two"));
    }
}
