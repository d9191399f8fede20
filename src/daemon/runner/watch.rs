//! Waits for a plugin's end, or brings it about.

use std::pin::pin;
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;
use tokio::select;
use tokio::time::{Instant, sleep};

use super::Spec;
use super::conclude::Cut;
use super::family::Ended;
use super::group::Group;
use super::listen::Listener;
use super::orphans;
use super::process::Process;
use super::watchman::{Breach, Watchman};
use super::workdir::Workdir;
use crate::daemon::stop::{Stop, Why};

/// How long after the plugin's exit its pipes may stay open before somebody is said to hold them.
const SETTLE: Duration = Duration::from_millis(250);
/// How long to read on when they have been killed.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How long a checkpoint may be on its way after the plugin's exit.
const COMMIT: Duration = Duration::from_secs(3);
/// How long after SIGKILL a process is waited for. Longer: it hangs in the kernel.
const UNKILLABLE: Duration = Duration::from_secs(5);
/// Bytes read after the exit. More than both pipes can hold (1 MiB each at most for those without privileges): somebody
/// goes on writing.
const IN_FLIGHT: usize = 2 * 1024 * 1024;

/// How many of those who were left behind are named.
const NAMED: usize = 16;

/// That we ended it, why, and until when its family may take to end by itself.
pub(super) type Cutoff = (Cut, Instant);

/// Feeds stdin and listens until the leader has exited. At timeout or when it has to stop: `stop.json`, SIGTERM to the group, the
/// grace, SIGKILL.
pub(super) async fn attend(
    group: &Group,
    stdin: ChildStdin,
    document: &[u8],
    listener: &mut Listener,
    workdir: &Workdir,
    spec: &Spec,
    stop: &Stop,
) -> Option<Cutoff> {
    let mut feeding = pin!(feed(stdin, document));
    let mut alarm = pin!(sleep(spec.timeout));
    let mut breach = pin!(breach(group, workdir, spec));
    let (mut fed, mut killed, mut breached) = (false, false, false);
    let mut cut = None;
    loop {
        // Not biased: a plugin that floods must not drown out the alarm.
        let new = select! {
            _ = listener.listen(workdir), if !listener.spent() => continue,
            () = &mut feeding, if !fed => {
                fed = true;
                continue;
            }
            () = group.exited() => break,
            () = stop.token().cancelled(), if cut.is_none() => Cut::Cancel,
            () = &mut alarm => Cut::Timeout,
            breach = &mut breach, if !breached => {
                breached = true;
                Cut::Breach(breach)
            }
        };
        if cut.is_none() && !breached {
            cut = Some(new);
            tell_why(new, stop, listener, workdir);
            group.signal(Signal::TERM);
            alarm.as_mut().reset(Instant::now() + spec.grace);
        } else if !killed {
            // Whoever goes too far has no grace.
            cut.get_or_insert(new);
            killed = true;
            group.signal(Signal::KILL);
            alarm.as_mut().reset(Instant::now() + UNKILLABLE);
        } else {
            listener.remark("the plugin could not be killed: it hangs in the kernel".to_owned());
            break;
        }
    }
    cut.map(|cut| (cut, if killed { Instant::now() } else { alarm.deadline() }))
}

/// Says in `stop.json` why SIGTERM follows: who has triggered something outside ends it, or leaves it to the next attempt. A
/// plugin that is not told takes it for a shutdown, which ends nothing outside.
fn tell_why(cut: Cut, stop: &Stop, listener: &mut Listener, workdir: &Workdir) {
    let why = match (cut, stop.why()) {
        (Cut::Cancel, Why::Shutdown) => "shutdown",
        (Cut::Cancel, Why::Cancel) => "cancel",
        (Cut::Timeout, _) => "timeout",
        (Cut::Breach(_) | Cut::Lost, _) => return,
    };
    // A few bytes into the page cache: not worth a thread.
    let document = format!("{{\"reason\":\"{why}\"}}");
    if let Err(error) = workdir.keep("stop.json", document.as_bytes()) {
        listener.remark(format!("stop.json was not written: {error}"));
    }
}

/// Comes back when the run has gone over what it may use as a whole. Without a cell it may use everything, and only its dead
/// are buried.
async fn breach(group: &Group, workdir: &Workdir, spec: &Spec) -> Breach {
    let Some(cell) = &spec.cell else { return orphans::go_on_reaping().await };
    let given = spec.invocation.artifact.as_ref().map_or(0, |artifact| artifact.size);
    Watchman::new(group.family().clone(), workdir.path(), cell.bounds, given).breach().await
}

/// That the plugin does not read its input is no fault.
async fn feed(mut stdin: ChildStdin, document: &[u8]) {
    let _ = stdin.write_all(document).await;
}

/// After the leader's exit: hears the rest, names and kills whoever is left, and stops listening after a bound.
pub(super) async fn bury(group: &Group, listener: &mut Listener, workdir: &Workdir, ended: Option<Cutoff>) {
    let wait = ended.map_or(SETTLE, |(_, until)| until.saturating_duration_since(Instant::now()));
    let closed = hear_out(listener, workdir, wait).await;
    let Ended { who, left } = group.end_family().await;
    for Process { name, pid, .. } in who.iter().take(NAMED) {
        let deed = if closed { "was left behind by the plugin" } else { "held the plugin's output open after its end" };
        listener.remark(format!("{name} (pid {pid}) {deed}, and was killed"));
    }
    if let Some(more) = who.len().checked_sub(NAMED).filter(|more| *more > 0) {
        listener.remark(format!("and {more} more, which were killed too"));
    }
    if left {
        listener.remark("somebody whom the plugin left behind could not be caught, or hangs in the kernel".to_owned());
    }
    if !closed && !hear_out(listener, workdir, LAST_WORDS).await {
        listener.remark("the plugin's output was still open, and was read no further".to_owned());
        listener.close();
        hear_out(listener, workdir, Duration::ZERO).await;
    }
}

/// Listens until all is heard. `false`: nothing came for a while, or too much.
async fn hear_out(listener: &mut Listener, workdir: &Workdir, wait: Duration) -> bool {
    let mut quiet = pin!(sleep(wait));
    let mut late = pin!(sleep(wait + COMMIT));
    let mut room = IN_FLIGHT;
    while !listener.spent() {
        // Biased: what is there already is read before the time that has passed counts.
        let read = select! {
            biased;
            read = listener.listen(workdir) => read,
            () = &mut quiet, if !listener.waits_for_commit() => return false,
            () = &mut late => {
                listener.give_up();
                return false;
            }
        };
        let Some(less) = room.checked_sub(read) else { return false };
        room = less;
    }
    true
}
