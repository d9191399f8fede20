//! The cell that a plugin runs in: what it may use, open and call, and who it is.
//!
//! A plugin is started by way of our own program, as [`launcher`]: that one takes the limits upon itself and then becomes
//! the plugin. So nothing of ours runs between fork and exec, and what cannot be enforced is known before the plugin is.

mod bounds;
mod calls;
mod descriptors;
mod files;
mod identity;
mod launcher;
mod orders;
mod places;
mod probe;
mod refused;
mod steps;
mod way;

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use launcher::{LAUNCH, launch};
pub use probe::{Kernel, probe};

use super::Spec;
use super::mark::Mark;
pub(super) use launcher::Refusal;
use orders::Orders;
use way::Own;

/// What one plugin is confined to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The program that knows the launcher's mode: our own.
    pub launcher: PathBuf,
    /// What the kernel was seen to enforce. A run that gets less of it is not started.
    pub kernel: Kernel,
    pub bounds: Bounds,
    /// What it may read and execute beside the system, its program and its working directory.
    pub read: Vec<PathBuf>,
    /// What it may write to beside its working directory.
    pub write: Vec<PathBuf>,
    /// Whether it may use the network.
    pub network: bool,
    /// Whether it may connect to sockets of this machine that have a path.
    pub local_sockets: bool,
    /// Whom it runs as, when we are root.
    pub user: Option<User>,
}

/// How much of everything a plugin may use. Of what the kernel counts, each process by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Bounds {
    /// Bytes of memory that it can write to. Address space that is merely reserved costs nothing and is not counted: Go, Java
    /// and Node reserve far more than they use.
    pub memory: u64,
    /// Processor time.
    pub cpu: Duration,
    /// Bytes of one file.
    pub file_size: u64,
    /// Bytes in its working directory, beside the model's files. Counted for all of its processes together.
    pub disk: u64,
    pub open_files: u64,
    /// Processes and threads at a time, all of the run together.
    pub processes: u32,
}

/// A user of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub id: u32,
    pub group: u32,
}

impl Cell {
    /// What the launcher is to do for this run. The program is looked at, since what it is made of must be readable.
    fn orders(&self, marker: &str, spec: &Spec, workdir: &Path) -> Orders {
        let mut own = self.write.clone();
        // Its generations stand side by side, and it has made them.
        own.extend(spec.cache.iter().filter_map(|cache| cache.path.parent()).map(Path::to_owned));
        let planted = Own::of(&own);
        let mut read = self.read.clone();
        let path = spec.env.iter().rfind(|(name, _)| name == "PATH").map_or(&spec.path, |(_, path)| path);
        read.extend(places::of_program(&spec.program, path, &planted));
        read.extend(places::of_path(path, &planted));
        // The configuration names them, and nobody else.
        read.extend(spec.args.iter().filter_map(|arg| places::named(arg)));
        read.extend(spec.invocation.settings.values().flat_map(places::named_in));
        let mut write = self.write.clone();
        write.push(workdir.to_owned());
        if let Some(cache) = &spec.cache {
            if cache.writable { &mut write } else { &mut read }.push(cache.path.clone());
        }
        Orders {
            marker: marker.to_owned(),
            kernel: self.kernel,
            bounds: self.bounds,
            mark: Mark::of(&spec.invocation.run.id).number(),
            read,
            write,
            own,
            network: self.network,
            local_sockets: self.local_sockets,
            user: self.user.as_ref().map(|user| (user.id, user.group)),
        }
    }

    /// The launcher's arguments for this run, the plugin's own to follow.
    pub(super) fn arguments(&self, marker: &str, spec: &Spec, workdir: &Path) -> Result<[String; 2], String> {
        Ok([LAUNCH.to_owned(), self.orders(marker, spec, workdir).write()?])
    }
}

/// What only we and the launcher know: by it a word of the launcher's is told from one of the plugin's.
pub(super) fn marker() -> String {
    format!("scanrelay-cell-{:016x}:", RandomState::new().build_hasher().finish())
}
