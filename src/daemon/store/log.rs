//! SQLite's write-ahead log, as far as we wait for the disk ourselves.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::open::with_suffix;

/// COMMIT writes to it and does not wait for the disk; we do.
pub(super) struct Log {
    file: File,
    store: PathBuf,
    inode: (u64, u64),
}

impl Log {
    /// The log of the store at this path, which is open already.
    pub(super) fn open(store: &Path) -> io::Result<Self> {
        Self::of(File::open(with_suffix(store, "-wal"))?, store)
    }

    pub(super) fn of(file: File, store: &Path) -> io::Result<Self> {
        // By its name: a descriptor of ours on this file would let go of SQLite's locks when it is closed.
        Ok(Self { file, store: store.to_owned(), inode: inode(&fs::metadata(store)?) })
    }

    /// Waits until all that is committed is on disk, where the next start looks for it. An error is for good: what the disk
    /// holds is not known any more.
    pub(super) fn flush(&self) -> Result<(), String> {
        self.file.sync_data().map_err(|error| {
            format!(
                "the disk did not take it: {error}; what it holds is not known: look after it, then restart scanrelay"
            )
        })?;
        if self.is_in_place()? {
            return Ok(());
        }
        Err(format!(
            "{} was deleted or replaced while scanrelay had it open: stop scanrelay, put a backup there (scanrelay store import), and start it again",
            self.store.display()
        ))
    }

    /// Whether both files still have the names under which they were opened. Two calls that ask no disk.
    fn is_in_place(&self) -> Result<bool, String> {
        let told = |error: io::Error| format!("{}: {error}", self.store.display());
        if self.file.metadata().map_err(told)?.nlink() == 0 {
            return Ok(false);
        }
        match fs::metadata(&self.store) {
            Ok(file) => Ok(inode(&file) == self.inode),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(told(error)),
        }
    }
}

fn inode(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}
