//! A plugin's process and its group, from start to burial.

use std::io;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;

use rustix::process::{Pid, PidfdFlags, Signal, getpgid, kill_process_group, pidfd_open, pidfd_send_signal};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};

use super::family::{self, Ended, Family};

/// A process that leads a group of its own. When it is dropped the whole family is killed and the leader reaped.
///
/// The standard library's child and a pidfd of our own, not tokio's child: tokio reaps as soon as it learns of the exit,
/// but the number of the group is only safe from reuse while the leader has not been reaped.
pub(super) struct Leader {
    /// `None` once it has been reaped.
    child: Option<Child>,
    /// Readable when it has exited.
    exit: Arc<OwnedFd>,
    family: Family,
}

impl Leader {
    /// Starts the command. Not to be called on the process's first thread, whose children are the [`orphans`]; it blocks
    /// until the program is there or is not. `marked`: it bears the run's mark.
    pub(super) fn start(command: &mut Command, run: &str, marked: bool) -> io::Result<Self> {
        let mut child = command.spawn()?;
        let pid = Pid::from_child(&child);
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(exit) => Ok(Self { child: Some(child), exit: Arc::new(exit), family: Family::of(run, pid, marked) }),
            Err(error) => {
                let _ = kill_process_group(pid, Signal::KILL);
                let _ = child.kill();
                child.wait()?;
                let why = format!("its end cannot be waited for (Linux 5.3 is needed): {error}");
                Err(io::Error::new(io::Error::from(error).kind(), why))
            }
        }
    }

    /// To the group, and to the leader himself where he is not in it: not yet, or not any more.
    fn signal(&self, signal: Signal) {
        if self.child.is_none() {
            return;
        }
        let leader = self.family.leader();
        let _ = kill_process_group(leader, signal);
        if signal == Signal::KILL || getpgid(Some(leader)) != Ok(leader) {
            let _ = pidfd_send_signal(&self.exit, signal);
        }
    }

    fn reap(&mut self) -> Option<ExitStatus> {
        let status = self.child.as_mut()?.try_wait().ok().flatten()?;
        self.child = None;
        Some(status)
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        if self.child.is_none() {
            return;
        }
        self.signal(Signal::KILL);
        self.family.end();
        family::await_exit(&[&*self.exit]);
        if self.reap().is_none()
            && let Some(mut child) = self.child.take()
        {
            // It hangs in the kernel. Somebody must be there when it comes back, or it stays a zombie.
            std::thread::spawn(move || child.wait());
        }
    }
}

/// A process group whose leader we started, as the runtime sees it.
pub(super) struct Group {
    leader: Leader,
    exit: AsyncFd<Arc<OwnedFd>>,
}

/// Our ends of the plugin's pipes.
pub(super) struct Pipes {
    pub(super) stdin: ChildStdin,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
}

impl Group {
    /// Hands a leader that was started over to the runtime.
    pub(super) fn attend(mut leader: Leader) -> io::Result<(Self, Pipes)> {
        let exit = wakeable(Arc::clone(&leader.exit))?;
        let child = leader.child.as_mut();
        let (Some(stdin), Some(stdout), Some(stderr)) =
            child.map_or((None, None, None), |child| (child.stdin.take(), child.stdout.take(), child.stderr.take()))
        else {
            return Err(io::Error::other("a pipe is missing"));
        };
        let pipes = Pipes {
            stdin: ChildStdin::from_std(stdin)?,
            stdout: ChildStdout::from_std(stdout)?,
            stderr: ChildStderr::from_std(stderr)?,
        };
        Ok((Self { leader, exit }, pipes))
    }

    /// Waits until the leader has exited, without reaping it. Losing the future loses nothing.
    pub(super) async fn exited(&self) {
        // An error: the runtime is going away, and so are we.
        let _ = self.exit.readable().await;
    }

    /// All of the run.
    pub(super) fn family(&self) -> &Family {
        &self.leader.family
    }

    /// Signals the whole group. That nobody is left is no fault.
    pub(super) fn signal(&self, signal: Signal) {
        self.leader.signal(signal);
    }

    /// After the leader's exit, or when that cannot be had: kills whom it left behind.
    pub(super) async fn end_family(&self) -> Ended {
        if family::has_exited(&self.leader.exit) && !self.leader.family.any() {
            return Ended::default();
        }
        let family = self.leader.family.clone();
        tokio::task::spawn_blocking(move || family.end()).await.unwrap_or_default()
    }

    /// Reaps the leader. `None`: it has not exited. From here on the group cannot be signalled.
    pub(super) fn reap(&mut self) -> Option<ExitStatus> {
        self.leader.reap()
    }
}

#[expect(
    deprecated,
    reason = "what replaces it is unsafe, and is so for types that do not own their descriptor; this one does"
)]
fn wakeable(handle: Arc<OwnedFd>) -> io::Result<AsyncFd<Arc<OwnedFd>>> {
    AsyncFd::with_interest(handle, Interest::READABLE)
}
