//! Ends everybody whom a run has left behind, in its group or out of it.
//!
//! Blocks for as long as it takes them to die, at most about [`ROUNDS`] times [`PATIENCE`]: call it off the runtime.

use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, getpgrp, getpid, kill_process_group, pidfd_open, pidfd_send_signal};

use super::orphans;
use super::process::{Process, all};

/// Times to look: who forks while we look is found the next time.
const ROUNDS: u32 = 32;
/// How many to end each time: each takes a descriptor.
const AT_A_TIME: usize = 512;
/// How often to ask whether the killed are dead …
const PATIENCE: u32 = 20;
/// … and how long to wait each time.
const MOMENT: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// Ends who is left of the run: in its leader's group, with its mark, or with its id in the environment. Names them, but not
/// those who were on their way out by themselves: who has closed its output, as all do who exit, may be there for a moment yet.
///
/// The leader must not have been reaped, or its number may belong to somebody else.
pub(super) fn end_run(run: &str, leader: Pid) -> Vec<Process> {
    let mut ended = end(|process| process.is_of(run, leader));
    orphans::reap();
    ended.retain(|process| !process.exiting);
    ended
}

/// Kills everybody who belongs, and their groups, and waits until they are dead. Names them.
pub(super) fn end(belongs: impl Fn(&Process) -> bool) -> Vec<Process> {
    let mut ended: Vec<Process> = Vec::new();
    for _ in 0..ROUNDS {
        let found = find(&belongs);
        // Who is there again although he was killed hangs in the kernel.
        if found.iter().all(|(process, _)| ended.iter().any(|known| known.pid == process.pid)) {
            break;
        }
        for (process, _) in &found {
            kill_group_of(process, &found);
        }
        for (_, handle) in &found {
            let _ = pidfd_send_signal(handle, Signal::KILL);
        }
        await_exit(&found.iter().map(|(_, handle)| handle).collect::<Vec<_>>());
        for (process, _) in found {
            if !ended.iter().any(|known| known.pid == process.pid) {
                ended.push(process);
            }
        }
    }
    ended
}

/// Looks, takes a handle, and looks again: the handle is then that process and no later one of the same number. Whoever is
/// found is stopped there and then, so that those who multiply do not outrun us.
fn find(belongs: &impl Fn(&Process) -> bool) -> Vec<(Process, OwnedFd)> {
    let own = getpid();
    let one = |pid: Pid| {
        Process::look(pid).filter(belongs)?;
        let handle = pidfd_open(pid, PidfdFlags::empty()).ok()?;
        let process = Process::look(pid).filter(belongs)?;
        let _ = pidfd_send_signal(&handle, Signal::STOP);
        Some((process, handle))
    };
    all().filter(|pid| *pid != own).filter_map(one).take(AT_A_TIME).collect()
}

/// Kills the group too, since members may have cleared their environment. Only a group that is the family's own: led by
/// one of them, or by nobody who lives. Its number is not reused while the process is in it.
fn kill_group_of(process: &Process, found: &[(Process, OwnedFd)]) {
    let Some(group) = process.group.filter(|group| *group != getpgrp() && !group.is_init()) else { return };
    if found.iter().any(|(other, _)| other.pid == group) || Process::look(group).is_none() {
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// Waits until all of them have exited, but not for ever: one may hang in the kernel.
pub(super) fn await_exit(handles: &[&OwnedFd]) {
    let mut waiting: Vec<PollFd<'_>> =
        handles.iter().map(|handle| PollFd::from_borrowed_fd(handle.as_fd(), PollFlags::IN)).collect();
    for _ in 0..PATIENCE as usize + handles.len() {
        if waiting.is_empty() || poll(&mut waiting, Some(&MOMENT)).is_err() {
            return;
        }
        waiting.retain(|handle| handle.revents().is_empty());
        for handle in &mut waiting {
            handle.clear_revents();
        }
    }
}
