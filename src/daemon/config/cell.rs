//! What a plugin is confined to, as configured.

use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::{User as Account, geteuid};

use super::error::Fault;
use super::limits::{bytes, count, span};
use super::raw::{RawBounds, RawPlugin};

/// Whether plugins run in a cell, and what happens when not all of it can be enforced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sandbox {
    /// As much as the kernel can; what is missing is said at every start and with every result.
    #[default]
    Auto,
    /// All of it, or the daemon does not start.
    Require,
    /// None of it.
    Off,
}

impl Sandbox {
    pub fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Require => "require",
            Self::Off => "off",
        }
    }
}

/// The cell of one plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    pub sandbox: Sandbox,
    pub bounds: Bounds,
    /// Its own folder, and those that are listed.
    pub read: Vec<PathBuf>,
    pub write: Vec<PathBuf>,
    pub network: bool,
    pub local_sockets: bool,
    /// Whom it runs as instead of the daemon's user.
    pub user: Option<User>,
}

impl Cell {
    /// Which of its keys gives it that place, and by which path.
    pub(super) fn opening(&self, place: &Path) -> Option<(&'static str, &Path)> {
        let place = real(place);
        let within = |paths: &'_ [PathBuf]| paths.iter().position(|path| place.starts_with(real(path)));
        let write = within(&self.write).map(|index| ("write", self.write[index].as_path()));
        write.or_else(|| within(&self.read).map(|index| ("read", self.read[index].as_path())))
    }

    /// What it is let do, for `check`.
    pub(super) fn in_words(&self) -> String {
        if self.sandbox == Sandbox::Off {
            return "not confined".to_owned();
        }
        let listed = |word: &str, paths: &[PathBuf]| {
            let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
            (!paths.is_empty()).then(|| format!("{word} {}", paths.join(" ")))
        };
        let parts = [
            Some(if self.network { "with network" } else { "without network" }.to_owned()),
            self.local_sockets.then(|| "with local sockets".to_owned()),
            listed("reads", &self.read),
            listed("writes", &self.write),
            self.user.as_ref().map(|user| format!("as {}", user.name)),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// Without links, as far as it is there.
fn real(path: &Path) -> PathBuf {
    for above in path.ancestors() {
        if let (Ok(real), Ok(rest)) = (above.canonicalize(), path.strip_prefix(above)) {
            return real.join(rest);
        }
    }
    path.to_owned()
}

/// The bounds of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub memory: u64,
    pub cpu: Duration,
    pub file_size: u64,
    pub disk: u64,
    pub open_files: u32,
    pub processes: u32,
}

/// A user of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub id: u32,
    pub group: u32,
}

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const HOUR: u64 = 3600;

/// The global word.
pub(super) fn sandbox(raw: Option<&str>, key: &str, default: Sandbox) -> Result<Sandbox, Fault> {
    match raw {
        None => Ok(default),
        Some("auto") => Ok(Sandbox::Auto),
        Some("require") => Ok(Sandbox::Require),
        Some("off") => Ok(Sandbox::Off),
        Some(word) => Err(Fault::at(key, format!("{word:?} is none of auto, require, off"))),
    }
}

/// One plugin's. `folder`: that of its manifest.
pub(super) fn cell(raw: &RawPlugin, folder: Option<PathBuf>, key: &str, sandbox: Sandbox) -> Result<Cell, Fault> {
    let at = |part: &str, cause: String| Fault::at(format!("{key}.{part}"), cause);
    let absolute = |part: &str, paths: &Option<Vec<PathBuf>>| {
        let paths = paths.iter().flatten();
        let checked = paths.map(|path| match path {
            path if path.is_absolute() => Ok(path.clone()),
            path => Err(at(part, format!("{} is no absolute path", path.display()))),
        });
        checked.collect::<Result<Vec<_>, _>>()
    };
    let sandbox = self::sandbox(raw.sandbox.as_deref(), &format!("{key}.sandbox"), sandbox)?;
    if sandbox == Sandbox::Off && raw.run_as.is_some() {
        return Err(at(
            "run_as",
            "without a cell nobody becomes another user: remove it, or sandbox = \"off\"".to_owned(),
        ));
    }
    let mut read = absolute("read", &raw.read)?;
    read.extend(folder);
    Ok(Cell {
        sandbox,
        bounds: bounds(&raw.limits, &format!("{key}.limits"))?,
        read,
        write: absolute("write", &raw.write)?,
        network: raw.network.unwrap_or(false),
        local_sockets: raw.local_sockets.unwrap_or(false),
        user: raw.run_as.as_deref().map(user).transpose().map_err(|cause| at("run_as", cause))?,
    })
}

/// Every bound has a default, and that is here.
fn bounds(raw: &RawBounds, key: &str) -> Result<Bounds, Fault> {
    let at = |part: &str| format!("{key}.{part}");
    Ok(Bounds {
        memory: bytes(&at("memory"), raw.memory, 4 * GIB, 16 * MIB, 1 << 50)?,
        cpu: span(&at("cpu"), raw.cpu, HOUR, 1, 7 * 24 * HOUR)?,
        file_size: bytes(&at("file_size"), raw.file_size, 4 * GIB, 0, 1 << 50)?,
        disk: bytes(&at("disk"), raw.disk, 8 * GIB, 0, 1 << 50)?,
        open_files: count(&at("open_files"), raw.open_files, 1024, 16, 1 << 20)?,
        processes: count(&at("processes"), raw.processes, 512, 1, 100_000)?,
    })
}

/// Looked up once, here: the name may come from a directory that is not there later.
fn user(name: &str) -> Result<User, String> {
    if !geteuid().is_root() {
        return Err(format!("only root can become {name}: remove run_as, or run the daemon as root"));
    }
    let account = Account::from_name(name).map_err(|error| format!("{name:?} could not be looked up: {error}"))?;
    let account =
        account.ok_or_else(|| format!("there is no user {name:?} on this machine: useradd --system {name:?}"))?;
    if account.uid.is_root() {
        return Err("root is nobody to be confined to: name a user without privileges".to_owned());
    }
    Ok(User { name: name.to_owned(), id: account.uid.as_raw(), group: account.gid.as_raw() })
}
