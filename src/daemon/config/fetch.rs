//! Where the model's files may be fetched from, and how much of them.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use super::error::Fault;
use super::raw::RawFetch;
use super::{Source, limits};
use crate::daemon::address::Network;

/// What a fetch may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    pub allow: Vec<Network>,
    pub roots: Vec<PathBuf>,
    pub max_size: u64,
    pub max_files: usize,
    pub timeout: Duration,
}

pub(super) fn fetch(raw: &RawFetch, source: &Source) -> Result<Fetch, Fault> {
    let root = |(nth, path): (usize, &PathBuf)| {
        let path = source.folder.join(path);
        let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
        if !plain || path == Path::new("/") {
            let cause = format!("{} is no folder to read from: name one below /, without ..", path.display());
            return Err(Fault::at(format!("fetch.roots[{nth}]"), cause));
        }
        Ok(path)
    };
    Ok(Fetch {
        allow: limits::networks("fetch.allow", &raw.allow)?,
        roots: raw.roots.iter().enumerate().map(root).collect::<Result<_, _>>()?,
        max_size: limits::size("fetch.max_size", raw.max_size, 4 << 30, 1 << 10, 16 << 40)? as u64,
        max_files: limits::count("fetch.max_files", raw.max_files, 10_000, 1, 1_000_000)? as usize,
        timeout: limits::span("fetch.timeout", raw.timeout, 600, 1, 86_400)?,
    })
}
