//! The runner against real programs. Nothing here sleeps: a test waits for a plugin's own word.

mod contract;
mod endings;
mod leaving;
mod surroundings;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use scanrelay::plugin::{
    Conclusion, Format, Invocation, PluginKind, Pointers, Report, Run as RunId, Severity, Status, Verdict,
};
use scanrelay::{Event, EventKind, Secret, Timestamp};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::*;

pub const SAFE: &str = r#"echo '{"type":"result","verdict":"safe"}';"#;

/// Where the program is built that knows the launcher's mode (tests/cell.rs), every test of the runner's is one of the cell's
/// too; else plugins are started as they are.
fn cell() -> Option<Cell> {
    let launcher = PathBuf::from(option_env!("CARGO_BIN_EXE_scanrelay")?);
    let kernel = probe(&launcher).unwrap();
    let bounds = Bounds {
        memory: 4 << 30,
        cpu: Duration::from_hours(1),
        file_size: 1 << 30,
        disk: 1 << 30,
        open_files: 1024,
        processes: 512,
    };
    let (read, write) = (Vec::new(), Vec::new());
    Some(Cell { launcher, kernel, bounds, read, write, network: false, local_sockets: false, user: None })
}

/// What carries the runs, whatever runtime a test has: as in the daemon, no thread that has started a plugin ends before it. A
/// process that takes long on a busy machine would go to the first thread, and be buried by another test.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().thread_keep_alive(Duration::MAX).build().unwrap()
});

/// A folder to work in and the spec of a shell script.
pub struct Stage {
    pub root: TempDir,
    store: String,
    pub spec: Spec,
}

impl Stage {
    pub fn new(script: &str) -> Self {
        // As the daemon does before its first run.
        orphans::adopt().unwrap();
        let root = tempfile::tempdir().unwrap();
        let store: String = root.path().to_string_lossy().chars().filter(char::is_ascii_alphanumeric).collect();
        let run = RunId::new(format!("{store}-7"), 1, Timestamp::from_millis(0));
        let spec = Spec {
            name: "sample".to_owned(),
            kind: PluginKind::Scanner,
            program: PathBuf::from("/bin/sh"),
            args: vec!["-c".to_owned(), script.to_owned()],
            cell: cell(),
            output: Output::Jsonl,
            fail_on: Severity::High,
            timeout: Duration::from_mins(1),
            grace: Duration::from_secs(30),
            log_cap: 64 * 1024,
            log: tokio::sync::watch::Sender::new(Vec::new()),
            env: Vec::new(),
            secrets: Vec::new(),
            path: "/usr/bin:/bin".to_owned(),
            lang: "C.UTF-8".to_owned(),
            work_root: root.path().join("work"),
            invocation: Invocation::new(run, "sample", Event::new(EventKind::ScanRequest, "verta")),
            body: Bytes::from_static(b"{\"raw\":true}"),
            trace: None,
            artifact: None,
            cache: None,
        };
        Self { root, store, spec }
    }

    /// Its cell lets it write there.
    pub fn writing(self, folder: &Path) -> Self {
        self.confined(|cell| cell.write.push(folder.to_owned()))
    }

    /// With another cell, where it has one.
    pub fn confined(mut self, change: impl FnOnce(&mut Cell)) -> Self {
        self.spec.cell.as_mut().map(change);
        self
    }

    pub fn with(mut self, change: impl FnOnce(&mut Spec)) -> Self {
        change(&mut self.spec);
        self
    }

    pub fn workdir(&self) -> PathBuf {
        let run = &self.spec.invocation.run;
        self.spec.work_root.canonicalize().unwrap().join(format!("{}.{}", run.id, run.attempt))
    }

    /// Starts the run in a task; `notes` hears it.
    pub fn start(&self) -> Started {
        let (sender, notes) = mpsc::channel(16);
        let all = CancellationToken::new();
        let cancel = Stop::before(&all);
        let task = RUNTIME.spawn(run(self.spec.clone(), cancel.clone(), sender));
        Started { task, cancel, all, notes }
    }

    /// Runs to the end, committing every checkpoint, and leaves nothing in the work folder.
    pub async fn run(&self) -> Run {
        let run = self.start().end().await;
        self.assert_clean();
        run
    }

    pub fn assert_clean(&self) {
        let left: Vec<_> = self.spec.work_root.read_dir().into_iter().flatten().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

pub struct Started {
    pub task: tokio::task::JoinHandle<Run>,
    pub cancel: Stop,
    /// Stops everything.
    pub all: CancellationToken,
    notes: mpsc::Receiver<Note>,
}

impl Started {
    /// The next progress message.
    pub async fn progress(&mut self) -> String {
        match self.notes.recv().await {
            Some(Note::Progress { message, .. }) => message,
            other => panic!("no progress: {other:?}"),
        }
    }

    /// The next checkpoint, not answered yet.
    async fn checkpoint(&mut self) -> (serde_json::Value, oneshot::Sender<bool>) {
        match self.notes.recv().await {
            Some(Note::Checkpoint { data, committed }) => (data, committed),
            other => panic!("no checkpoint: {other:?}"),
        }
    }

    pub async fn end(mut self) -> Run {
        while let Some(note) = self.notes.recv().await {
            if let Note::Checkpoint { committed, .. } = note {
                let _ = committed.send(true);
            }
        }
        self.task.await.unwrap()
    }
}

pub fn scan(verdict: Verdict) -> End {
    End::Concluded(Conclusion::of_scan(verdict))
}

fn action(status: Status) -> End {
    End::Concluded(Conclusion::Action { status, summary: None, url: None })
}

pub fn failed(why: &str) -> End {
    End::Failed(why.to_owned())
}

pub fn text(run: &Run) -> String {
    String::from_utf8_lossy(&run.log).into_owned()
}

/// A line of progress, in shell.
pub fn say(message: &str) -> String {
    format!(r#"echo "{{\"type\":\"progress\",\"message\":\"{message}\"}}";"#)
}

/// Whether that process runs. One that is dead and waits for init to reap it does not.
pub fn runs(pid: &str) -> bool {
    super::process::Process::look(rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap()).is_some()
}

/// Whether there is a process of that number, dead or alive.
fn exists(pid: &str) -> bool {
    Path::new("/proc").join(pid).exists()
}

#[expect(clippy::disallowed_methods, reason = "the test needs a pipe with a name")]
fn mkfifo(path: &Path) -> std::process::Command {
    let mut command = std::process::Command::new("/usr/bin/mkfifo");
    command.arg(path);
    command
}

fn secret(bytes: &[u8]) -> (String, Secret) {
    ("TOKEN".to_owned(), Secret::new(bytes).unwrap())
}
