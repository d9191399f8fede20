//! Asking a registry how things stand.

use std::time::Duration;

use scanrelay::Registry;
use scanrelay::registry::{Exchange, Findings, SurveyStep};

use super::live::Live;
use super::tell::Peer;

/// Why nobody knows how things stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsurveyed {
    pub reason: String,
    /// The registry wants to be asked nothing before.
    pub retry_after: Option<Duration>,
    /// Asked again soon, it would say the same.
    pub is_settled: bool,
}

impl Unsurveyed {
    pub fn because(reason: &str) -> Self {
        Self { reason: reason.to_owned(), retry_after: None, is_settled: false }
    }
}

impl Live {
    /// How things stand in that registry now.
    pub async fn survey(&self, registry: &str) -> Result<Findings, Unsurveyed> {
        let peer = self.peer(registry).ok_or_else(no_url)?;
        match peer.walk(|seen| peer.registry.survey(registry, seen)).await? {
            SurveyStep::Found(findings) => Ok(findings),
            _ => Err(Unsurveyed::because("it does not say how things stand")),
        }
    }

    /// Has posted again what the registry could not deliver: so much of it.
    pub async fn redeliver(&self, registry: &str) -> Result<usize, Unsurveyed> {
        let peer = self.peer(registry).ok_or_else(no_url)?;
        match peer.walk(|seen| peer.registry.redeliver(registry, seen)).await? {
            SurveyStep::Asked(count) => Ok(count),
            _ => Err(Unsurveyed::because("it does not say what it could not deliver")),
        }
    }
}

fn no_url() -> Unsurveyed {
    Unsurveyed::because("it has no url")
}

impl Peer {
    /// Sends what comes next until something else does.
    async fn walk(&self, next: impl Fn(&[Exchange]) -> SurveyStep) -> Result<SurveyStep, Unsurveyed> {
        let mut seen: Vec<Exchange> = Vec::new();
        let mut retry_after = None;
        while seen.len() <= Registry::LONGEST_SURVEY {
            match next(&seen) {
                SurveyStep::Send(request) => {
                    let answer = self.writeback.send(&request, None).await;
                    let answer = answer.map_err(|unreachable| Unsurveyed::because(&unreachable.to_string()))?;
                    retry_after = answer.retry_after;
                    seen.push(answer.exchange);
                }
                SurveyStep::Retry(reason) => return Err(Unsurveyed { reason, retry_after, is_settled: false }),
                SurveyStep::Refused(reason) => return Err(Unsurveyed { reason, retry_after, is_settled: true }),
                end => return Ok(end),
            }
        }
        Err(Unsurveyed::because("it took more requests than a survey may take"))
    }
}
