//! Everything about one attempt, and the command line and environment that follow from it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use rustix::fs::{Access, access};
use scanrelay::plugin::{Invocation, PluginKind, Report, Severity, Status, Verdict, printable};
use scanrelay::{Secret, TraceParent};
use tokio::sync::watch;

use super::cell::{Cell, Refusal};
use super::workdir::Workdir;

/// One attempt, already validated.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The plugin's name in the configuration.
    pub name: String,
    pub kind: PluginKind,
    /// Absolute, resolved by the configuration.
    pub program: PathBuf,
    /// Only `{artifact}`, `{workdir}`, `{event}`, `{report}` and `{cache}` are replaced, by paths that we made.
    pub args: Vec<String>,
    /// What it is confined to. `None`: to nothing but its process group.
    pub cell: Option<Cell>,
    pub output: Output,
    pub fail_on: Severity,
    pub timeout: Duration,
    /// From SIGTERM to SIGKILL.
    pub grace: Duration,
    /// Bytes of log to keep.
    pub log_cap: usize,
    /// The log as it grows, for whoever looks on.
    pub log: watch::Sender<Vec<u8>>,
    pub env: Vec<(String, String)>,
    pub secrets: Vec<(String, Secret)>,
    /// The child's PATH and LANG: the daemon's own environment is never read here.
    pub path: String,
    pub lang: String,
    /// Where the private working directory is made.
    pub work_root: PathBuf,
    pub invocation: Invocation,
    /// The raw payload.
    pub body: Bytes,
    /// The trace that the run belongs to, with this attempt as the parent of what the plugin does.
    pub trace: Option<TraceParent>,
    /// A folder of this run's own with the model's files. It is moved into the working directory, so it stands on the
    /// same file system as `work_root`.
    pub artifact: Option<PathBuf>,
    pub cache: Option<RunCache>,
}

/// The folder in which it looks things up, or which it brings up to date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunCache {
    pub path: PathBuf,
    /// Whether it may change it.
    pub writable: bool,
}

/// How the plugin gives its result.
#[derive(Clone, Debug)]
pub enum Output {
    /// By lines of the contract.
    Jsonl,
    /// By its exit code alone; all it prints is log. A code that is not listed is a failed attempt, 75 "try later".
    ExitCodes(BTreeMap<u8, Word>),
    /// By the report that it writes to `{report}`, when it exits with one of these codes; all it prints is log.
    Report(Box<Report>, BTreeSet<u8>),
}

/// What an exit code means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// A scanner's.
    Verdict(Verdict),
    /// An action's.
    Status(Status),
}

impl Spec {
    /// The command, ready to start: no shell, a clean environment, a process group of its own, the launcher's doing where there is one. What the launcher has to say
    /// begins with the marker.
    ///
    /// Without `pre_exec`, so that the standard library uses `posix_spawn`: nothing of ours runs between fork and exec.
    pub(super) fn command(&self, workdir: &Workdir, marker: &str) -> Result<Command, String> {
        let program = self.cell.as_ref().map_or(&self.program, |cell| &cell.launcher);
        #[expect(clippy::disallowed_methods, reason = "the one place that starts plugins")]
        let mut command = Command::new(program);
        if let Some(cell) = &self.cell {
            command.arg0("scanrelay");
            command.args(cell.arguments(marker, self, workdir.path())?);
            command.arg(&self.program);
        }
        let cache = self.cache.as_ref().map(|cache| cache.path.clone());
        let mut places = vec![
            ("{artifact}", workdir.artifact()),
            ("{workdir}", workdir.path().to_owned()),
            ("{event}", workdir.event()),
            ("{report}", workdir.report()),
        ];
        places.extend(cache.iter().map(|cache| ("{cache}", cache.clone())));
        command.args(self.args.iter().map(|arg| fill(arg, &places)));
        command.env_clear().current_dir(workdir.path());
        // The launcher takes a session of its own, which whoever leads a group cannot do.
        if self.cell.is_none() {
            command.process_group(0);
        }
        command.env("PATH", &self.path).env("LANG", &self.lang);
        command.env("HOME", workdir.path()).env("TMPDIR", workdir.path());
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.envs(self.secrets.iter().map(|(name, secret)| (name, OsStr::from_bytes(secret.expose()))));
        // Last, so that no setting hides them: leftovers are found by the run's id.
        command.env("SCANRELAY_RUN_ID", &self.invocation.run.id);
        command.env("SCANRELAY_PLUGIN", &self.name);
        command.env("SCANRELAY_ATTEMPT", self.invocation.run.attempt.to_string());
        command.env("SCANRELAY_EVENT", workdir.event());
        command.env("SCANRELAY_ARTIFACT", workdir.artifact());
        command.env("SCANRELAY_RESULT", workdir.result());
        if let Some(cache) = cache {
            command.env("SCANRELAY_CACHE", cache);
        }
        // Parsed and written anew: nothing else of the header passes.
        if let Some(trace) = self.trace {
            command.env("TRACEPARENT", trace.to_string());
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(command)
    }

    /// Why the launcher did not become the program.
    pub(super) fn why_refused(&self, refusal: &Refusal) -> String {
        match refusal {
            Refusal::Exec(error) => self.why_not_started(&io::Error::from_raw_os_error(*error)),
            Refusal::Limit { what, cause } => {
                let name = &self.name;
                printable(&format!("plugin {name} was not started, since {what} could not be enforced: {cause}"))
                    .into_owned()
            }
        }
    }

    /// Why the program could not be started, and what to do about it.
    pub(super) fn why_not_started(&self, error: &io::Error) -> String {
        let program = self.program.display();
        let reason = match error.kind() {
            io::ErrorKind::NotFound if self.program.exists() => {
                format!("{program} names an interpreter that does not exist: correct its first line (#!)")
            }
            io::ErrorKind::NotFound => {
                format!("there is no {program}: install it, or correct `command` of plugin {}", self.name)
            }
            io::ErrorKind::PermissionDenied if access(&self.program, Access::EXEC_OK).is_ok() => format!(
                "{program} or its interpreter is out of its cell's reach: add the folder to `read` of plugin {}",
                self.name
            ),
            io::ErrorKind::PermissionDenied => format!("{program} may not be executed: type `chmod +x {program}`"),
            _ if error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error()) => {
                format!("{program} is no program: a script must begin with #! and its interpreter")
            }
            _ => format!("{program} was not started: {error}"),
        };
        printable(&reason).into_owned()
    }
}

/// Replaces the placeholders in one pass, so that what stands in a replaced path is not looked at again.
fn fill(arg: &str, places: &[(&str, PathBuf)]) -> OsString {
    let mut filled = Vec::with_capacity(arg.len());
    let mut rest = arg;
    while let Some(at) = rest.find('{') {
        filled.extend_from_slice(&rest.as_bytes()[..at]);
        rest = &rest[at..];
        let place = places.iter().find(|(name, _)| rest.starts_with(name));
        let (piece, taken): (&[u8], usize) = place.map_or((b"{", 1), |(name, path)| (bytes_of(path), name.len()));
        filled.extend_from_slice(piece);
        rest = &rest[taken..];
    }
    filled.extend_from_slice(rest.as_bytes());
    OsString::from_vec(filled)
}

fn bytes_of(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_placeholders_are_replaced_and_only_once() {
        let places = [("{event}", PathBuf::from("/w/{workdir}/event.json")), ("{workdir}", PathBuf::from("/w"))];
        let check = |arg: &str, filled: &str| assert_eq!(fill(arg, &places), filled, "{arg}");
        check("", "");
        check("--in={event}", "--in=/w/{workdir}/event.json");
        check("{workdir}é{workdir}", "/wé/w");
        check("{", "{");
        check("{{workdir}}", "{/w}");
        check("{model} $(id) `id`", "{model} $(id) `id`");
    }
}
