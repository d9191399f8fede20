//! The world as it is: plugins are processes, registries are HTTP.

mod update;

use std::collections::BTreeMap;
use std::path::PathBuf;

use bytes::Bytes;
use scanrelay::Secret;
use scanrelay::plugin::{Image, Invocation, Run as RunOf};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use super::artifact::Files;
use super::cell::{built, sandboxed};
use super::demand::demanded;
use super::image::{image_registries, resolved};
use super::program::Programs;
use super::tell::Peer;
use super::{Effect, Effects, Intent, Need};
use crate::daemon::cache::{Cache, Held};
use crate::daemon::clock::Clock;
use crate::daemon::config::{Config, Output as Configured, Plugin};
use crate::daemon::digest::Digest;
use crate::daemon::fetch::{Fetched, Images};
use crate::daemon::job::{Job, Outcome, Phase};
use crate::daemon::runner::{self, End, Kernel, Note, Output, RunCache, Spec, Word};
use crate::daemon::running::Tail;
use crate::daemon::stop::Stop;
use crate::daemon::verdict::Evidence;
use crate::daemon::writeback::{BadTarget, Target, Via, Writeback};

/// What a plugin said and nobody has read yet: a plugin waits when more of it must be kept.
const NOTES: usize = 16;

/// Plugins and registries, as they are configured.
pub struct Live {
    plugins: BTreeMap<String, Plugin>,
    registries: BTreeMap<String, Known>,
    surroundings: Surroundings,
    images: Images,
    programs: Programs,
    clock: Clock,
    /// What of the plugins' cells is enforced.
    kernel: Kernel,
}

/// A configured registry: one that can be reached, or one that only posts.
enum Known {
    Reached(Box<Reached>),
    PostsOnly { confirm: bool },
}

struct Reached {
    peer: Peer,
    files: Files,
}

/// What is the same for every run.
struct Surroundings {
    work_root: PathBuf,
    /// Of all plugins.
    caches: PathBuf,
    path: String,
    lang: String,
    log_cap: usize,
    grace: std::time::Duration,
}

impl Live {
    /// `kernel`: what it was seen to enforce; who runs no plugin need not know.
    pub fn new(config: &Config, clock: Clock, kernel: Kernel) -> Result<Self, BadTarget> {
        let registries = config.registries.values().map(|peer| {
            let known = match &peer.url {
                None => Known::PostsOnly { confirm: peer.confirm },
                Some(url) => {
                    let target = Target {
                        key: format!("registries.{}", peer.name),
                        url: url.clone(),
                        credentials: peer.registry.credentials(),
                        timeout: peer.timeout,
                        max_answer: config.limits.answer,
                        authority: peer.authority.clone(),
                        proxy: peer
                            .proxy
                            .as_ref()
                            .map(|proxy| Via { url: proxy.url.clone(), login: proxy.login.clone() }),
                    };
                    let files = Files::new(&target, &config.fetch, &config.store.work)?;
                    let peer = Peer::new(peer.registry.clone(), Writeback::new(&target)?, peer.confirm);
                    Known::Reached(Box::new(Reached { peer, files }))
                }
            };
            Ok((peer.name.clone(), known))
        });
        Ok(Self {
            registries: registries.collect::<Result<_, _>>()?,
            plugins: config.plugins.clone(),
            surroundings: Surroundings {
                work_root: config.store.work.clone(),
                caches: config.store.caches.clone(),
                path: config.path.clone(),
                lang: config.lang.clone(),
                log_cap: config.limits.log,
                grace: config.limits.kill_grace,
            },
            images: Images::new(image_registries(config))?,
            programs: Programs::default(),
            clock,
            kernel,
        })
    }

    /// A registry that can be reached.
    pub(super) fn peer(&self, registry: &str) -> Option<&Peer> {
        match self.registries.get(registry)? {
            Known::Reached(reached) => Some(&reached.peer),
            Known::PostsOnly { .. } => None,
        }
    }

    /// The model's files, for a plugin that wants them.
    async fn fetched(&self, plugin: &Plugin, job: &Job, stop: &CancellationToken) -> Result<Option<Fetched>, Outcome> {
        if !plugin.artifact {
            return Ok(None);
        }
        match self.registries.get(&job.event.registry) {
            Some(Known::Reached(reached)) => {
                reached.files.fetch(&reached.peer, job, attempt(job), stop).await.map(Some)
            }
            Some(Known::PostsOnly { .. }) => Err(no_url(&job.event.registry)),
            None => Err(no_registry(&job.event.registry)),
        }
    }

    fn spec(
        &self,
        plugin: &Plugin,
        job: &Job,
        fetched: Option<&Fetched>,
        image: Option<Image>,
        cache: Option<&Held>,
        log: Tail,
    ) -> Spec {
        let run = RunOf::new(&job.run_id, attempt(job), self.clock.now().after(plugin.timeout));
        let mut invocation = Invocation::new(run, &plugin.name, job.event.clone());
        invocation.artifact = fetched.map(|fetched| fetched.artifact.clone());
        invocation.image = image;
        invocation.checkpoint.clone_from(&job.checkpoint);
        let cache = cache.map(|held| RunCache { path: held.path().to_owned(), writable: false });
        Spec {
            body: job.body.clone(),
            trace: job.trace,
            artifact: fetched.map(|fetched| fetched.path().to_owned()),
            ..self.base(plugin, invocation, log, cache)
        }
    }

    /// What is so of every process of a plugin.
    fn base(&self, plugin: &Plugin, mut invocation: Invocation, log: Tail, cache: Option<RunCache>) -> Spec {
        invocation.settings.clone_from(&plugin.settings);
        let surroundings = &self.surroundings;
        Spec {
            name: plugin.name.clone(),
            kind: plugin.kind,
            program: plugin.program.clone(),
            args: plugin.args.clone(),
            cell: built(&plugin.cell, self.kernel),
            output: output(&plugin.output),
            fail_on: plugin.fail_on,
            timeout: plugin.timeout,
            grace: surroundings.grace,
            log_cap: surroundings.log_cap,
            log,
            env: plugin.env.clone(),
            secrets: plugin
                .secrets
                .iter()
                .map(|(name, secret): &(String, Secret)| (name.clone(), secret.clone()))
                .collect(),
            path: surroundings.path.clone(),
            lang: surroundings.lang.clone(),
            work_root: surroundings.work_root.clone(),
            invocation,
            body: Bytes::new(),
            trace: None,
            artifact: None,
            cache,
        }
    }

    /// The cache that a run looks things up in, held for as long as it runs.
    async fn cache(&self, plugin: &Plugin, stop: &CancellationToken) -> Result<Option<Held>, Outcome> {
        if !plugin.cache {
            return Ok(None);
        }
        let (cache, updated) = (Cache::of(&self.surroundings.caches, &plugin.name), plugin.update.is_some());
        let found = tokio::task::spawn_blocking(move || {
            if updated {
                cache.current().map_err(|error| error.to_string())
            } else {
                cache.current_or_empty().map(Some).map_err(|error| error.to_string())
            }
        });
        // The disk may be slow, and a drain does not wait for it.
        let found = tokio::select! {
            found = found => found,
            () = stop.cancelled() => return Err(Outcome::Drained),
        };
        // The plugin has not been run: none of it costs it an attempt.
        let later = |reason: String| Outcome::Unreachable { reason, retry_after: None };
        match found.unwrap_or_else(|error| Err(error.to_string())) {
            Ok(Some(held)) => Ok(Some(held)),
            Ok(None) => Err(later(format!(
                "the cache of {0} was never filled: see the log for its update, or scanrelay plugin update {0}",
                plugin.name
            ))),
            Err(error) => Err(later(format!("the cache of {} cannot be used: {error}", plugin.name))),
        }
    }
}

impl Effects for Live {
    async fn run(&self, job: &Job, needs: mpsc::Sender<Need>, log: Tail, stop: Stop) -> Effect {
        let Some(plugin) = self.plugins.get(&job.name) else {
            let reason = format!("plugin {0} left the configuration: add [plugins.{0}] again, then retry", job.name);
            return Outcome::Refused(reason).into();
        };
        let fetched = match self.fetched(plugin, job, stop.token()).await {
            Ok(fetched) => fetched,
            Err(outcome) => return outcome.into(),
        };
        let artifact = fetched.as_ref().and_then(digest);
        if let Some(demand) = &plugin.require_verdict
            && let Err(outcome) = demanded(demand, artifact.as_ref(), &needs).await
        {
            return outcome.into();
        }
        let image = if plugin.image { resolved(&self.images, job, &needs).await } else { Ok(None) };
        let image = match image {
            Ok(image) => image,
            Err(outcome) => return outcome.into(),
        };
        let evidence = Box::new(Evidence {
            artifact,
            image: image.as_ref().and_then(|image| Digest::parse(&image.digest)),
            program: self.programs.digest(&plugin.program).await,
            sandboxed: Some(sandboxed(&plugin.cell, self.kernel)),
        });
        let cache = match self.cache(plugin, stop.token()).await {
            Ok(cache) => cache,
            Err(outcome) => return outcome.into(),
        };
        let (notes, mut noted) = mpsc::channel(NOTES);
        let run = runner::run(self.spec(plugin, job, fetched.as_ref(), image, cache.as_ref(), log), stop, notes);
        tokio::pin!(run);
        let run = loop {
            tokio::select! {
                run = &mut run => break run,
                Some(note) = noted.recv() => pass_on(job, note, &needs).await,
            }
        };
        if run.dropped > 0 {
            debug!(job = job.id, bytes = run.dropped, "the run's log was longer than limits.log");
        }
        Effect { outcome: outcome(run.end, plugin, evidence.clone()), log: Some(run.log), evidence: Some(evidence) }
    }

    async fn tell(&self, job: &Job, intents: mpsc::Sender<Intent>, stop: CancellationToken) -> Effect {
        let outcome = match self.registries.get(&job.name) {
            Some(Known::Reached(reached)) => reached.peer.tell(job, &intents, &stop).await,
            Some(Known::PostsOnly { confirm: false }) if matches!(job.phase, Phase::Ask | Phase::Confirm) => {
                Outcome::Confirmed
            }
            Some(Known::PostsOnly { .. }) => no_url(&job.name),
            None => no_registry(&job.name),
        };
        outcome.into()
    }
}

/// The token counts every claim, also those of a drain: no two attempts share a folder.
fn attempt(job: &Job) -> u32 {
    u32::try_from(job.token).unwrap_or(u32::MAX)
}

fn no_url(registry: &str) -> Outcome {
    Outcome::Refused(format!("registries.{registry} has no url any more: set registries.{registry}.url, then retry"))
}

fn no_registry(registry: &str) -> Outcome {
    Outcome::Refused(format!(
        "registry {registry} left the configuration: add [registries.{registry}] again, then retry"
    ))
}

async fn pass_on(job: &Job, note: Note, needs: &mpsc::Sender<Need>) {
    match note {
        Note::Progress { message, percent } => {
            info!(delivery = job.delivery, job = job.id, plugin = job.name, percent, message, "progress");
        }
        // Nobody there to store it: the plugin hears so, since `committed` is dropped with it.
        Note::Checkpoint { data, committed } => drop(needs.send(Need::Save { data, committed }).await),
    }
}

/// How the runner is to read what the plugin says.
pub fn output(configured: &Configured) -> Output {
    match configured {
        Configured::Jsonl => Output::Jsonl,
        Configured::Verdicts(codes) => {
            Output::ExitCodes(codes.iter().map(|(code, verdict)| (*code, Word::Verdict(*verdict))).collect())
        }
        Configured::Report(report, codes) => Output::Report(report.clone(), codes.clone()),
        Configured::Statuses(codes) => {
            Output::ExitCodes(codes.iter().map(|(code, status)| (*code, Word::Status(*status))).collect())
        }
    }
}

/// The digest of what was fetched.
fn digest(fetched: &Fetched) -> Option<Digest> {
    Digest::parse(&fetched.artifact.sha256)
}

fn outcome(end: End, plugin: &Plugin, evidence: Box<Evidence>) -> Outcome {
    match end {
        End::Concluded(conclusion) => Outcome::Concluded { conclusion, evidence },
        End::TryLater => Outcome::TryLater(format!("{} asked to be tried again later (exit 75)", plugin.name)),
        End::Failed(reason) | End::NotStarted(reason) => Outcome::Failed(reason),
        End::TimedOut => Outcome::Failed(format!(
            "it ran longer than {} s: raise plugins.{}.timeout, or see its log",
            plugin.timeout.as_secs(),
            plugin.name
        )),
        End::Cancelled => Outcome::Drained,
    }
}
