//! The way of a run: intent, trigger, queue, build, end; from wherever an earlier attempt has come to.

use std::cell::Cell;

use tokio::sync::watch;

use super::search::Found;
use super::server::Server;
use super::settings::Settings;
use super::sought::Sought;
use super::step::Step;
use super::trigger::Triggered;
use super::webhook::{self, Followed};
use super::{forward, job, trigger};
use crate::call::Call;
use crate::end::End;
use crate::fields::Facts;
use crate::kept::Kept;
use crate::pace::Pace;
use crate::say;

/// One run, and how far it is.
pub struct Run<'a> {
    pub(super) server: &'a Server<'a>,
    pub(super) settings: &'a Settings,
    pub(super) facts: Facts,
    /// The job as the operator calls it.
    pub(super) name: String,
    /// With the run's own id.
    parameters: Vec<(String, String)>,
    id: String,
    /// Looked at by whoever stops it, while it still goes on.
    pub(super) step: Cell<Option<Step>>,
    /// Whether a request is under way that starts something.
    pub(super) flight: watch::Sender<bool>,
}

impl<'a> Run<'a> {
    pub fn new(call: &Call, settings: &'a Settings, server: &'a Server<'a>) -> Result<Self, End> {
        let facts = call.facts();
        let mut parameters =
            settings.parameters.values("parameters", &facts).map_err(|fault| End::failed(fault.to_string()))?;
        parameters.push((settings.run_parameter.clone(), call.run_id().to_owned()));
        let step = Cell::new(Kept::step(call, server.job(&[""]).as_str(), "triggered")?);
        let (name, id) = (settings.job.join("/"), call.run_id().to_owned());
        Ok(Self { server, settings, facts, name, parameters, id, step, flight: watch::Sender::new(false) })
    }

    /// What the build is found by, that has this number or a higher one.
    pub(super) fn sought(&self, next: u64) -> Sought<'_> {
        Sought {
            job: self.server.place(),
            parameter: &self.settings.run_parameter,
            id: &self.id,
            next,
            nameless: self.settings.hook.is_some(),
        }
    }

    /// What came of the run. Where it must be left, an attempt that follows finds what was stored.
    pub async fn finish(&self) -> End {
        loop {
            let gone_on = match self.step.get() {
                None => self.intend().await,
                Some(Step::Intent { next }) => self.find(next).await,
                Some(Step::Queued { queue, next }) => self.wait(queue, next).await,
                Some(Step::Building { build }) => self.watch(build).await,
                Some(Step::Triggered) if self.settings.job.is_empty() => {
                    Err(forward::unfollowed(self.settings, &self.facts))
                }
                Some(Step::Triggered) => {
                    let what = format!("an earlier attempt triggered {}", self.name);
                    Err(End::failed(webhook::unmapped(&what, &self.settings.run_parameter)))
                }
            };
            if let Err(end) = gone_on {
                return end;
            }
        }
    }

    /// Stores how far it is before anything rests on it.
    pub(super) async fn at(&self, step: Step) -> Result<(), End> {
        Kept::keep(self.server.job(&[""]), &step).await?;
        self.step.set(Some(step));
        Ok(())
    }

    async fn intend(&self) -> Result<(), End> {
        let next = self.ready().await?;
        self.at(Step::Intent { next }).await?;
        let triggered = self.ask(next).await;
        self.believe(triggered, next).await
    }

    /// The number that its next build will have, if it can be triggered now.
    async fn ready(&self) -> Result<u64, End> {
        match &self.settings.hook {
            // A webhook's own values are variables; only the run's id must be a parameter.
            Some(_) if self.settings.job.is_empty() => Ok(0),
            Some(_) => job::ready(self.server, &self.name, &self.parameters[self.parameters.len() - 1..]).await,
            None => job::ready(self.server, &self.name, &self.parameters).await,
        }
    }

    /// Triggers it. Whoever is to stop meanwhile waits for the answer: Jenkins does what it was asked to all the same.
    async fn ask(&self, next: u64) -> Triggered {
        self.flight.send_replace(true);
        let triggered = match &self.settings.hook {
            None => trigger::trigger(self.server, &self.name, &self.parameters).await,
            Some(hook) => {
                let followed = Followed { job: &self.name, parameter: &self.settings.run_parameter, id: &self.id };
                let followed = Some(followed).filter(|_| !self.settings.job.is_empty());
                webhook::trigger(self.settings, hook, followed, &self.parameters).await
            }
        };
        match triggered {
            // Known to whoever stops it before it is stored.
            Triggered::Queued(queue) => self.step.set(Some(Step::Queued { queue, next })),
            Triggered::Done(_) | Triggered::Lost(_) => self.step.set(Some(Step::Triggered)),
            _ => {}
        }
        self.flight.send_replace(false);
        triggered
    }

    async fn believe(&self, triggered: Triggered, next: u64) -> Result<(), End> {
        match triggered {
            Triggered::Queued(queue) => self.at(Step::Queued { queue, next }).await,
            Triggered::Done(said) => {
                say::log(&said);
                self.at(Step::Triggered).await
            }
            Triggered::Lost(reason) => {
                // What cannot be found would be triggered again.
                self.at(Step::Triggered).await?;
                Err(End::failed(reason))
            }
            Triggered::Unknown(reason) | Triggered::Faulty(reason) if self.settings.job.is_empty() => {
                Err(untold(&reason))
            }
            Triggered::Unknown(reason) | Triggered::Faulty(reason) => {
                Err(End::Later(format!("{reason}: whether it was triggered is looked at then")))
            }
            Triggered::Later(reason) => Err(End::Later(reason)),
            Triggered::Refused(reason) => Err(End::failed(reason)),
        }
    }

    /// An earlier attempt wanted to trigger it. Only when Jenkins has had time to show it, and does not, is it triggered.
    async fn find(&self, next: u64) -> Result<(), End> {
        if self.settings.job.is_empty() {
            return Err(untold("an earlier attempt was stopped in the middle of it"));
        }
        match self.search(next).await? {
            Found::Queued(queue) => self.at(Step::Queued { queue, next }).await,
            Found::Building(build) => self.at(Step::Building { build }).await,
            Found::Nothing { next } => {
                self.ready().await?;
                // Builds that others have started since are none of its own.
                self.trigger_again(next).await
            }
            Found::Unclear => Err(End::failed(format!(
                "whether {} was triggered cannot be told, since builds from #{next} on were deleted: look in Jenkins, then replay the delivery",
                self.name
            ))),
            Found::Nameless => {
                let what =
                    format!("{} has a build or an item from #{next} on that may be the run's, but came", self.name);
                Err(End::failed(webhook::unmapped(&what, &self.settings.run_parameter)))
            }
        }
    }

    async fn trigger_again(&self, next: u64) -> Result<(), End> {
        match self.ask(next).await {
            Triggered::Queued(queue) => {
                let first = self.first_of_two(queue, next).await;
                self.at(first).await
            }
            Triggered::Faulty(reason) => match self.search(next).await? {
                Found::Queued(queue) => self.at(Step::Queued { queue, next }).await,
                Found::Building(build) => self.at(Step::Building { build }).await,
                _ => Err(End::failed(format!(
                    "{reason} to the trigger of {} again, and nothing came of it: see Jenkins' log for the cause, then replay the delivery",
                    self.name
                ))),
            },
            other => self.believe(other, next).await,
        }
    }

    pub(super) fn pace(&self) -> Pace {
        Pace::new(self.settings.poll_first, self.settings.poll_most)
    }
}

/// A webhook whose job is not known to us cannot be searched for, and is never called twice for one run.
fn untold(reason: &str) -> End {
    End::failed(format!(
        "{reason}: whether the webhook triggered a build cannot be told. Look in Jenkins, then replay the delivery; with settings.job it is looked up"
    ))
}

/// Whoever says nothing to anybody any more goes on with nothing.
pub(super) fn tell(message: impl Into<String>) -> Result<(), End> {
    say::progress(message).map_err(End::Broken)
}
