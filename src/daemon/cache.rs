//! A plugin's cache: what it looks things up in, such as a database of signatures. It comes in generations, each a folder
//! that does not change any more once it is the current one; a run that holds one sees all of it to its end.
//!
//! ```text
//! cache/NAME/lock       held by whoever makes a generation: one at a time, also from the command line
//! cache/NAME/12/        a generation
//! cache/NAME/12.lock    who uses it holds a shared lock on this, and nobody removes it; what stands in the generation a plugin
//!                       can open, and lock out others with
//! cache/NAME/current    a link to the current one, replaced in one step
//! ```

mod copy;
mod shown;

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{FlockOperation, flock, syncfs};
use rustix::io::Errno;

use copy::{check, copy};
pub use shown::{CacheRow, Caches};

use super::sweep;

/// A link that was read may lead to a generation that is gone a moment later.
const LOOKS: u32 = 100;

/// The cache of one plugin.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
}

/// A generation that nobody removes while this is there.
#[derive(Debug)]
pub struct Held {
    path: PathBuf,
    _lock: File,
}

/// A generation to be. When it is dropped and was not put in place, it is removed.
#[derive(Debug)]
pub struct Fresh {
    cache: Cache,
    path: PathBuf,
    put: bool,
    _lock: File,
}

/// Why no generation was begun.
#[derive(Debug, thiserror::Error)]
pub enum NotFresh {
    #[error("it is being updated already")]
    Busy,
    #[error("{0}: {1}")]
    Io(String, io::Error),
}

impl Held {
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Cache {
    /// Beneath the folder of all caches.
    pub fn of(all: &Path, plugin: &str) -> Self {
        Self { root: all.join(plugin) }
    }

    /// The current generation; `None`: there has never been one. Waits for nobody.
    pub fn current(&self) -> io::Result<Option<Held>> {
        let mut locked = None;
        for _ in 0..LOOKS {
            let Some(path) = self.named()? else { return Ok(None) };
            let lock = lock_of(&path);
            let opened = open_lock(&lock)?;
            match flock(&opened, FlockOperation::NonBlockingLockShared) {
                // By whoever removes it, which is done to former ones only: its link has changed meanwhile.
                Err(Errno::WOULDBLOCK) => {
                    locked = Some(lock);
                    continue;
                }
                taken => taken?,
            }
            // Whoever removes it does so under the lock: what has its name still is there to stay.
            if path.exists() {
                return Ok(Some(Held { path, _lock: opened }));
            }
            locked = None;
        }
        if let Some(lock) = locked {
            return Err(io::Error::other(format!(
                "{} is locked by somebody else: end whoever holds it",
                lock.display()
            )));
        }
        Err(io::Error::other("its link leads nowhere"))
    }

    /// The current generation, empty where there is none yet.
    pub fn current_or_empty(&self) -> Result<Held, NotFresh> {
        if let Some(held) = self.current().map_err(|error| self.failed(error))? {
            return Ok(held);
        }
        let put = self.fresh().and_then(Fresh::put);
        let found = self.current().map_err(|error| self.failed(error))?;
        // Somebody else may have made it at the same time.
        match (found, put) {
            (Some(held), _) => Ok(held),
            (None, Err(error)) => Err(error),
            (None, Ok(())) => Err(self.failed(io::Error::other("it was removed at once"))),
        }
    }

    /// When the current generation became so.
    pub fn updated_at(&self) -> Option<SystemTime> {
        fs::symlink_metadata(self.link()).ok()?.modified().ok()
    }

    /// Begins a generation: a copy of the current one, for the updaters that bring only what is new.
    pub fn fresh(&self) -> Result<Fresh, NotFresh> {
        // A plugin that runs as another user passes through it to its generation.
        DirBuilder::new().recursive(true).mode(0o711).create(&self.root).map_err(|error| self.failed(error))?;
        let lock = open_lock(&self.root.join("lock")).map_err(|error| self.failed(error))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => return Err(NotFresh::Busy),
            locked => locked.map_err(|error| self.failed(error.into()))?,
        }
        self.remove_others();
        let current = self.current().map_err(|error| self.failed(error))?;
        let last = self.generations().filter_map(|path| number(&path)).max().unwrap_or(0);
        let path = self.root.join((last + 1).to_string());
        // From here on it is removed when something goes wrong.
        let fresh = Fresh { cache: self.clone(), path, put: false, _lock: lock };
        DirBuilder::new().mode(0o700).create(&fresh.path).map_err(|error| self.failed(error))?;
        if let Some(held) = current {
            copy(held.path(), &fresh.path).map_err(|error| self.failed(error))?;
        }
        Ok(fresh)
    }

    fn link(&self) -> PathBuf {
        self.root.join("current")
    }

    /// Where the link leads.
    fn named(&self) -> io::Result<Option<PathBuf>> {
        match fs::read_link(self.link()) {
            Ok(name) => Ok(Some(self.root.join(name))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn generations(&self) -> impl Iterator<Item = PathBuf> {
        let entries = fs::read_dir(&self.root).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(|path| number(path).is_some())
    }

    /// Every generation that is not the current one and that nobody holds: former ones, and what a killed updater left.
    fn remove_others(&self) {
        let Ok(current) = self.named() else { return };
        for path in self.generations().filter(|path| Some(path) != current.as_ref()) {
            let lock = lock_of(&path);
            let Ok(opened) = open_lock(&lock) else { continue };
            if flock(&opened, FlockOperation::NonBlockingLockExclusive).is_err() {
                continue;
            }
            if let Err(error) = sweep::remove(&path) {
                tracing::warn!(folder = %path.display(), %error, "a former state of a cache was not removed");
            }
            // Whoever holds it looks whether the folder is there, and its number does not come again.
            let _ = fs::remove_file(lock);
        }
        // Of one that was removed between a look at its name and the lock.
        for entry in fs::read_dir(&self.root).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "lock") && !path.with_extension("").exists() {
                let _ = fs::remove_file(path);
            }
        }
    }

    fn failed(&self, error: io::Error) -> NotFresh {
        NotFresh::Io(self.root.display().to_string(), error)
    }
}

impl Fresh {
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes it the current generation, once it is on disk.
    pub fn put(mut self) -> Result<(), NotFresh> {
        let linked = || {
            // What the next one cannot begin with never becomes the current one.
            check(&self.path)?;
            syncfs(File::open(&self.path)?)?;
            let new = self.cache.root.join(".current.new");
            match fs::remove_file(&new) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            symlink(self.path.file_name().unwrap_or_default(), &new)?;
            fs::rename(&new, self.cache.link())?;
            File::open(&self.cache.root)?.sync_all()
        };
        linked().map_err(|error| self.cache.failed(error))?;
        self.put = true;
        self.cache.remove_others();
        Ok(())
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if !self.put
            && let Err(error) = sweep::remove(&self.path)
        {
            tracing::warn!(folder = %self.path.display(), %error, "what an update left was not removed");
        }
    }
}

/// What is locked by those who use that generation.
fn lock_of(generation: &Path) -> PathBuf {
    generation.with_extension("lock")
}

fn open_lock(path: &Path) -> io::Result<File> {
    File::options().create(true).truncate(false).write(true).mode(0o600).open(path)
}

fn number(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.parse().ok()
}

#[cfg(test)]
mod tests;
