//! One run of one plugin on files and an event that somebody hands in: no registry, no store, the same runner.

use std::fs::{DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use scanrelay::Event;
use scanrelay::plugin::{Artifact, ArtifactFile, Conclusion, Image, Invocation, Run as RunOf};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::clock::Clock;
use super::config::{Config, Plugin};
use super::effects::Kernel;
use super::effects::cell::{built, sandboxed};
use super::effects::live::output;
use super::runner::{self, End, Note, RunCache, Spec};
use super::stop::Stop;
use super::verdict::Sandboxed;

/// What is tried.
#[derive(Debug)]
pub struct Trial {
    pub plugin: Plugin,
    pub event: Event,
    pub image: Option<Image>,
    pub checkpoint: Option<Value>,
    /// They become its artifact; none: it has none.
    pub files: Vec<PathBuf>,
    /// What stands for its cache, where it has one; none: an empty folder.
    pub cache: Option<PathBuf>,
    /// `PATH` for the plugin.
    pub path: String,
    /// A private folder for everything that is written.
    pub folder: PathBuf,
    /// What of the plugin's cell is enforced.
    pub kernel: Kernel,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub struct Tried {
    pub plugin: String,
    pub kind: String,
    pub artifact: Option<Artifact>,
    pub progress: Vec<Progress>,
    /// In the order in which they were told; the last one is what a retry would be given.
    pub checkpoints: Vec<Value>,
    /// What counts, if it came to a conclusion.
    pub conclusion: Option<Conclusion>,
    /// Why it did not.
    pub failure: Option<String>,
    /// How far it was confined.
    pub sandboxed: Sandboxed,
    pub log: String,
}

/// How far it said to be.
#[derive(Debug, Serialize)]
pub struct Progress {
    pub message: String,
    pub percent: Option<f64>,
}

impl Trial {
    /// Runs it once. An error: a file could not be read, or copied.
    pub async fn run(self, stop: CancellationToken) -> io::Result<Tried> {
        let Self { plugin, event, image, checkpoint, files, cache, path, folder, kernel } = self;
        let confined = sandboxed(&plugin.cell, kernel);
        let prepared = folder.join("files");
        let artifact = if files.is_empty() {
            None
        } else {
            let into = prepared.clone();
            Some(tokio::task::spawn_blocking(move || prepare(&files, &into)).await.map_err(io::Error::other)??)
        };
        let cache = match cache.filter(|_| plugin.cache) {
            None if plugin.cache => {
                let own = folder.join("cache");
                DirBuilder::new().mode(0o700).create(&own)?;
                Some(own)
            }
            given => given,
        };
        let cache = cache.map(|path| RunCache { path, writable: false });
        let body = event.raw.as_ref().map(|raw| Bytes::copy_from_slice(raw.as_str().as_bytes()));
        // As private as the folder: no other run has this id.
        let id = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let run = RunOf::new(id, 1, Clock::system().now().after(plugin.timeout));
        let mut invocation = Invocation::new(run, &plugin.name, event);
        invocation.artifact.clone_from(&artifact);
        invocation.image = image;
        invocation.checkpoint = checkpoint;
        invocation.settings.clone_from(&plugin.settings);
        let limits = Config::default().limits;
        let spec = Spec {
            name: plugin.name.clone(),
            kind: plugin.kind,
            program: plugin.program,
            args: plugin.args,
            cell: built(&plugin.cell, kernel),
            output: output(&plugin.output),
            fail_on: plugin.fail_on,
            timeout: plugin.timeout,
            grace: limits.kill_grace,
            log_cap: limits.log,
            log: watch::Sender::new(Vec::new()),
            env: plugin.env,
            secrets: plugin.secrets,
            path,
            lang: "C.UTF-8".to_owned(),
            work_root: folder.join("work"),
            invocation,
            body: body.unwrap_or_default(),
            trace: None,
            artifact: artifact.is_some().then_some(prepared),
            cache,
        };
        // Room for the progress of a chatty plugin: what finds none is lost.
        let (notes, mut noted) = mpsc::channel(1024);
        let (mut progress, mut checkpoints) = (Vec::new(), Vec::new());
        let mut note = |note| match note {
            Note::Progress { message, percent } => progress.push(Progress { message, percent }),
            Note::Checkpoint { data, committed } => {
                checkpoints.push(data);
                let _ = committed.send(true);
            }
        };
        let running = runner::run(spec, Stop::alone(stop), notes);
        tokio::pin!(running);
        let run = loop {
            tokio::select! {
                run = &mut running => break run,
                Some(told) = noted.recv() => note(told),
            }
        };
        while let Ok(told) = noted.try_recv() {
            note(told);
        }
        let (conclusion, failure) = concluded(run.end, plugin.timeout.as_secs());
        Ok(Tried {
            plugin: plugin.name,
            kind: plugin.kind.to_string(),
            artifact,
            progress,
            checkpoints,
            conclusion,
            failure,
            sandboxed: confined,
            log: String::from_utf8_lossy(&run.log).into_owned(),
        })
    }
}

fn concluded(end: End, timeout: u64) -> (Option<Conclusion>, Option<String>) {
    match end {
        End::Concluded(conclusion) => (Some(conclusion), None),
        End::TryLater => (None, Some("it asked to be tried again later (exit 75)".to_owned())),
        End::Failed(reason) | End::NotStarted(reason) => (None, Some(reason)),
        End::TimedOut => (None, Some(format!("it ran longer than {timeout} s: raise its timeout, or see its log"))),
        End::Cancelled => (None, Some("it was stopped".to_owned())),
    }
}

/// Copies the files to `N.ext` in a new folder, as an artifact that was fetched.
fn prepare(files: &[PathBuf], into: &Path) -> io::Result<Artifact> {
    DirBuilder::new().mode(0o700).create(into)?;
    let copies = files.iter().zip(1..).map(|(file, number)| {
        let own = format!("{number}.{}", extension(file));
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", file.display()));
        let (sha256, size) = copy(file, &into.join(&own)).map_err(named)?;
        let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
        Ok(ArtifactFile::new(format!("artifact/{own}"), name, sha256, size))
    });
    Ok(Artifact::of(copies.collect::<io::Result<_>>()?))
}

/// `[a-z0-9]{1,8}`, else `bin`.
fn extension(file: &Path) -> String {
    let extension = file.extension().map(|it| it.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let good = (1..=8).contains(&extension.len()) && extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if good { extension } else { "bin".to_owned() }
}

fn copy(from: &Path, to: &Path) -> io::Result<(String, u64)> {
    let mut from = File::open(from)?;
    let mut to = File::options().write(true).create_new(true).mode(0o600).open(to)?;
    let (mut hash, mut size, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 16]);
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Ok((base16ct::lower::encode_string(&hash.finalize()), size));
        }
        hash.update(&buffer[..read]);
        to.write_all(&buffer[..read])?;
        size += read as u64;
    }
}
