//! The catch-up: asks each registry now and then how things stand, and makes the deliveries that are missing.
//!
//! It runs off the hot path. What it finds goes through the same store as a webhook and claims the same changes, so that
//! whichever comes second is a duplicate. When a registry is asked for the first time, how things stand is remembered and
//! starts nothing, unless `catch_up_from` says so. What goes wrong is said and tried again; it stops nothing else.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use scanrelay::{Delivery, EventKind, Receiver, Timestamp};
use tokio::task::JoinSet;
use tokio::time::{self, Instant};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::clock::Clock;
use super::config::CatchUpFrom;
use super::current::View;
use super::effects::{Unsurveyed, live::Live};
use super::metrics::{Metrics, Result as Became};
use super::server::RouteOf;
use super::store::{Aside, Bounds, Inserted, Intake, Looked, Store, StoreError};
use super::wake::Wake;

/// A registry that a reload brought is seen within this time.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// After a failure it is tried again so soon, or at its turn where that is sooner.
const AFTER_FAILURE: Duration = Duration::from_mins(1);

/// What it works by.
pub struct Terms {
    /// Those that can be asked.
    pub registries: BTreeMap<String, Arc<Post>>,
}

/// One registry that is asked.
pub struct Post {
    pub receiver: Receiver,
    pub effects: Arc<Live>,
    pub route: Arc<RouteOf>,
    pub bounds: Bounds,
    pub every: Duration,
    pub from: Option<CatchUpFrom>,
}

/// The task.
#[derive(Clone)]
pub struct CatchUp {
    pub store: Store,
    pub clock: Clock,
    pub wake: Wake,
    pub metrics: Metrics,
    pub terms: View<Terms>,
}

impl CatchUp {
    /// Until the shutdown. One survey per registry at a time; a slow registry holds up no other.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut due: BTreeMap<String, Instant> = BTreeMap::new();
        let mut under_way: JoinSet<Duration> = JoinSet::new();
        let mut names: HashMap<tokio::task::Id, String> = HashMap::new();
        loop {
            let (now, terms) = (Instant::now(), self.terms.now());
            let busy: BTreeSet<String> = names.values().cloned().collect();
            let mut next = now + LOOK_AGAIN;
            for (name, post) in terms.registries.iter().filter(|(name, _)| !busy.contains(*name)) {
                let at = due.get(name).copied().unwrap_or(now);
                if at > now {
                    next = next.min(at);
                    continue;
                }
                let task = under_way.spawn(self.clone().survey(name.clone(), Arc::clone(post), shutdown.clone()));
                names.insert(task.id(), name.clone());
            }
            tokio::select! {
                Some(ended) = under_way.join_next_with_id() => {
                    let (id, wait) = match ended {
                        Ok((id, wait)) => (id, wait),
                        Err(broke) => {
                            warn!(%broke, "a survey broke");
                            (broke.id(), AFTER_FAILURE)
                        }
                    };
                    if let Some(name) = names.remove(&id) {
                        due.insert(name, Instant::now() + wait);
                    }
                }
                () = time::sleep_until(next) => {}
                () = shutdown.cancelled() => return,
            }
        }
    }

    /// One look: how long until the next.
    async fn survey(self, name: String, post: Arc<Post>, shutdown: CancellationToken) -> Duration {
        let outcome = tokio::select! {
            outcome = self.look(&name, &post) => outcome,
            () = shutdown.cancelled() => return post.every,
        };
        let registry = name.as_str();
        let (outcome, wait) = match outcome {
            Ok(looked) => {
                self.metrics.surveyed(registry, looked.doubt.is_none());
                let Looked { seen, made, ref doubt } = looked;
                if let Some(doubt) = doubt {
                    warn!(registry, doubt, "the registry was not asked to post again what it could not deliver");
                }
                if made > 0 {
                    warn!(registry, seen, made, "the catch-up made deliveries that had not come");
                } else {
                    info!(registry, seen, "nothing is missing");
                }
                (Ok(looked), post.every)
            }
            Err(Unsurveyed { reason, retry_after, is_settled }) => {
                self.metrics.surveyed(registry, false);
                warn!(registry, reason, "the registry could not be asked how things stand");
                let soon = if is_settled { post.every } else { AFTER_FAILURE.min(post.every) };
                (Err(reason), soon.max(retry_after.unwrap_or_default()))
            }
        };
        if let Err(error) = self.store.survey_ended(name.clone(), outcome, self.clock.now()).await {
            warn!(registry, %error, "what came of the survey was not stored");
        }
        wait
    }

    async fn look(&self, name: &str, post: &Post) -> Result<Looked, Unsurveyed> {
        let begun = self.clock.now();
        self.store.survey_begins(name.to_owned(), begun).await?;
        let is_new = self.store.is_new(name.to_owned()).await?;
        // What failed at this very address was meant for us, at first sight, too. It comes as webhooks.
        let (again, doubt) = match post.effects.redeliver(name).await {
            Ok(again) => (again, None),
            // A key that may not ask for that may still ask how things stand.
            Err(Unsurveyed { reason, is_settled: true, .. }) => (0, Some(reason)),
            Err(unsurveyed) => return Err(unsurveyed),
        };
        let findings = post.effects.survey(name).await?;
        if findings.is_cut() {
            warn!(registry = name, "there is more in the registry than the catch-up looks at");
        }
        let from = post.from.as_ref().map(|from| from.at(self.clock.wall()));
        let found = post.receiver.found(findings, begun);
        let seen = found.len();
        let (missing, others): (Vec<Delivery>, Vec<Delivery>) =
            found.into_iter().partition(|delivery| is_asked_for(delivery) && (!is_new || is_since(delivery, from)));
        let tampered = self.store.note(others, self.clock.now()).await?;
        let mut made = again;
        for delivery in missing.into_iter().chain(tampered) {
            made += usize::from(self.make(name, post, delivery).await?);
        }
        Ok(Looked { seen, made, doubt })
    }

    /// Stores it, unless somebody else has: whether it starts something.
    async fn make(&self, registry: &str, post: &Post, delivery: Delivery) -> Result<bool, Unsurveyed> {
        let plan = (post.route)(delivery.event());
        let ignored = plan.is_err();
        let (kind, subject) = (delivery.event().kind.to_string(), delivery.event().subject());
        let counters = self.metrics.intake(registry);
        match self.store.insert(Intake { delivery, plan }, post.bounds, self.clock.now()).await? {
            Inserted::New(id) | Inserted::Conflict(id) => {
                counters.count(if ignored { Became::Ignored } else { Became::Accepted });
                info!(delivery = id, registry, kind, subject, "found by the catch-up");
                self.wake.came();
                Ok(!ignored)
            }
            Inserted::Aside(id, aside) => {
                if let Aside::Tampered { .. } = &aside {
                    counters.count(Became::Tampered);
                    warn!(delivery = id, registry, kind, subject, "{}", aside.in_words());
                    self.wake.changed();
                }
                Ok(false)
            }
            Inserted::Duplicate(_) | Inserted::Noted => Ok(false),
            Inserted::Full => Err(Unsurveyed::because("as many deliveries are open as may be")),
            Inserted::NoRoom => Err(Unsurveyed::because("there is no room for more on the disk")),
        }
    }
}

impl From<StoreError> for Unsurveyed {
    fn from(error: StoreError) -> Self {
        Self::because(&error.to_string())
    }
}

/// Whether somebody waits for something to be done about it; the rest is remembered, so that another rule does not make
/// news of what is old.
fn is_asked_for(delivery: &Delivery) -> bool {
    !delivery.is_settled() && matches!(delivery.event().kind, EventKind::Promotion | EventKind::ScanRequest)
}

/// At first sight only what is as young as the configuration says. What has no time of its own may be.
fn is_since(delivery: &Delivery, from: Option<Timestamp>) -> bool {
    from.is_some_and(|from| delivery.event().occurred_at.is_none_or(|at| at >= from))
}
