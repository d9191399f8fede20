//! What a killed predecessor has left: plugins that still run, and their working directories.

use std::path::{Path, PathBuf};
use std::{fmt, fs};

use scanrelay::plugin::printable;

use super::family;
use crate::daemon::sweep;

/// Something that a predecessor left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leftover {
    /// A process, which was killed. `run`: what it says of itself.
    Process { pid: i32, name: String, run: Option<String> },
    /// A working directory, which was removed, or why it was not.
    Folder { path: PathBuf, not_removed: Option<String> },
}

impl fmt::Display for Leftover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process { pid, name, run } => {
                let run =
                    run.as_deref().map_or_else(|| "a run that it does not name".to_owned(), |run| format!("run {run}"));
                write!(f, "killed {name} (pid {pid}), left by {run}")
            }
            Self::Folder { path, not_removed: None } => write!(f, "removed {}", path.display()),
            Self::Folder { path, not_removed: Some(reason) } => {
                write!(f, "{} was not removed: {reason}; remove it by hand", path.display())
            }
        }
    }
}

/// Ends what runs of this store are still there, and removes their working directories. Names both.
///
/// Called before the first claim, while we have no run of our own. A run's id begins with the store's and `-`, so the
/// store's id must hold no `-` itself. Blocks for as long as the killed take to die.
pub fn end_leftovers(work_root: &Path, store_id: &str) -> Vec<Leftover> {
    let prefix = format!("{store_id}-");
    let of_store = |run: &[u8]| run.starts_with(prefix.as_bytes());
    let processes = family::end(|process| {
        process.run.as_deref().is_some_and(of_store) || process.mark.is_some_and(|mark| mark.is_of_store(store_id))
    });
    let mut left: Vec<Leftover> = processes
        .into_iter()
        .map(|process| Leftover::Process {
            pid: process.pid.as_raw_nonzero().get(),
            name: process.name,
            run: process.run.map(|run| printable(&String::from_utf8_lossy(&run)).into_owned()),
        })
        .collect();
    for entry in fs::read_dir(work_root).into_iter().flatten().flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(prefix.as_bytes()) {
            let path = entry.path();
            let not_removed = sweep::remove(&path).err().map(|error| error.to_string());
            left.push(Leftover::Folder { path, not_removed });
        }
    }
    left
}
