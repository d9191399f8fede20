//! Whoever a plugin leaves behind becomes our child: then it takes one small file, not a walk through all of `/proc`, to
//! know that nobody was left.
//!
//! A process whose parent ends is given to its nearest ancestor that adopts orphans, before the parent counts as dead.
//! The kernel gives it to our first thread, which starts no process itself: see [`Leader`](super::group::Leader). A thread
//! that has started one must not end before it, or the kernel gives that child to the first thread too, and it would be
//! buried here under its owner's eyes: the runtime's blocking threads are kept for ever, see `main`.

use std::fs;
use std::io;
use std::time::Duration;

use rustix::process::{Pid, WaitOptions, child_subreaper, getpid, set_child_subreaper, waitpid};

use tokio::time::sleep;

use super::process::number;

/// How often the dead are buried where nobody counts them.
const EVERY: Duration = Duration::from_millis(250);

/// From now on orphans of our plugins are ours.
pub(super) fn adopt() -> io::Result<()> {
    Ok(set_child_subreaper(Some(getpid()))?)
}

/// Buries those of them that are dead: nobody else does.
pub(super) fn reap() {
    for orphan in adopted().into_iter().flatten() {
        let _ = waitpid(Some(orphan), WaitOptions::NOHANG);
    }
}

/// Does so for as long as it is asked: the dead hold their numbers, of which the machine has so many.
pub(super) async fn go_on_reaping<T>() -> T {
    loop {
        sleep(EVERY).await;
        let _ = tokio::task::spawn_blocking(reap).await;
    }
}

/// Who they are. `None`: that cannot be known, without adoption or with a kernel without `CONFIG_PROC_CHILDREN`.
pub(super) fn adopted() -> Option<Vec<Pid>> {
    child_subreaper().ok().flatten()?;
    children_of(getpid())
}

/// The children that belong to one of our threads.
pub(super) fn children_of(thread: Pid) -> Option<Vec<Pid>> {
    let children = fs::read_to_string(format!("/proc/self/task/{thread}/children")).ok()?;
    children.split_ascii_whitespace().map(number).collect()
}
