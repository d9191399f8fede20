//! The way to a place. Links are followed, but for those that a plugin may have planted in an earlier run: they would open
//! to the next one whatever they lead to.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, open, openat, openat2, readlinkat};
use rustix::io::{Errno, Result};

/// As many links as the kernel follows.
const LINKS: usize = 40;
const LOOK: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);

/// The places that a plugin may write to, or may have written to: all that is in them may be its doing.
pub(super) struct Own(BTreeSet<(u64, u64)>);

/// Where a way ends.
enum End {
    There(OwnedFd),
    /// In a place of the plugin's, with so much of the way left.
    Own(OwnedFd, PathBuf),
}

impl Own {
    /// What is not there is nobody's.
    pub(super) fn of(places: &[PathBuf]) -> Self {
        let known = |path: &PathBuf| identity(open(path, LOOK, Mode::empty()).ok()?).ok();
        Self(places.iter().filter_map(known).collect())
    }

    /// Opens a place to look at it. Within one of the plugin's no link leads out of that.
    pub(super) fn open(&self, path: &Path) -> Result<OwnedFd> {
        if self.0.is_empty() {
            return open(path, LOOK, Mode::empty());
        }
        // Most ways have no link at all. Where that cannot be asked, each step is.
        match openat2(CWD, path, LOOK, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
            Err(error) if error != Errno::NOENT => {}
            opened => return opened,
        }
        match self.walk(path)? {
            End::There(place) => Ok(place),
            End::Own(place, left) if left.as_os_str().is_empty() => Ok(place),
            End::Own(place, left) => {
                openat2(place, left, LOOK, Mode::empty(), ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS)
            }
        }
    }

    /// Whether the way leads into a place of the plugin's. No plugin can change that.
    pub(super) fn is_on_the_way(&self, path: &Path) -> bool {
        !self.0.is_empty() && matches!(self.walk(path), Ok(End::Own(..)))
    }

    fn walk(&self, path: &Path) -> Result<End> {
        let mut here = open("/", LOOK, Mode::empty())?;
        let mut left = Vec::new();
        add(path, &mut left);
        let mut links = 0;
        loop {
            if self.0.contains(&identity(&here)?) {
                left.reverse();
                return Ok(End::Own(here, left.iter().collect()));
            }
            let Some(part) = left.pop() else { return Ok(End::There(here)) };
            let next = openat(&here, part, LOOK | OFlags::NOFOLLOW, Mode::empty())?;
            if FileType::from_raw_mode(fstat(&next)?.st_mode) != FileType::Symlink {
                here = next;
                continue;
            }
            links += 1;
            if links > LINKS {
                return Err(Errno::LOOP);
            }
            let to = PathBuf::from(OsString::from_vec(readlinkat(&next, "", Vec::new())?.into_bytes()));
            if to.is_absolute() {
                here = open("/", LOOK, Mode::empty())?;
            }
            add(&to, &mut left);
        }
    }
}

/// The steps of a way, the first one last.
fn add(way: &Path, steps: &mut Vec<OsString>) {
    let named = |part: &Component| matches!(part, Component::Normal(_) | Component::ParentDir);
    steps.extend(way.components().rev().filter(named).map(|part| part.as_os_str().to_owned()));
}

/// Its device and its number there.
fn identity(place: impl AsFd) -> Result<(u64, u64)> {
    let stat = fstat(place)?;
    Ok((stat.st_dev, stat.st_ino))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn no_link_leads_out_of_what_is_the_plugins() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        for folder in ["own/deep", "other/deep"] {
            fs::create_dir_all(at(folder)).unwrap();
            fs::write(at(folder).join("file"), "").unwrap();
        }
        for (link, to) in [
            ("own/out", "ROOT/other"),
            ("own/up", "../other"),
            ("own/in", "deep"),
            ("own/again", "again"),
            ("to_own", "ROOT/own"),
            ("to_out", "own/../own/out"),
            ("to_other", "./other/../other/"),
            ("again", "again"),
        ] {
            symlink(to.replace("ROOT", root.path().to_str().unwrap()), at(link)).unwrap();
        }
        let own = Own::of(&[at("own"), at("no/such")]);
        let check = |path: &str, expected: Option<&str>, within: bool| {
            let opened = own.open(&at(path)).and_then(identity).ok();
            let expected = expected.map(|path| identity(open(at(path), LOOK, Mode::empty()).unwrap()).unwrap());
            assert_eq!(opened, expected, "{path}");
            assert_eq!(own.is_on_the_way(&at(path)), within, "{path}");
        };
        check("own", Some("own"), true);
        check("own/deep/file", Some("own/deep/file"), true);
        check("own/in/file", Some("own/deep/file"), true);
        check("own/deep/..", Some("own"), true);
        check("to_own/in/file", Some("own/deep/file"), true);
        check("other/deep/file", Some("other/deep/file"), false);
        check("to_other/deep", Some("other/deep"), false);
        for path in ["own/out", "own/out/deep/file", "own/up/deep", "own/again", "own/no", "to_out/deep", "to_own/out"]
        {
            check(path, None, true);
        }
        for path in ["again", "no", "other/deep/file/x"] {
            check(path, None, false);
        }
        // Without anything of the plugin's, links are links.
        assert!(Own::of(&[]).open(&at("to_out/deep/file")).is_ok());
    }
}
