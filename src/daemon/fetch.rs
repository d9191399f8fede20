//! The files of a model version, fetched into one folder: the one client that goes where an answer of the registry points.
//!
//! What it is told is not trusted. Over HTTP it goes to the registry's own origin, to the internet at large over TLS, and to
//! what `fetch.allow` names ([`web`]); on this machine it reads beneath `fetch.roots` only ([`local`]). Sizes, counts and
//! time are bounded, names never become file names, archives stay as they are, and a file that cannot be had whole ends the
//! fetch: nothing is left out.

mod challenge;
mod folder;
mod image;
mod local;
mod reference;
mod tree;
mod web;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use scanrelay::plugin::{Artifact, printable};
use scanrelay::registry::{ArtifactSource, Location};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::address::Reach;
use super::writeback::{BadTarget, Target};
use folder::Folder;
pub use image::{ImageRegistry, Images};
use tree::Tree;
use web::Web;

/// How much may be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of all files of one artifact together.
    pub max_size: u64,
    /// Files and folders of one artifact.
    pub max_files: usize,
}

/// Fetches for one registry.
pub struct Fetch {
    web: Web,
    roots: Vec<PathBuf>,
    bounds: Bounds,
}

/// What was fetched. The folder is removed with this, unless somebody has moved it away.
#[derive(Debug)]
pub struct Fetched {
    pub artifact: Artifact,
    folder: Arc<Folder>,
}

/// Why nothing was fetched, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It may be better another time.
    Later(String),
    /// It would end the same.
    Never(String),
}

impl Fetch {
    pub fn new(target: &Target, reach: Reach, roots: Vec<PathBuf>, bounds: Bounds) -> Result<Self, BadTarget> {
        Ok(Self { web: Web::new(target, reach)?, roots, bounds })
    }

    /// Fetches all of it into a new folder of that name. A dropped future leaves nothing behind.
    pub async fn fetch(&self, sources: Vec<ArtifactSource>, into: &Path) -> Result<Fetched, Failure> {
        let mut tree = Tree::new(into, self.bounds)?;
        let count = sources.len();
        for (nth, source) in sources.into_iter().enumerate() {
            tree = self.one(source, tree).await.map_err(|failure| failure.of(nth + 1, count))?;
        }
        Ok(tree.end())
    }

    async fn one(&self, source: ArtifactSource, tree: Tree) -> Result<Tree, Failure> {
        match self.place(&source.location)? {
            Place::Web(url) => self.web.download(url, source, tree).await,
            Place::Local(path) => {
                let roots = self.roots.clone();
                // When this future is dropped, the thread stops at its next block.
                let stop = CancellationToken::new();
                let guard = stop.clone().drop_guard();
                let copied = tokio::task::spawn_blocking(move || local::copy(&roots, &path, &source, tree, &stop));
                let tree = copied.await.map_err(|error| Failure::Later(format!("the copy broke: {error}")))?;
                drop(guard);
                tree
            }
        }
    }

    fn place(&self, location: &Location) -> Result<Place, Failure> {
        let parsed = match location {
            Location::Path(path) if path.starts_with('/') => return Ok(Place::Local(path.into())),
            Location::Path(path) => Url::parse(path),
            Location::Url(url) => self.web.join(url),
            Location::Own(path) => self.web.own(path),
            _ => return Err(Failure::Never("this version does not know where the registry says it is".to_owned())),
        };
        let url = parsed.map_err(|_| Failure::Never("what the registry says is no address and no path".to_owned()))?;
        if url.scheme() != "file" {
            return Ok(Place::Web(url));
        }
        let path = url.to_file_path().map_err(|()| Failure::Never("a file: address names another host".to_owned()))?;
        Ok(Place::Local(path))
    }
}

enum Place {
    Web(Url),
    Local(PathBuf),
}

impl Fetched {
    /// Where the files are.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Failure {
    fn of(self, nth: usize, count: usize) -> Self {
        let told = |reason: String| format!("artifact {nth} of {count}: {reason}");
        match self {
            Self::Later(reason) => Self::Later(told(reason)),
            Self::Never(reason) => Self::Never(told(reason)),
        }
    }
}

/// A text from outside, fit for one line of a reason.
fn shown(text: &str) -> String {
    const LONGEST: usize = 200;
    let shown = printable(text);
    match shown.char_indices().nth(LONGEST) {
        Some((cut, _)) => format!("{}…", &shown[..cut]),
        None => shown.into_owned(),
    }
}

#[cfg(test)]
mod tests;
