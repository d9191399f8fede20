//! Looks at what a run has started until it has an end: searched for, in the queue, as a build.

use super::console::Console;
use super::follow::{Run, tell};
use super::search::Found;
use super::step::Step;
use super::{build, forward, queue, search};
use crate::end::End;
use crate::pace::Patience;
use crate::say;

impl Run<'_> {
    /// Searches until it is found, or was looked for long enough.
    pub(super) async fn search(&self, next: u64) -> Result<Found, End> {
        let (sought, patience, mut pace) = (self.sought(next), Patience::of(self.settings.settle), self.pace());
        tell("looking in Jenkins for what an earlier attempt started")?;
        loop {
            let last = patience.is_over();
            match search::look(self.server, &self.name, &sought).await.map(|seen| seen.found()) {
                Ok(found @ (Found::Queued(_) | Found::Building(_))) => return Ok(found),
                Ok(found) if last => return Ok(found),
                Err(cause) if last => return Err(End::Later(cause)),
                Ok(_) | Err(_) => pace.pause().await,
            }
        }
    }

    /// Where to go on once it was triggered a second time. A first request that Jenkins has carried out late is before it: the
    /// first of all is followed, and the others are stopped.
    pub(super) async fn first_of_two(&self, queue: u64, next: u64) -> Step {
        let seen = match search::look(self.server, &self.name, &self.sought(next)).await {
            Ok(seen) => seen,
            Err(cause) => {
                say::log(&format!("whether an earlier request was carried out late was not seen: {cause}"));
                return Step::Queued { queue, next };
            }
        };
        let first = match seen.found() {
            Found::Building(build) => Step::Building { build },
            Found::Queued(queue) => Step::Queued { queue, next },
            Found::Nothing { .. } | Found::Unclear | Found::Nameless => return Step::Queued { queue, next },
        };
        let builds = seen.builds.iter().map(|build| Step::Building { build: *build });
        let items = seen.items.iter().map(|queue| Step::Queued { queue: *queue, next });
        for other in builds.chain(items).skip(1) {
            let stopped = match other {
                Step::Building { build } => self.stop(build).await,
                Step::Queued { queue, .. } => self.cancel_item(queue).await,
                Step::Intent { .. } | Step::Triggered => continue,
            };
            let said = stopped.unwrap_or_else(|cause| format!("{cause}: it may still run there"));
            say::log(&format!("an earlier request was carried out late; {said}"));
        }
        first
    }

    pub(super) async fn wait(&self, id: u64, next: u64) -> Result<(), End> {
        let (sought, mut pace, mut told) = (self.sought(next), self.pace(), None);
        loop {
            let message = match queue::look(self.server, id, &sought).await {
                queue::Seen::Left(build) => return self.at(Step::Building { build }).await,
                queue::Seen::Cancelled => {
                    return Err(End::failed(format!("its item {id} of Jenkins' queue was cancelled there")));
                }
                queue::Seen::Shut(reason) => return Err(End::Later(reason)),
                queue::Seen::Gone => match self.search(next).await? {
                    Found::Building(build) => return self.at(Step::Building { build }).await,
                    Found::Queued(queue) if queue != id => return self.at(Step::Queued { queue, next }).await,
                    // Jenkins lists it, and shows it to nobody.
                    Found::Queued(_) => "in Jenkins' queue: waiting".to_owned(),
                    Found::Nothing { .. } | Found::Unclear | Found::Nameless => {
                        return Err(End::failed(format!(
                            "its item {id} of Jenkins' queue is gone, and no build with its {} was made of it: look in Jenkins, then replay the delivery",
                            sought.parameter
                        )));
                    }
                },
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

    pub(super) async fn watch(&self, number: u64) -> Result<(), End> {
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
}
