//! What has been fetched so far, and how much more may be.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use scanrelay::plugin::{Artifact, ArtifactFile};
use sha2::{Digest, Sha256};

use super::folder::Folder;
use super::{Bounds, Failure, Fetched};

/// The files so far.
#[derive(Debug)]
pub(super) struct Tree {
    folder: Arc<Folder>,
    bounds: Bounds,
    files: Vec<ArtifactFile>,
    size: u64,
    /// Files and folders.
    entries: usize,
}

/// A file that is being written. The tree is in it, so that there is one at a time.
pub(super) struct Writing {
    tree: Tree,
    file: File,
    path: String,
    name: String,
    hash: Sha256,
    size: u64,
}

impl Tree {
    pub(super) fn new(into: &Path, bounds: Bounds) -> Result<Self, Failure> {
        let folder = Folder::create(into)
            .map_err(|error| Failure::Later(format!("{} was not made: {error}", into.display())))?;
        Ok(Self { folder: Arc::new(folder), bounds, files: Vec::new(), size: 0, entries: 0 })
    }

    /// One more file or folder, if there may be one.
    pub(super) fn count(&mut self) -> Result<(), Failure> {
        self.may_hold(1)?;
        self.entries += 1;
        Ok(())
    }

    /// Whether there may be so many more files and folders.
    pub(super) fn may_hold(&self, more: usize) -> Result<(), Failure> {
        if self.entries.saturating_add(more) > self.bounds.max_files {
            return Err(Failure::Never(format!(
                "the artifact has more than {} files and folders: raise fetch.max_files",
                self.bounds.max_files
            )));
        }
        Ok(())
    }

    /// Whether so many bytes more may come.
    pub(super) fn has_room(&self, more: u64) -> Result<(), Failure> {
        if self.size.checked_add(more).is_none_or(|size| size > self.bounds.max_size) {
            return Err(Failure::Never(format!(
                "the artifact is larger than {} bytes: raise fetch.max_size",
                self.bounds.max_size
            )));
        }
        Ok(())
    }

    /// How many files there are.
    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    /// Begins a file. Its own name is ours; `name` stands in the document only.
    pub(super) fn write(mut self, name: String, extension: Option<&str>) -> Result<Writing, Failure> {
        self.count()?;
        let own = format!("{}.{}", self.files.len() + 1, plain(extension));
        let file = File::options().write(true).create_new(true).mode(0o600).open(self.folder.path().join(&own));
        let file = file.map_err(|error| not_written(&error))?;
        Ok(Writing { tree: self, file, path: format!("artifact/{own}"), name, hash: Sha256::new(), size: 0 })
    }

    pub(super) fn end(self) -> Fetched {
        Fetched { artifact: Artifact::of(self.files), folder: self.folder }
    }
}

impl Writing {
    /// Whether so many bytes more may come.
    pub(super) fn has_room(&self, more: u64) -> Result<(), Failure> {
        self.tree.has_room(self.size.saturating_add(more))
    }

    /// The next bytes. Blocks.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.has_room(bytes.len() as u64)?;
        self.file.write_all(bytes).map_err(|error| not_written(&error))?;
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }

    pub(super) fn end(self) -> Tree {
        let Self { mut tree, path, name, hash, size, .. } = self;
        tree.size += size;
        tree.files.push(ArtifactFile::new(path, name, base16ct::lower::encode_string(&hash.finalize()), size));
        tree
    }
}

fn not_written(error: &std::io::Error) -> Failure {
    Failure::Later(format!("the file was not written: {error}"))
}

/// An extension that a file of ours may have: `[a-z0-9]{1,8}`, else `bin`.
fn plain(extension: Option<&str>) -> String {
    let extension = extension.unwrap_or_default().trim_start_matches('.').to_ascii_lowercase();
    let good = (1..=8).contains(&extension.len()) && extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if good { extension } else { "bin".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extension_is_eight_letters_and_digits_at_most() {
        let check = |given: &str, expected: &str| assert_eq!(plain(Some(given)), expected, "{given:?}");
        check("pkl", "pkl");
        check("PKL", "pkl");
        check(".pt", "pt");
        check("h5", "h5");
        check("12345678", "12345678");
        for other in ["", ".", "123456789", "p/l", "..", "p\0", "pk l", "é", "\u{212a}", "a\nb", "tar.gz"] {
            check(other, "bin");
        }
        assert_eq!(plain(None), "bin");
    }
}
