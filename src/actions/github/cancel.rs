//! Cancels at GitHub what the run has started, when the run is stopped for good and the settings say so. There is little time for it.

use std::time::Duration;

use serde_json::json;

use super::follow::Run;
use super::runs;
use super::step::Step;
use crate::pace::{Pace, Patience};
use crate::say;

/// How long its run is looked for, where it is not known yet: SIGKILL follows after `limits.kill_grace`, which is 5 s.
const LONGEST: Duration = Duration::from_secs(2);
const FIRST_PAUSE: Duration = Duration::from_millis(300);

impl Run<'_> {
    /// Cancels its run, and says whether it did.
    pub async fn cancel(&self) {
        let found = match self.step {
            // Nothing was dispatched.
            None => return,
            Some(Step::Running { run }) => Ok(run),
            Some(Step::Intent { after } | Step::Dispatched { after }) => {
                // There may be no time to say more.
                say::log("looking at GitHub for its run, to cancel it: until that is said, it may still run there");
                self.begun(after).await
            }
        };
        let said = match found {
            Ok(run) => self.cancel_run(run).await,
            Err(cause) => format!("nothing was cancelled at GitHub: {cause}: it may still run there"),
        };
        say::log(&said);
    }

    /// The run that came of the dispatch, if it comes soon.
    async fn begun(&self, after: u64) -> Result<u64, String> {
        let patience = Patience::of(self.settings.settle.min(LONGEST));
        let mut pace = Pace::new(self.settings.poll_first.min(FIRST_PAUSE), self.settings.poll_most.min(LONGEST));
        loop {
            let last = patience.is_over();
            match runs::find(self.settings, &self.id, after).await {
                Ok(Some(run)) => return Ok(run),
                Ok(None) if last => return Err("no run has its id in the title".to_owned()),
                Err(unlisted) if last || unlisted.refused => return Err(unlisted.to_string()),
                Ok(None) | Err(_) => pace.pause().await,
            }
        }
    }

    async fn cancel_run(&self, run: u64) -> String {
        let url = self.settings.repository(&["actions", "runs", &run.to_string(), "cancel"]);
        let cause = match self.settings.post(url, &json!({})).await {
            Ok(answer) if answer.status == 202 => return format!("run {run} is cancelled at GitHub"),
            Ok(answer) => format!("GitHub answered {}", answer.status),
            Err(error) => error.to_string(),
        };
        format!("run {run} was not cancelled: {cause}: it may still run there")
    }
}
