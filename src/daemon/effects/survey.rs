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

/// What a survey came to.
#[derive(Debug)]
pub enum Surveyed {
    /// How things stand.
    Found(Findings),
    /// So many deliveries come again.
    Asked(usize),
}

impl Live {
    /// How things stand in that registry now, or what it was asked to post again.
    pub async fn survey(&self, registry: &str) -> Result<Surveyed, Unsurveyed> {
        match self.peer(registry) {
            Some(peer) => peer.survey(registry).await,
            None => Err(Unsurveyed::because("it has no url")),
        }
    }
}

impl Peer {
    async fn survey(&self, name: &str) -> Result<Surveyed, Unsurveyed> {
        let mut seen: Vec<Exchange> = Vec::new();
        let mut retry_after = None;
        while seen.len() <= Registry::LONGEST_SURVEY {
            match self.registry.survey(name, &seen) {
                SurveyStep::Send(request) => {
                    let answer = self.writeback.send(&request, None).await;
                    let answer = answer.map_err(|unreachable| Unsurveyed::because(&unreachable.to_string()))?;
                    retry_after = answer.retry_after;
                    seen.push(answer.exchange);
                }
                SurveyStep::Found(findings) => return Ok(Surveyed::Found(findings)),
                SurveyStep::Asked(count) => return Ok(Surveyed::Asked(count)),
                SurveyStep::Retry(reason) => return Err(Unsurveyed { reason, retry_after, is_settled: false }),
                SurveyStep::Refused(reason) => return Err(Unsurveyed { reason, retry_after, is_settled: true }),
                _ => break,
            }
        }
        Err(Unsurveyed::because("it took more requests than a survey may take"))
    }
}
