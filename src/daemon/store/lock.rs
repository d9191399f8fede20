//! The file beside the store that says who owns it, and that there is one.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::StoreError;
use super::open::with_suffix;

/// Longer than any id.
const MOST: u64 = 64;

/// Held for as long as the store is open: one owner per file. The kernel lets go of it whatever way we end.
///
/// It stays behind, with the store's id in it: a store that has gone missing is not taken for a first start.
pub(super) struct Lock {
    file: File,
    path: PathBuf,
    id: String,
}

impl Lock {
    pub(super) fn take(store: &Path) -> Result<Self, StoreError> {
        let path = with_suffix(store, ".lock");
        let open = |cause: std::io::Error| unusable(&path, &cause);
        let file = File::options().create(true).truncate(false).read(true).write(true).open(&path).map_err(open)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::InUse { path: store.display().to_string() }),
            Err(TryLockError::Error(error)) => return Err(open(error)),
        }
        let mut id = String::new();
        (&file).take(MOST).read_to_string(&mut id).map_err(open)?;
        let id = id.trim_end().to_owned();
        Ok(Self { file, path, id })
    }

    /// Whether there was a store before.
    pub(super) fn marks_a_store(&self) -> bool {
        !self.id.is_empty()
    }

    /// From now on there is one.
    pub(super) fn mark(&mut self, id: &str) -> Result<(), StoreError> {
        if self.id == id {
            return Ok(());
        }
        let write = |mut file: &File| {
            file.set_len(0)?;
            file.seek(SeekFrom::Start(0))?;
            file.write_all(format!("{id}\n").as_bytes())
        };
        write(&self.file).map_err(|cause| unusable(&self.path, &cause))?;
        id.clone_into(&mut self.id);
        Ok(())
    }
}

fn unusable(path: &Path, cause: &std::io::Error) -> StoreError {
    StoreError::Open { path: path.display().to_string(), cause: cause.to_string() }
}
