//! The way of a run: intent, trigger, queue, build, end; from wherever an earlier attempt has come to.

use super::console::Console;
use super::search::{Found, Sought};
use super::server::Server;
use super::settings::Settings;
use super::step::Step;
use super::trigger::Triggered;
use super::{build, forward, job, queue, search, trigger, webhook};
use crate::call::Call;
use crate::end::End;
use crate::fields::Facts;
use crate::kept::Kept;
use crate::pace::{Pace, Patience};
use crate::say;

/// One run, and how far it is.
pub struct Run<'a> {
    pub(super) server: &'a Server<'a>,
    pub(super) settings: &'a Settings,
    facts: Facts,
    /// The job as the operator calls it.
    name: String,
    /// With the run's own id.
    parameters: Vec<(String, String)>,
    id: String,
    pub(super) step: Option<Step>,
}

impl<'a> Run<'a> {
    pub fn new(call: &Call, settings: &'a Settings, server: &'a Server<'a>) -> Result<Self, End> {
        let facts = call.facts();
        let mut parameters =
            settings.parameters.values("parameters", &facts).map_err(|fault| End::failed(fault.to_string()))?;
        parameters.push((settings.run_parameter.clone(), call.run_id().to_owned()));
        let step = Kept::step(call, server.job(&[""]).as_str(), "triggered")?;
        let (name, id) = (settings.job.join("/"), call.run_id().to_owned());
        Ok(Self { server, settings, facts, name, parameters, id, step })
    }

    /// What the build is found by.
    pub(super) fn sought(&self) -> Sought<'_> {
        Sought::Run { parameter: &self.settings.run_parameter, id: &self.id }
    }

    /// What came of the run. Where it must be left, an attempt that follows finds what was stored.
    pub async fn finish(&mut self) -> End {
        loop {
            let gone_on = match self.step {
                None => self.intend().await,
                Some(Step::Intent { next }) => self.find(next).await,
                Some(Step::Queued { queue, next }) => self.wait(queue, next).await,
                Some(Step::Building { build }) => self.watch(build).await,
                Some(Step::Triggered) => Err(forward::unfollowed(self.settings, &self.facts)),
            };
            if let Err(end) = gone_on {
                return end;
            }
        }
    }

    /// Stores how far it is before anything rests on it.
    async fn at(&mut self, step: Step) -> Result<(), End> {
        Kept::keep(self.server.job(&[""]), &step).await?;
        self.step = Some(step);
        Ok(())
    }

    async fn intend(&mut self) -> Result<(), End> {
        let next = self.ready().await?;
        self.at(Step::Intent { next }).await?;
        self.trigger(next).await
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

    async fn trigger(&mut self, next: u64) -> Result<(), End> {
        let triggered = match &self.settings.hook {
            None => trigger::trigger(self.server, &self.name, &self.parameters).await,
            Some(hook) => {
                let job = Some(self.name.as_str()).filter(|_| !self.settings.job.is_empty());
                webhook::trigger(self.settings, hook, job, &self.parameters).await
            }
        };
        match triggered {
            Triggered::Queued(queue) => self.at(Step::Queued { queue, next }).await,
            Triggered::Done(said) => {
                say::log(&said);
                self.at(Step::Triggered).await
            }
            Triggered::Unknown(reason) if self.settings.job.is_empty() => Err(untold(&reason)),
            Triggered::Unknown(reason) => {
                Err(End::Later(format!("{reason}: whether it was triggered is looked at then")))
            }
            Triggered::Later(reason) => Err(End::Later(reason)),
            Triggered::Refused(reason) => Err(End::failed(reason)),
        }
    }

    /// An earlier attempt wanted to trigger it. Only when Jenkins has had time to show it, and does not, is it triggered.
    async fn find(&mut self, next: u64) -> Result<(), End> {
        if self.settings.job.is_empty() {
            return Err(untold("an earlier attempt was stopped in the middle of it"));
        }
        match self.search(self.sought(), next).await? {
            Found::Queued(queue) => self.at(Step::Queued { queue, next }).await,
            Found::Building(build) => self.at(Step::Building { build }).await,
            Found::Nothing => {
                // Builds that others have started since are none of its own.
                let next = self.ready().await?.max(next);
                self.trigger(next).await
            }
            Found::Unclear => Err(End::failed(format!(
                "whether {} was triggered cannot be told, since builds from #{next} on were deleted: look in Jenkins, then replay the delivery",
                self.name
            ))),
        }
    }

    /// Searches until it is found, or was looked for long enough.
    async fn search(&self, sought: Sought<'_>, next: u64) -> Result<Found, End> {
        let (patience, mut pace) = (Patience::of(self.settings.settle), self.pace());
        tell("looking in Jenkins for what an earlier attempt started")?;
        loop {
            let last = patience.is_over();
            match search::look(self.server, sought, next).await {
                Ok(found @ (Found::Queued(_) | Found::Building(_))) => return Ok(found),
                Ok(found) if last => return Ok(found),
                Err(cause) if last => return Err(End::Later(cause)),
                Ok(_) | Err(_) => pace.pause().await,
            }
        }
    }

    async fn wait(&mut self, id: u64, next: u64) -> Result<(), End> {
        let (mut pace, mut told) = (self.pace(), None);
        loop {
            let message = match queue::look(self.server, id).await {
                queue::Seen::Left(build) => return self.at(Step::Building { build }).await,
                queue::Seen::Cancelled => {
                    return Err(End::failed(format!("its item {id} of Jenkins' queue was cancelled there")));
                }
                queue::Seen::Shut(reason) => return Err(End::Later(reason)),
                queue::Seen::Gone => {
                    return match self.search(Sought::Item(id), next).await? {
                        Found::Building(build) => self.at(Step::Building { build }).await,
                        Found::Queued(_) => Ok(()),
                        Found::Nothing | Found::Unclear => Err(End::failed(format!(
                            "its item {id} of Jenkins' queue is gone, and no build was made of it: look in Jenkins, then replay the delivery"
                        ))),
                    };
                }
                queue::Seen::Waits(why) => format!("in Jenkins' queue: {}", why.as_deref().unwrap_or("waiting")),
                queue::Seen::Silent(reason) => format!("in Jenkins' queue; {reason}"),
            };
            if told.as_ref() != Some(&message) {
                tell(message.clone())?;
                told = Some(message);
            }
            pace.pause().await;
        }
    }

    async fn watch(&mut self, number: u64) -> Result<(), End> {
        let (mut pace, mut console, mut gone) = (self.pace(), Console::default(), None::<Patience>);
        tell(format!("build #{number} runs"))?;
        loop {
            let seen = build::look(self.server, number).await;
            if seen != build::Seen::Gone {
                gone = None;
            }
            let line = console.read_on(self.server, number).await;
            match seen {
                build::Seen::Ended(outcome) => {
                    return Err(forward::end(self.server, self.settings, &self.facts, number, outcome).await);
                }
                build::Seen::Shut(reason) => return Err(End::Later(reason)),
                build::Seen::Gone => {
                    if gone.get_or_insert_with(|| Patience::of(self.settings.settle)).is_over() {
                        return Err(End::failed(format!("build #{number} was deleted in Jenkins before it had ended")));
                    }
                }
                build::Seen::Silent(reason) => say::log(&reason),
                build::Seen::Runs => {}
            }
            if let Some(line) = line {
                pace.quicken();
                tell(format!("build #{number}: {line}"))?;
            }
            pace.pause().await;
        }
    }

    fn pace(&self) -> Pace {
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
fn tell(message: impl Into<String>) -> Result<(), End> {
    say::progress(message).map_err(End::Broken)
}
