//! Ends everybody whom a run has left behind, in its group or out of it.
//!
//! Blocks for as long as it takes them to die, with a bound: call it off the runtime.

use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitOptions, getpgrp, getpid, kill_process_group, pidfd_open,
    pidfd_send_signal, waitid, waitpid,
};
use rustix::thread::gettid;

use super::mark::Mark;
use super::orphans;
use super::process::{Kin, Process, all};

/// Times to look: who forks while we look is found the next time.
const ROUNDS: u32 = 32;
/// How many to end each time: each takes a descriptor.
const AT_A_TIME: usize = 512;
/// How often to ask whether the killed are dead …
const PATIENCE: u32 = 20;
/// … and how long to wait each time.
const MOMENT: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
/// Looks at the orphans in one round. Each takes some microseconds, so that one who runs from process to process is hit in
/// one of them.
const STRIKES: u32 = 20_000;
/// So many in a row that see nobody are the end of it.
const QUIET: u32 = 2;

/// A run, as it is told from others.
#[derive(Clone)]
pub(super) struct Family {
    run: String,
    mark: Mark,
    /// Must not have been reaped, or its number may belong to somebody else.
    leader: Pid,
    /// The thread of ours that started it, whose child it is.
    starter: Pid,
    /// Whether all of it bear its mark.
    marked: bool,
}

/// Who was ended.
#[derive(Default)]
pub(super) struct Ended {
    pub(super) who: Vec<Process>,
    /// Somebody may be left: he could not be killed, or not be caught.
    pub(super) left: bool,
}

impl Family {
    /// Called on the thread that has started the leader.
    pub(super) fn of(run: &str, leader: Pid, marked: bool) -> Self {
        Self { run: run.to_owned(), mark: Mark::of(run), leader, starter: gettid(), marked }
    }

    /// Its leader's number.
    pub(super) fn leader(&self) -> Pid {
        self.leader
    }

    /// Whether it is one of the run's.
    pub(super) fn has(&self, process: &Process) -> bool {
        process.is_of(&self.run, self.leader)
    }

    /// Our children that may be of the run: every orphan, and who made himself a sibling of the leader (`CLONE_PARENT`).
    /// `None`: that cannot be known.
    pub(super) fn orphans(&self) -> Option<Vec<Pid>> {
        let mut orphans = orphans::adopted()?;
        let siblings = orphans::children_of(self.starter).unwrap_or_default().into_iter();
        orphans.extend(siblings.filter(|pid| *pid != self.leader && self.kin(*pid) == Kin::Own));
        Some(orphans)
    }

    /// Whether somebody may have been left behind. `true` also when that cannot be known.
    pub(super) fn any(&self) -> bool {
        self.orphans().is_none_or(|orphans| !orphans.is_empty())
    }

    pub(super) fn kin(&self, pid: Pid) -> Kin {
        Kin::of(pid, &self.run, self.mark, self.leader)
    }

    /// Buries an orphan of the run's that is dead. Nobody else does before the run ends.
    pub(super) fn bury(&self, pid: Pid) {
        if let Ok(handle) = pidfd_open(pid, PidfdFlags::empty())
            && self.kin(pid) == Kin::Own
        {
            bury(&handle);
        }
    }

    /// Ends who is left of the run: in its leader's group, with its mark, or with its id in the environment. Names them, but
    /// not those who were on their way out by themselves: who has closed its output, as all do who exit, may be there for a
    /// moment yet.
    pub(super) fn end(&self) -> Ended {
        // Those who multiply must not outrun us. They are killed when they have been named.
        let _ = kill_process_group(self.leader, Signal::STOP);
        let mut ended = Ended { who: Vec::new(), left: true };
        for _ in 0..ROUNDS {
            let news = round(&|process| self.has(process), Some(self.leader), &mut ended.who);
            let _ = kill_process_group(self.leader, Signal::KILL);
            if !self.hunt(&mut ended.who) {
                break;
            }
            if !news {
                ended.left = false;
                break;
            }
        }
        orphans::reap();
        ended.who.retain(|process| !process.exiting && process.pid != self.leader);
        ended
    }

    /// Kills those who are our children, over and over, until nobody is there. A round through all of `/proc` takes long: who
    /// forks and ends meanwhile, again and again, is somebody else each time that it has come to him. `false`: somebody is
    /// still there.
    fn hunt(&self, ended: &mut Vec<Process>) -> bool {
        let (mut quiet, mut patience) = (0, 2);
        for _ in 0..STRIKES {
            let Some(orphans) = self.orphans() else { return true };
            let (mut alone, mut dying) = (true, Vec::new());
            // The youngest first: he is the one who has not gone on yet.
            for pid in orphans.into_iter().rev().take(AT_A_TIME) {
                match self.strike(pid) {
                    Struck::Stranger => {}
                    Struck::Gone => alone = false,
                    Struck::Killed(handle) => {
                        alone = false;
                        dying.push(handle);
                        if !ended.iter().any(|known| known.pid == pid) {
                            ended.extend(Process::killed(pid));
                        }
                    }
                }
            }
            quiet = if alone { quiet + 1 } else { 0 };
            if quiet == QUIET {
                return true;
            }
            let dead = await_exit(&dying.iter().collect::<Vec<_>>());
            dying.iter().for_each(bury);
            patience -= u32::from(!dead);
            if patience == 0 {
                return false;
            }
        }
        false
    }

    /// The handle is of whoever has the number now, and what is seen of the number afterwards is his, or he is dead.
    fn strike(&self, pid: Pid) -> Struck {
        let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else { return Struck::Gone };
        match self.kin(pid) {
            Kin::Stranger => return Struck::Stranger,
            Kin::Dead if self.marked => return Struck::Stranger,
            Kin::Gone => return Struck::Gone,
            // Whose he was nobody knows: there may be another.
            Kin::Dead | Kin::Own => {}
        }
        let _ = pidfd_send_signal(&handle, Signal::KILL);
        match waitpid(Some(pid), WaitOptions::NOHANG) {
            Ok(None) => Struck::Killed(handle),
            _ => Struck::Gone,
        }
    }
}

enum Struck {
    /// Not of the run.
    Stranger,
    /// He was there, and is buried.
    Gone,
    Killed(OwnedFd),
}

/// Kills everybody who belongs, and their groups, and waits until they are dead. Names them.
pub(super) fn end(belongs: impl Fn(&Process) -> bool) -> Vec<Process> {
    let mut ended = Vec::new();
    for _ in 0..ROUNDS {
        if !round(&belongs, None, &mut ended) {
            break;
        }
    }
    ended
}

/// One look through all processes. `false`: there is nobody whom we have not killed already; who is there again hangs in the
/// kernel. With a leader they may be children of ours, and are buried; he himself has somebody else to do it.
fn round(belongs: &impl Fn(&Process) -> bool, leader: Option<Pid>, ended: &mut Vec<Process>) -> bool {
    let found = find(belongs);
    if found.iter().all(|(process, _)| ended.iter().any(|known| known.pid == process.pid)) {
        return false;
    }
    for (process, _) in &found {
        kill_group_of(process, &found);
    }
    for (_, handle) in &found {
        let _ = pidfd_send_signal(handle, Signal::KILL);
    }
    await_exit(&found.iter().map(|(_, handle)| handle).collect::<Vec<_>>());
    for (process, handle) in found {
        if leader.is_some_and(|leader| leader != process.pid) {
            bury(&handle);
        }
        if !ended.iter().any(|known| known.pid == process.pid) {
            ended.push(process);
        }
    }
    true
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

/// Waits until all of them have exited, but not for ever: one may hang in the kernel. `false`: one does.
pub(super) fn await_exit(handles: &[&OwnedFd]) -> bool {
    let mut waiting: Vec<PollFd<'_>> =
        handles.iter().map(|handle| PollFd::from_borrowed_fd(handle.as_fd(), PollFlags::IN)).collect();
    for _ in 0..PATIENCE as usize + handles.len() {
        if waiting.is_empty() || poll(&mut waiting, Some(&MOMENT)).is_err() {
            return waiting.is_empty();
        }
        waiting.retain(|handle| handle.revents().is_empty());
        for handle in &mut waiting {
            handle.clear_revents();
        }
    }
    false
}

/// Whoever is no child of ours has somebody else to do it. Of one without a mark nobody could tell later whose it was.
fn bury(handle: &OwnedFd) {
    let _ = waitid(WaitId::PidFd(handle.as_fd()), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
}

/// Whether it has exited, now.
pub(super) fn has_exited(handle: &OwnedFd) -> bool {
    poll(&mut [PollFd::new(handle, PollFlags::IN)], Some(&Timespec::default())) == Ok(1)
}
