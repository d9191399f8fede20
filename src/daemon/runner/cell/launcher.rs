//! The launcher: our own program in another mode, which takes the limits upon itself and then becomes the plugin.
//!
//! It is the plugin's process from its first moment, with its environment, folder, group and pipes, and it leaves nothing of
//! its own in them. What goes wrong before the plugin is there it says in one line on stderr, behind a marker that is made
//! for this run: the runner takes that line out, and no plugin can write one.

use std::ffi::{CString, OsString};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStringExt as _;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

use super::calls::Sockets;
use super::files::Walls;
use super::orders::Orders;
use super::probe::Kernel;
use super::{bounds, calls, descriptors, identity};

/// The first argument of the mode.
pub const LAUNCH: &str = "cell";
/// As shells have it for what was not started.
const NOT_STARTED: u8 = 127;

/// Why the plugin is not there.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in super::super) enum Refusal {
    /// The program was not executed, with this error of the system's.
    Exec(i32),
    /// A limit could not be applied: which, and why.
    Limit { what: String, cause: String },
}

/// Becomes the plugin that `arguments`, those after the mode's word, say: orders, program, its arguments. Comes back only when
/// that fails, or when there is nobody to become.
pub fn launch(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut arguments = arguments.into_iter();
    let orders = arguments.next().and_then(|orders| orders.into_string().ok());
    let Some(orders) = orders.and_then(|orders| Orders::read(&orders).ok()) else {
        let _ = writeln!(io::stderr(), "scanrelay: {LAUNCH} is how the daemon starts plugins: it is not for people");
        return ExitCode::from(2);
    };
    let command: Result<Vec<CString>, _> = arguments.map(|argument| CString::new(argument.into_vec())).collect();
    let command = command.unwrap_or_default();
    let refusal = match confine(&orders) {
        Err(refusal) => refusal,
        Ok(kernel) => match command.first() {
            // It was only asked what can be enforced.
            None => return told(kernel),
            Some(program) => {
                sigpipe::reset();
                match nix::unistd::execv(program, &command) {
                    Err(error) => Refusal::Exec(error as i32),
                }
            }
        },
    };
    let refusal = serde_json::to_string(&refusal).unwrap_or_default();
    let _ = writeln!(io::stderr(), "{}{refusal}", orders.marker);
    ExitCode::from(NOT_STARTED)
}

/// Each wall from the outermost: what is needed to build the next is not given away before.
fn confine(orders: &Orders) -> Result<Kernel, Refusal> {
    let limit =
        |what: &'static str| move |error: io::Error| Refusal::Limit { what: what.to_owned(), cause: error.to_string() };
    descriptors::close().map_err(limit("that nothing is open in it (/proc)"))?;
    // Out of reach of groups that are not its own, and nobody of it can join ours.
    rustix::process::setsid().map_err(io::Error::from).map_err(limit("its own session"))?;
    bounds::apply(&orders.bounds, orders.mark).map_err(limit("its resource limits"))?;
    let walls = Walls::make(orders).map_err(limit("what it may open (Landlock)"))?;
    let filter = calls::filter(Sockets { network: orders.network, local: orders.local_sockets });
    if let Some((user, group)) = orders.user {
        identity::become_user(user, group).map_err(limit("its user (run_as)"))?;
    }
    identity::renounce().map_err(limit("no_new_privs"))?;
    let landlock = walls.close().map_err(limit("what it may open (Landlock)"))?;
    let filtered = filter.and_then(|filter| calls::close(&filter));
    let kernel = Kernel { landlock, calls: filtered.is_ok() };
    if orders.kernel.calls {
        filtered.map_err(limit("which system calls it may make (seccomp)"))?;
    }
    if kernel.landlock < orders.kernel.landlock {
        let cause = format!("version {landlock} of Landlock is not {} any more", orders.kernel.landlock);
        return Err(Refusal::Limit { what: "what it may open (Landlock)".to_owned(), cause });
    }
    Ok(kernel)
}

fn told(kernel: Kernel) -> ExitCode {
    let told = serde_json::to_string(&kernel).unwrap_or_default();
    if writeln!(io::stdout(), "{told}").is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
