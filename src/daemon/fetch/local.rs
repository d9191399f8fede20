//! Files of this machine: beneath the configured roots, and through no link.

use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, Dir, FileType, Mode, OFlags, fstat, openat};
use rustix::io::Errno;
use rustix::path::Arg;
use scanrelay::registry::ArtifactSource;
use tokio_util::sync::CancellationToken;

use super::tree::Tree;
use super::{Failure, shown};

const BLOCK: usize = 1 << 20;
/// Folders in folders.
const DEEPEST: u32 = 32;

/// Copies the file, or every file of the folder. Blocks.
pub(super) fn copy(
    roots: &[PathBuf],
    path: &Path,
    source: &ArtifactSource,
    tree: Tree,
    stop: &CancellationToken,
) -> Result<Tree, Failure> {
    let never = |why: &str| Failure::Never(format!("{} {why}", shown(&path.to_string_lossy())));
    let mut parts = path.components();
    if parts.next() != Some(Component::RootDir) || !parts.all(|part| matches!(part, Component::Normal(_))) {
        return Err(never("is no plain absolute path"));
    }
    let beneath = roots.iter().filter_map(|root| Some((root, path.strip_prefix(root).ok()?)));
    // The root that is nearest to it.
    let Some((root, rest)) = beneath.min_by_key(|(_, rest)| rest.components().count()) else {
        return Err(never("is beneath no folder of fetch.roots: add its folder there if it may be read"));
    };
    let folder = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut at = openat(CWD, root, folder, Mode::empty())
        .map_err(|error| Failure::Later(format!("{} of fetch.roots cannot be opened: {error}", root.display())))?;
    let mut names: Vec<&OsStr> = rest.components().map(Component::as_os_str).collect();
    let last = names.pop().unwrap_or(OsStr::new("."));
    for name in names {
        at = openat(&at, name, folder | OFlags::NOFOLLOW, Mode::empty()).map_err(|error| why_not(path, error))?;
    }
    let opened = open(&at, last).map_err(|error| why_not(path, error))?;
    let before = tree.len();
    let mut walk = Walk { path, stop, tree: Some(tree) };
    walk.take(opened, source.name.clone(), source.extension.as_deref(), 0)?;
    let tree = walk.tree.take().ok_or_else(|| never("was not copied"))?;
    if tree.len() == before { Err(never("is a folder without a file")) } else { Ok(tree) }
}

struct Walk<'a> {
    path: &'a Path,
    stop: &'a CancellationToken,
    /// Away while a file is written.
    tree: Option<Tree>,
}

impl Walk<'_> {
    fn take(&mut self, opened: OwnedFd, name: String, extension: Option<&str>, depth: u32) -> Result<(), Failure> {
        let path = self.path;
        let found = fstat(&opened).map_err(|error| why_not(path, error))?;
        let never = |why: &str| Failure::Never(format!("{} {why}", shown(&path.to_string_lossy())));
        match FileType::from_raw_mode(found.st_mode) {
            FileType::RegularFile => self.file(opened.into(), name, extension),
            FileType::Directory if depth >= DEEPEST => Err(never("has folders that are too deep")),
            FileType::Directory => self.folder(&opened, &name, depth),
            _ => Err(never("is, or holds, something that is neither a file nor a folder")),
        }
    }

    fn folder(&mut self, folder: &OwnedFd, name: &str, depth: u32) -> Result<(), Failure> {
        let path = self.path;
        let mut names: Vec<CString> = Vec::new();
        for entry in Dir::read_from(folder).map_err(|error| why_not(path, error))? {
            let entry = entry.map_err(|error| why_not(path, error))?;
            if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                self.tree()?.may_hold(names.len() + 1)?;
                names.push(entry.file_name().to_owned());
            }
        }
        names.sort_unstable();
        self.tree()?.count()?;
        for entry in names {
            let own = String::from_utf8_lossy(entry.to_bytes()).into_owned();
            let opened = open(folder, entry.as_c_str()).map_err(|error| why_not(path, error))?;
            let extension = Path::new(OsStr::from_bytes(entry.to_bytes())).extension().and_then(OsStr::to_str);
            self.take(opened, format!("{name}/{own}"), extension, depth + 1)?;
        }
        Ok(())
    }

    fn file(&mut self, mut file: File, name: String, extension: Option<&str>) -> Result<(), Failure> {
        let path = self.path;
        let tree = self.tree.take().ok_or_else(|| Failure::Later("the copy was broken off".to_owned()))?;
        let mut writing = tree.write(name, extension)?;
        let mut block = vec![0; BLOCK];
        loop {
            if self.stop.is_cancelled() {
                return Err(Failure::Later("the copy was broken off".to_owned()));
            }
            let read = file.read(&mut block).map_err(|error| {
                Failure::Later(format!("{} cannot be read: {error}", shown(&path.to_string_lossy())))
            })?;
            if read == 0 {
                break;
            }
            writing.take(&block[..read])?;
        }
        self.tree = Some(writing.end());
        Ok(())
    }

    fn tree(&mut self) -> Result<&mut Tree, Failure> {
        self.tree.as_mut().ok_or_else(|| Failure::Later("the copy was broken off".to_owned()))
    }
}

/// Follows no link, and waits for no pipe.
fn open(at: impl AsFd, name: impl Arg) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    openat(at, name, flags, Mode::empty())
}

fn why_not(path: &Path, error: Errno) -> Failure {
    let path = shown(&path.to_string_lossy());
    match error {
        Errno::LOOP | Errno::NOTDIR => {
            Failure::Never(format!("{path} leads through a link, which is not followed, or through what is no folder"))
        }
        Errno::NOENT | Errno::ACCESS | Errno::PERM | Errno::INVAL | Errno::NAMETOOLONG | Errno::NXIO => {
            Failure::Never(format!("{path} cannot be opened: {error}"))
        }
        _ => Failure::Later(format!("{path} cannot be opened: {error}")),
    }
}
