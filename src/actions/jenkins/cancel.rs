//! Stops in Jenkins what the run has started, when the run is stopped and the settings say so. There is little time for it.

use super::follow::Run;
use super::queue::{self, Seen};
use super::search::{self, Found};
use super::step::Step;
use crate::say;

impl Run<'_> {
    /// Cancels the item of the queue, or stops the build.
    pub async fn cancel(&mut self) {
        let said = match self.step {
            None | Some(Step::Triggered) => return,
            Some(Step::Intent { .. }) if self.settings.job.is_empty() => return,
            Some(Step::Intent { next }) => match search::look(self.server, self.sought(), next).await {
                Ok(Found::Queued(queue)) => self.cancel_item(queue).await,
                Ok(Found::Building(build)) => self.stop(build).await,
                Ok(Found::Nothing | Found::Unclear) => return,
                Err(cause) => cause,
            },
            Some(Step::Queued { queue, .. }) => self.cancel_item(queue).await,
            Some(Step::Building { build }) => self.stop(build).await,
        };
        say::log(&said);
    }

    async fn cancel_item(&self, id: u64) -> String {
        let mut url = self.server.own(&["queue", "cancelItem"]);
        url.query_pairs_mut().append_pair("id", &id.to_string());
        let answered = match self.server.post(url, &[]).await {
            Ok(answer) if answer.status == 204 => return format!("item {id} of Jenkins' queue was cancelled"),
            Ok(answer) => format!("Jenkins answered {}", answer.status),
            Err(error) => error.to_string(),
        };
        // It may have left the queue meanwhile.
        match queue::look(self.server, id).await {
            Seen::Left(build) => self.stop(build).await,
            Seen::Cancelled => format!("item {id} of Jenkins' queue was cancelled"),
            _ => format!("item {id} of Jenkins' queue was not cancelled: {answered}"),
        }
    }

    async fn stop(&self, build: u64) -> String {
        let url = self.server.job(&[&build.to_string(), "stop"]);
        match self.server.post(url, &[]).await {
            // It sends to the build's page.
            Ok(answer) if matches!(answer.status, 200 | 204 | 302) => format!("build #{build} was told to stop"),
            Ok(answer) => format!("build #{build} was not stopped: Jenkins answered {}", answer.status),
            Err(error) => format!("build #{build} was not stopped: {error}"),
        }
    }
}
