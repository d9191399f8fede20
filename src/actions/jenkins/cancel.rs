//! What a run does that is stopped. There is little time for it, and nothing is left running silently.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use url::Url;

use super::follow::Run;
use super::queue::{self, Seen};
use super::search::{self, Found};
use super::step::Step;
use super::{place, words};
use crate::end::End;
use crate::http::Answer;
use crate::say;

/// Below the five seconds that `limits.kill_grace` is, unless the operator says otherwise: the plugin is not told.
const SOON: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(250);

impl Run<'_> {
    /// The end of a run that is stopped while `finish` goes on. With `for_good` nobody follows what it has started, which is
    /// stopped in Jenkins too; otherwise the next attempt does.
    pub async fn stopped(&self, mut finish: Pin<&mut impl Future<Output = End>>, for_good: bool) -> End {
        let later = End::Later("it was stopped".to_owned());
        if !for_good {
            // What an answer says that is about to come need not be searched for.
            return tokio::select! {
                () = self.landed() => later,
                end = finish => end,
                () = sleep(SOON) => later,
            };
        }
        let mut cancel = std::pin::pin!(self.cancel());
        let (mut late, mut over) = (std::pin::pin!(sleep(SOON)), false);
        let mut told = false;
        loop {
            let in_flight = *self.flight.borrow() && !over;
            tokio::select! {
                said = &mut cancel => {
                    if let Some(said) = said {
                        say::log(&said);
                    }
                    return later;
                }
                end = &mut finish, if in_flight => match end {
                    // It was refused, or has ended: nothing runs.
                    End::Failed { .. } | End::Complete { .. } => return end,
                    End::Later(_) | End::Broken(_) => over = true,
                },
                () = self.landed(), if in_flight => {}
                // Whoever kills us now kills us after we have said it.
                () = &mut late, if !told => {
                    told = true;
                    say::log("Jenkins has not answered yet: what was triggered may still run there");
                }
            }
        }
    }

    /// Returns when no request is under way that starts something.
    async fn landed(&self) {
        let _ = self.flight.subscribe().wait_for(|in_flight| !in_flight).await;
    }

    /// Stops whatever is found to be the run's, and says what came of it; `None`: nothing was ever triggered.
    async fn cancel(&self) -> Option<String> {
        let ends = Instant::now() + SOON;
        loop {
            // A request that is under way may be carried out after any look.
            let last = !*self.flight.borrow() && Instant::now() >= ends;
            let stopped = match self.step.get()? {
                Step::Triggered => {
                    return Some("it was triggered, and is not followed: it may still run there".to_owned());
                }
                Step::Intent { .. } if self.settings.job.is_empty() => {
                    Err("whether the webhook triggered a build cannot be told".to_owned())
                }
                Step::Intent { next } => self.cancel_found(next).await,
                Step::Queued { queue, next } => match queue::look(self.server, queue, &self.sought(next)).await {
                    Seen::Waits(_) => self.cancel_item(queue).await,
                    Seen::Left(build) => self.stop(build).await,
                    Seen::Cancelled => Ok(cancelled(queue)),
                    Seen::Gone => self.cancel_found(next).await,
                    Seen::Silent(cause) | Seen::Shut(cause) => Err(cause),
                },
                Step::Building { build } => self.stop(build).await,
            };
            match stopped {
                Ok(said) => return Some(said),
                Err(cause) if last => {
                    return Some(format!("nothing was stopped in Jenkins: {cause}: it may still run there"));
                }
                Err(_) => sleep(PAUSE).await,
            }
        }
    }

    async fn cancel_found(&self, next: u64) -> Result<String, String> {
        match search::look(self.server, &self.name, &self.sought(next)).await?.found() {
            Found::Queued(queue) => self.cancel_item(queue).await,
            Found::Building(build) => self.stop(build).await,
            Found::Nothing { .. } | Found::Unclear | Found::Nameless => Err("nothing of it is to be seen".to_owned()),
        }
    }

    pub(super) async fn cancel_item(&self, id: u64) -> Result<String, String> {
        let mut url = self.server.own(&["queue", "cancelItem"]);
        url.query_pairs_mut().append_pair("id", &id.to_string());
        match self.server.post(url, &[]).await {
            Ok(answer) if answer.status == 204 => Ok(cancelled(id)),
            // It may have left the queue meanwhile.
            Ok(answer) => Err(format!("item {id} of Jenkins' queue was not cancelled: {}", words::silent(&answer))),
            Err(error) => Err(format!("item {id} of Jenkins' queue was not cancelled: {error}")),
        }
    }

    pub(super) async fn stop(&self, build: u64) -> Result<String, String> {
        let stop = self.server.job(&[&build.to_string(), "stop"]);
        match self.server.post(stop.clone(), &[]).await {
            Ok(answer) if is_told(&self.server.place(), &stop, &answer) => {
                Ok(format!("build #{build} was told to stop"))
            }
            Ok(answer) if matches!(answer.status, 200 | 302) => Err(format!(
                "build #{build} was not stopped: the answer ({}) is likely a login page, and a login of the plugin's own, by an API token, does not pass it",
                answer.status
            )),
            Ok(answer) => Err(format!("build #{build} was not stopped: {}", words::silent(&answer))),
            Err(error) => Err(format!("build #{build} was not stopped: {error}")),
        }
    }
}

/// Whether that is Jenkins' answer to a stop: it sends to a page of the build or the job. Whoever wants a login sends elsewhere.
fn is_told(job: &[String], stop: &Url, answer: &Answer) -> bool {
    let location = || stop.join(answer.header("Location")?).ok();
    match answer.status {
        204 => true,
        302 => location().is_some_and(|to| place::of_job(&to) == job || place::of_build(&to) == job),
        _ => false,
    }
}

fn cancelled(id: u64) -> String {
    format!("item {id} of Jenkins' queue was cancelled")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use reqwest::header::{HeaderMap, HeaderValue, LOCATION};

    use super::*;

    #[test]
    fn only_jenkins_is_told_to_stop() {
        let check = |status: u16, location: Option<&'static str>, told: bool| {
            let mut headers = HeaderMap::new();
            if let Some(location) = location {
                headers.insert(LOCATION, HeaderValue::from_static(location));
            }
            let answer = Answer { status, headers, body: Bytes::new(), whole: true };
            let stop = Url::parse("https://ci.example.com/jenkins/job/a/job/b%20c/7/stop").unwrap();
            assert_eq!(is_told(&["a".to_owned(), "b c".to_owned()], &stop, &answer), told, "{status} {location:?}");
        };
        check(204, None, true);
        check(302, Some("."), true);
        check(302, Some(".."), true);
        check(302, Some("http://10.0.0.1:8080/jenkins/job/a/job/b%20c/7/"), true);
        check(302, Some("https://sso.example.com/login?from=/jenkins/job/a/job/b%20c/7/"), false);
        check(302, Some("/jenkins/securityRealm/commenceLogin"), false);
        check(302, None, false);
        check(200, None, false);
        check(403, None, false);
    }
}
