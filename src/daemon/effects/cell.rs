//! From a plugin's cell as it is configured to the one that the runner builds, and to what is said of it afterwards.

use std::path::PathBuf;

use crate::daemon::config::{Cell, Sandbox};
use crate::daemon::runner::{self, Kernel};
use crate::daemon::verdict::Sandboxed;

/// Our own program, whatever has become of its file since.
pub const OWN_PROGRAM: &str = "/proc/self/exe";

/// The runner's cell. `None`: the configuration wants none.
pub fn built(cell: &Cell, kernel: Kernel) -> Option<runner::Cell> {
    if cell.sandbox == Sandbox::Off {
        return None;
    }
    let bounds = &cell.bounds;
    Some(runner::Cell {
        launcher: PathBuf::from(OWN_PROGRAM),
        kernel,
        bounds: runner::Bounds {
            memory: bounds.memory,
            cpu: bounds.cpu,
            file_size: bounds.file_size,
            disk: bounds.disk,
            open_files: u64::from(bounds.open_files),
            processes: bounds.processes,
        },
        read: cell.read.clone(),
        write: cell.write.clone(),
        network: cell.network,
        local_sockets: cell.local_sockets,
        user: cell.user.as_ref().map(|user| runner::User { name: user.name.clone(), id: user.id, group: user.group }),
    })
}

/// How far a run in it was confined.
pub fn sandboxed(cell: &Cell, kernel: Kernel) -> Sandboxed {
    match (cell.sandbox, kernel.missing()) {
        (Sandbox::Off, _) => Sandboxed::Off,
        (_, missing) if missing.is_empty() => Sandboxed::Fully,
        (_, missing) => Sandboxed::Partly(missing),
    }
}
