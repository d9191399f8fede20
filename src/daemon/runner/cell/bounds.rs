//! How much a process may use, by the kernel's own counting.

use std::fs;
use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::system::sysinfo;

use super::Bounds;

/// From the signal that says that the processor time is spent to the one that cannot be ignored.
const LAST_SECONDS: u64 = 2;
/// How much sooner than others the kernel ends it when memory runs out: the daemon is to stay.
const OUT_OF_MEMORY_SCORE: &str = "500";

/// Takes the limits upon this process, for good, and the run's mark.
pub(super) fn apply(bounds: &Bounds, mark: u64) -> io::Result<()> {
    // Memory that can be written to, and not address space: what runtimes merely reserve must not count.
    limit(Resource::Data, bounds.memory, 0)?;
    limit(Resource::Cpu, bounds.cpu.as_secs().max(1), LAST_SECONDS)?;
    limit(Resource::Fsize, bounds.file_size, 0)?;
    limit(Resource::Nofile, bounds.open_files, 0)?;
    limit(Resource::Core, 0, 0)?;
    limit(Resource::Locks, mark, 0)?;
    // Counted for the user and not for the run, so that this is the outer wall only; the inner one is runner::watchman. It does
    // not hold root.
    limit(Resource::Nproc, u64::from(sysinfo().procs) + u64::from(bounds.processes), 0)?;
    // Where it cannot be said, the kernel chooses by size.
    let _ = fs::write("/proc/self/oom_score_adj", OUT_OF_MEMORY_SCORE);
    Ok(())
}

/// Never more than there was.
fn limit(resource: Resource, soft: u64, more: u64) -> io::Result<()> {
    let most = getrlimit(resource).maximum.unwrap_or(u64::MAX);
    let maximum = soft.saturating_add(more).min(most);
    Ok(setrlimit(resource, Rlimit { current: Some(soft.min(maximum)), maximum: Some(maximum) })?)
}
