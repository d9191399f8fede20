//! The way of a run: intent, dispatch, search, end; from wherever an earlier attempt has come to.

use super::api::Dispatched;
use super::runs::{self, Seen, State, Unlisted};
use super::settings::{Forward, Neutral, Settings};
use super::step::Step;
use crate::call::Call;
use crate::end::End;
use crate::fields::Facts;
use crate::kept::Kept;
use crate::pace::{Pace, Patience};
use crate::say;

/// One run, and how far it is.
pub struct Run<'a> {
    pub(super) settings: &'a Settings,
    facts: Facts,
    /// With the run's own id.
    inputs: Vec<(String, String)>,
    pub(super) id: String,
    pub(super) step: Option<Step>,
}

impl<'a> Run<'a> {
    pub fn new(call: &Call, settings: &'a Settings) -> Result<Self, End> {
        let facts = call.facts();
        let inputs = settings.inputs.values("inputs", &facts);
        let mut inputs = inputs.map_err(|fault| End::failed(fault.to_string()))?;
        inputs.push((settings.run_input.clone(), call.run_id().to_owned()));
        let step = Kept::step(call, settings.repository(&[]).as_str(), "dispatched")?;
        Ok(Self { settings, facts, inputs, id: call.run_id().to_owned(), step })
    }

    /// What came of the run. Where it must be left, an attempt that follows finds what was stored.
    pub async fn follow(&mut self) -> End {
        loop {
            let gone_on = match self.step {
                None => self.intend().await,
                Some(Step::Intent { after }) => self.recover(after).await,
                Some(Step::Dispatched { after }) => self.find(after).await,
                Some(Step::Running { run }) => Err(self.watch(run).await),
            };
            if let Err(end) = gone_on {
                return end;
            }
        }
    }

    /// Stores how far it is before anything rests on it.
    async fn at(&mut self, step: Step) -> Result<(), End> {
        Kept::keep(self.settings.repository(&[]), &step).await?;
        self.step = Some(step);
        Ok(())
    }

    async fn intend(&mut self) -> Result<(), End> {
        // Nothing was dispatched yet: what must be corrected is told now, and not after days of trying.
        let unlisted = |unlisted: Unlisted| {
            let reason = unlisted.to_string();
            if unlisted.refused { End::failed(reason) } else { End::Later(reason) }
        };
        let after = runs::youngest(self.settings).await.map_err(unlisted)?;
        self.at(Step::Intent { after }).await?;
        self.dispatch(after).await
    }

    async fn dispatch(&mut self, after: u64) -> Result<(), End> {
        match self.settings.dispatch(&self.inputs).await {
            Dispatched::Yes => self.at(Step::Dispatched { after }).await,
            Dispatched::Unknown(reason) => {
                Err(End::Later(format!("{reason}: whether it was dispatched is looked at then")))
            }
            Dispatched::Later(reason) => Err(End::Later(reason)),
            Dispatched::Refused(reason) => Err(End::failed(reason)),
        }
    }

    /// An earlier attempt wanted to dispatch it. Only when GitHub has had time to show its run, and does not, is it dispatched.
    async fn recover(&mut self, after: u64) -> Result<(), End> {
        tell("looking at GitHub for what an earlier attempt started")?;
        match self.search(after).await? {
            Some(run) => self.at(Step::Running { run }).await,
            None => self.dispatch(after).await,
        }
    }

    async fn find(&mut self, after: u64) -> Result<(), End> {
        tell("dispatched; waiting for its run")?;
        match self.search(after).await? {
            Some(run) => self.at(Step::Running { run }).await,
            None => Err(End::failed(format!(
                "it was dispatched, and no run has its id in the title: write run-name in the workflow with the input {} (see the plugin's README)",
                self.settings.run_input
            ))),
        }
    }

    /// Searches until it is found, or was looked for long enough.
    async fn search(&self, after: u64) -> Result<Option<u64>, End> {
        let (patience, mut pace) = (Patience::of(self.settings.settle), self.pace());
        loop {
            let last = patience.is_over();
            match runs::find(self.settings, &self.id, after).await {
                Ok(Some(run)) => return Ok(Some(run)),
                Ok(None) if last => return Ok(None),
                // It may run: whoever has corrected it finds the run.
                Err(unlisted) if last => return Err(End::Later(unlisted.to_string())),
                Ok(None) => {}
                Err(unlisted) => say::log(&unlisted.to_string()),
            }
            pace.pause().await;
        }
    }

    async fn watch(&self, run: u64) -> End {
        let (mut pace, mut told, mut gone) = (self.pace(), None, None::<Patience>);
        loop {
            let seen = runs::look(self.settings, run).await;
            if seen != Seen::Gone {
                gone = None;
            }
            match seen {
                Seen::There(state) if state.status.as_deref() == Some("completed") => return self.end(run, &state),
                Seen::There(state) => {
                    let status = state.status.unwrap_or_default();
                    if told.as_ref() != Some(&status) {
                        pace.quicken();
                        if let Err(end) = tell(format!("run {run} is {status}")) {
                            return end;
                        }
                        told = Some(status);
                    }
                }
                Seen::Gone => {
                    if gone.get_or_insert_with(|| Patience::of(self.settings.settle)).is_over() {
                        return End::failed(format!(
                            "run {run} is not at GitHub any more (404): it was deleted before it had ended, or the token may not see it now"
                        ));
                    }
                }
                Seen::Shut(reason) => return End::Later(reason),
                Seen::Silent(reason) => say::log(&reason),
            }
            pace.pause().await;
        }
    }

    fn end(&self, run: u64, state: &State) -> End {
        let conclusion = state.conclusion.as_deref().unwrap_or("without a conclusion");
        let url = state.html_url.clone();
        let good = conclusion == "success" || conclusion == "neutral" && self.settings.neutral == Neutral::Complete;
        if !good {
            return End::Failed { summary: format!("run {run} ended {conclusion}"), url };
        }
        let summary = Some(format!("run {run}: {conclusion}"));
        match &self.settings.forward {
            Forward::Run => End::Complete { url, summary },
            Forward::Url(template) => {
                let number = state.run_number.map(|number| ("number", number.to_string()));
                let own: Vec<(&str, String)> = number.into_iter().chain([("run", run.to_string())]).collect();
                match template.fill("forward.url", &self.facts, &own) {
                    Ok(url) => End::Complete { url: Some(url), summary },
                    Err(fault) => End::Failed { summary: fault.to_string(), url },
                }
            }
        }
    }

    fn pace(&self) -> Pace {
        Pace::new(self.settings.poll_first, self.settings.poll_most)
    }
}

/// Whoever says nothing to anybody any more goes on with nothing.
fn tell(message: impl Into<String>) -> Result<(), End> {
    say::progress(message).map_err(End::Broken)
}
