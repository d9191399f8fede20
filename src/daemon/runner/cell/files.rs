//! What a plugin may open, by Landlock: an allow-list, and nothing beside it.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, RulesetError, Scope,
};
use rustix::fs::{FileType, fstat};

use super::orders::Orders;
use super::way::Own;

/// The newest that this was written for. Of an older kernel's it enforces what there is, and [`Kernel`](super::Kernel) says
/// what is missing.
const WRITTEN_FOR: ABI = ABI::V6;

/// What every program needs: itself, its libraries, its interpreter's.
const SYSTEM: &[&str] =
    &["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store", "/proc"];
/// What the loader, the resolver, TLS and the large runtimes read of the machine. No secrets, and not all of `/etc`.
const MACHINE: &[&str] = &[
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/ca-certificates.conf",
    "/etc/crypto-policies",
    "/etc/gai.conf",
    "/etc/group",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/ld.so.preload",
    "/etc/locale.alias",
    "/etc/localtime",
    "/etc/magic",
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/os-release",
    "/etc/passwd",
    "/etc/pki/ca-trust",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/tls/certs",
    "/etc/pki/tls/openssl.cnf",
    "/etc/protocols",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/timezone",
    "/sys/devices/system/cpu",
    "/sys/devices/system/node",
    "/sys/fs/cgroup",
    "/sys/kernel/mm/transparent_hugepage",
];
/// Runtimes whose folders in `/etc` carry the version in their names.
const VERSIONED: &[&str] = &["java", "perl", "python"];
const DEVICES: &[&str] = &["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

/// The walls, made while everything can still be looked at.
pub(super) struct Walls(RulesetCreated);

impl Walls {
    pub(super) fn make(orders: &Orders) -> io::Result<Self> {
        let ruleset = Ruleset::default()
            .handle_access(AccessFs::from_all(WRITTEN_FOR))
            .map_err(explained)?
            // No signals and no nameless sockets to whoever is outside.
            .scope(Scope::from_all(WRITTEN_FOR))
            .map_err(explained)?;
        let ruleset = if orders.network {
            ruleset
        } else {
            // The filter of system calls refuses sockets altogether: this is the second wall.
            ruleset.handle_access(AccessNet::from_all(WRITTEN_FOR)).map_err(explained)?
        };
        let mut walls = ruleset.create().map_err(explained)?;
        let read = AccessFs::from_read(WRITTEN_FOR);
        let write = AccessFs::from_all(WRITTEN_FOR) & !AccessFs::Execute;
        for path in SYSTEM.iter().chain(MACHINE).map(Path::new) {
            walls = open(walls, PathFd::new(path), read)?;
        }
        for path in versioned() {
            walls = open(walls, PathFd::new(path), read)?;
        }
        for path in DEVICES {
            walls = open(walls, PathFd::new(path), AccessFs::ReadFile | AccessFs::WriteFile)?;
        }
        let own = Own::of(&orders.own);
        for path in &orders.read {
            walls = open(walls, own.open(path), read)?;
        }
        for path in &orders.write {
            walls = open(walls, own.open(path), write)?;
        }
        Ok(Self(walls))
    }

    /// Closes them around this process and all that it starts. Says which version of Landlock the kernel has; 0: none.
    pub(super) fn close(self) -> io::Result<u8> {
        let status = self.0.restrict_self().map_err(explained)?;
        Ok(u8::try_from(ABI::from(status.landlock) as i32).unwrap_or(0))
    }
}

/// What is not there needs no door.
fn open<E>(
    walls: RulesetCreated,
    place: Result<impl AsFd, E>,
    access: BitFlags<AccessFs>,
) -> io::Result<RulesetCreated> {
    let Ok(place) = place else { return Ok(walls) };
    let kind = FileType::from_raw_mode(fstat(&place)?.st_mode);
    let access = if kind == FileType::Directory { access } else { access & AccessFs::from_file(WRITTEN_FOR) };
    walls.add_rule(PathBeneath::new(place, access)).map_err(explained)
}

fn versioned() -> impl Iterator<Item = std::path::PathBuf> {
    let known = |name: &std::ffi::OsStr| {
        VERSIONED.iter().any(|runtime| name.to_str().is_some_and(|name| name.starts_with(runtime)))
    };
    let entries = std::fs::read_dir("/etc").into_iter().flatten().flatten();
    entries.filter(move |entry| known(&entry.file_name())).map(|entry| entry.path())
}

fn explained(error: RulesetError) -> io::Error {
    io::Error::other(error)
}
