//! The private working directory of one attempt: cwd, HOME and TMPDIR of the plugin.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags, openat, renameat, unlinkat};
use rustix::io::Errno;
use scanrelay::plugin::printable;

use super::cell::User;
use super::lend::lend;
use crate::daemon::sweep;

/// Removed when it is dropped, whatever the plugin made of it.
pub(super) struct Workdir {
    path: PathBuf,
    /// The folder itself: what the plugin does to its name does not lead us astray.
    folder: Option<File>,
    /// User and group, where they are not ours.
    owner: Option<(u32, u32)>,
}

impl Workdir {
    /// Makes `<run>.<attempt>` under `root`, mode 0700, with the document and the payload in it.
    pub(super) fn create(root: &Path, run: &str, attempt: u32, document: &[u8], body: &[u8]) -> Result<Self, String> {
        let name = folder_name(run, attempt)?;
        let explained = |what: &Path, error: io::Error| {
            printable(&format!("{} was not made: {error}", what.display())).into_owned()
        };
        let path = root.join(name);
        let mut made = DirBuilder::new().mode(0o700).create(&path);
        if made.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            DirBuilder::new().recursive(true).mode(0o700).create(root).map_err(|error| explained(root, error))?;
            made = DirBuilder::new().mode(0o700).create(&path);
        }
        match made {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(printable(&format!("{} is there already: remove it", path.display())).into_owned());
            }
            Err(error) => return Err(explained(&path, error)),
        }
        // From here on the guard removes it.
        let mut workdir = Self { path, folder: None, owner: None };
        let folder = File::open(&workdir.path).map_err(|error| explained(&workdir.path, error))?;
        workdir.folder = Some(folder);
        for (file, bytes) in [(workdir.event(), document), (workdir.path.join("body"), body)] {
            let written = File::options().write(true).create_new(true).mode(0o600).open(&file);
            written.and_then(|mut file| file.write_all(bytes)).map_err(|error| explained(&file, error))?;
        }
        Ok(workdir)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The same document as stdin.
    pub(super) fn event(&self) -> PathBuf {
        self.path.join("event.json")
    }

    /// The model's files, where there are any.
    pub(super) fn artifact(&self) -> PathBuf {
        self.path.join("artifact")
    }

    /// Moves the model's files in.
    pub(super) fn adopt(&self, folder: &Path) -> Result<(), String> {
        fs::rename(folder, self.artifact()).map_err(|error| {
            printable(&format!("{} was not moved to {}: {error}", folder.display(), self.artifact().display()))
                .into_owned()
        })
    }

    /// Makes it another user's, with all that is in it now and all that we put there later.
    pub(super) fn lend(&mut self, user: &User) -> Result<(), String> {
        lend(&self.path, user)?;
        self.owner = Some((user.id, user.group));
        Ok(())
    }

    /// Where a wrapper writes the contract's lines.
    pub(super) fn result(&self) -> PathBuf {
        self.path.join("result")
    }

    /// Where a tool writes its report.
    pub(super) fn report(&self) -> PathBuf {
        self.path.join("report")
    }

    /// Opens what the plugin wrote to a file of that name here. `None`: nothing. Follows no link and waits for no pipe.
    pub(super) fn open_written(&self, name: &str) -> io::Result<Option<File>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        match openat(self.folder()?, name, flags, Mode::empty()) {
            Ok(file) => Ok(Some(File::from(file))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes a file for the plugin to read as a whole: whoever sees the name sees all of it.
    pub(super) fn keep(&self, name: &str, document: &[u8]) -> io::Result<()> {
        let new = &format!(".{name}.new");
        let folder = self.folder()?;
        match unlinkat(folder, new, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(folder, new, flags, Mode::RUSR | Mode::WUSR)?;
        let mut file = File::from(file);
        file.write_all(document)?;
        if let Some((user, group)) = self.owner {
            fchown(&file, Some(user), Some(group))?;
        }
        renameat(folder, new, folder, name)?;
        Ok(())
    }

    /// Removes it away from the runtime's threads: an artifact may be a great many files.
    pub(super) async fn remove(self) {
        // When the runtime is going away the closure is dropped unrun, and the folder with it.
        let _ = tokio::task::spawn_blocking(move || drop(self)).await;
    }

    /// Fails unless nothing is there but what we put there, which is the rule.
    fn remove_ours(&self) -> io::Result<()> {
        for file in ["event.json", "body"] {
            unlinkat(self.folder()?, file, AtFlags::empty())?;
        }
        fs::remove_dir(&self.path)
    }

    fn folder(&self) -> io::Result<&File> {
        self.folder.as_ref().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }
}

impl Drop for Workdir {
    fn drop(&mut self) {
        if self.remove_ours().is_ok() {
            return;
        }
        if let Err(error) = sweep::remove(&self.path) {
            tracing::warn!(folder = %self.path.display(), %error, "a working directory was not removed");
        }
    }
}

/// A run's id becomes a file name, so it may only be what we make ourselves.
fn folder_name(run: &str, attempt: u32) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if run.is_empty() || run.len() > 200 || !run.bytes().all(plain) {
        return Err(
            printable(&format!("{run:?} is no run id: letters, digits, - and _ only, at most 200")).into_owned()
        );
    }
    Ok(format!("{run}.{attempt}"))
}
