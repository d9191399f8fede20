//! A plugin's process and its group, from start to burial.

use std::io;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus};

use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};

use super::family;

/// A process group whose leader we started. When it is dropped the whole family is killed and the leader reaped.
///
/// The standard library's child and a pidfd of our own, not tokio's child: tokio reaps as soon as it learns of the exit,
/// but the number of the group is only safe from reuse while the leader has not been reaped.
pub(super) struct Group {
    /// `None` once it has been reaped.
    child: Option<Child>,
    leader: Pid,
    /// Readable when the leader has exited.
    exit: AsyncFd<OwnedFd>,
    run: String,
}

/// Our ends of the plugin's pipes.
pub(super) struct Pipes {
    pub(super) stdin: ChildStdin,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
}

impl Group {
    /// Starts the command, which leads a process group of its own.
    pub(super) fn start(mut command: Command, run: &str) -> io::Result<(Self, Pipes)> {
        let child = command.spawn()?;
        let mut group = Self::guard(child, run)?;
        let child = group.child.as_mut();
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
        Ok((group, pipes))
    }

    fn guard(mut child: Child, run: &str) -> io::Result<Self> {
        let leader = Pid::from_child(&child);
        match pidfd_open(leader, PidfdFlags::empty()).map_err(io::Error::from).and_then(wakeable) {
            Ok(exit) => Ok(Self { child: Some(child), leader, exit, run: run.to_owned() }),
            Err(error) => {
                let _ = kill_process_group(leader, Signal::KILL);
                child.wait()?;
                Err(io::Error::new(
                    error.kind(),
                    format!("its end cannot be waited for (Linux 5.3 is needed): {error}"),
                ))
            }
        }
    }

    pub(super) fn leader(&self) -> Pid {
        self.leader
    }

    pub(super) fn run(&self) -> &str {
        &self.run
    }

    /// Waits until the leader has exited, without reaping it. Losing the future loses nothing.
    pub(super) async fn exited(&self) {
        // An error: the runtime is going away, and so are we.
        let _ = self.exit.readable().await;
    }

    /// Signals the whole group. That nobody is left is no fault.
    pub(super) fn signal(&self, signal: Signal) {
        if self.child.is_some() {
            let _ = kill_process_group(self.leader, signal);
        }
    }

    /// Reaps the leader. `None`: it has not exited. From here on the group cannot be signalled.
    pub(super) fn reap(&mut self) -> Option<ExitStatus> {
        let status = self.child.as_mut()?.try_wait().ok().flatten()?;
        self.child = None;
        Some(status)
    }
}

#[expect(
    deprecated,
    reason = "what replaces it is unsafe, and is so for types that do not own their descriptor; this one does"
)]
fn wakeable(handle: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(handle, Interest::READABLE)
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.child.is_none() {
            return;
        }
        self.signal(Signal::KILL);
        family::end_run(&self.run, self.leader);
        family::await_exit(&[self.exit.get_ref()]);
        if self.reap().is_none()
            && let Some(mut child) = self.child.take()
        {
            // It hangs in the kernel. Somebody must be there when it comes back, or it stays a zombie.
            std::thread::spawn(move || child.wait());
        }
    }
}
