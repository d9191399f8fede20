//! A registry's webhook to us: its own steps, sent one by one.

use scanrelay::Timestamp;
use scanrelay::registry::webhook::{Act, Did, Wanted, WebhookStep};
use scanrelay::registry::{Exchange, Request};

use super::live::Live;

/// More than any registry needs: pages of a list, and a request for each webhook of ours.
const MOST: usize = 64;

/// What came of it, and what the registry's last answer showed beside its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Managed {
    pub did: Result<Did, String>,
    pub seen: Seen,
}

/// What an answer shows of the registry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// `None`: nobody answered.
    pub status: Option<u16>,
    /// The registry's clock.
    pub date: Option<Timestamp>,
    pub server: Option<String>,
}

impl Live {
    /// Does `act` with that registry's webhook.
    pub async fn webhook(&self, registry: &str, wanted: &Wanted, act: Act) -> Managed {
        let mut seen = Seen::default();
        let did = self.manage(registry, wanted, act, &mut seen).await;
        Managed { did, seen }
    }

    async fn manage(&self, registry: &str, wanted: &Wanted, act: Act, shown: &mut Seen) -> Result<Did, String> {
        let peer =
            self.peer(registry).ok_or_else(|| format!("registries.{registry} has no url: nobody can be asked"))?;
        let mut seen: Vec<Exchange> = Vec::new();
        while seen.len() < MOST {
            match peer.registry.webhook(wanted, act, &seen) {
                WebhookStep::Send(request) => seen.push(self.ask(registry, &request, shown).await?),
                WebhookStep::Did(did) => return Ok(did),
                WebhookStep::Retry(reason) | WebhookStep::Refused(reason) => return Err(reason),
                _ => break,
            }
        }
        Err(format!("it took more than {MOST} requests"))
    }

    /// One request, and what its answer shows.
    pub async fn ask(&self, registry: &str, request: &Request, shown: &mut Seen) -> Result<Exchange, String> {
        let peer =
            self.peer(registry).ok_or_else(|| format!("registries.{registry} has no url: nobody can be asked"))?;
        *shown = Seen::default();
        let answer = peer.writeback.send(request, None).await.map_err(|unreachable| unreachable.to_string())?;
        *shown = Seen { status: Some(answer.exchange.status), date: answer.date, server: answer.server };
        Ok(answer.exchange)
    }
}
