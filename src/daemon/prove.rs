//! The proof: every promotion and scan request that a registry knows of, with the delivery that it was and its verdict, or
//! the gap. It asks the registries itself and reads the store beside whoever owns it, so that it is the same with the daemon
//! stopped.

use scanrelay::{Event, EventKind, Receiver, Timestamp};
use serde::Serialize;

use super::clock::Clock;
use super::config::{Config, Peer};
use super::effects::{Kernel, live::Live};
use super::store::{Brought, Moment};

/// One promotion or scan request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProofRow {
    pub registry: String,
    pub kind: String,
    pub subject: String,
    pub change_key: String,
    pub occurred_at: Option<Timestamp>,
    pub delivery: Option<i64>,
    /// Of the delivery.
    pub state: Option<String>,
    pub verdict: Option<String>,
    /// Why it is not proved that it was seen to.
    pub gap: Option<String>,
}

/// Of each registry that can be asked how things stand, or of the one of that name. A registry that cannot be asked is an
/// error: its gaps would not be seen.
pub async fn prove(config: &Config, since: Timestamp, only: Option<&str>) -> Result<Vec<ProofRow>, String> {
    let effects = Live::new(config, Clock::system(), Kernel::default()).map_err(|error| error.to_string())?;
    let asked = config.registries.values().filter(|peer| only.is_none_or(|name| peer.name == name));
    let asked: Vec<&Peer> = asked.filter(|peer| peer.url.is_some() && peer.registry.can_be_surveyed()).collect();
    if asked.is_empty() {
        let which = only.map_or("no registry".to_owned(), |name| format!("registries.{name}"));
        return Err(format!(
            "{which} can be asked how things stand: it takes a url, and the kind mlflow, comet or verta"
        ));
    }
    let mut rows = Vec::new();
    for peer in asked {
        let findings = effects.survey(&peer.name).await;
        let findings = findings.map_err(|unsurveyed| format!("{} was not asked: {}", peer.name, unsurveyed.reason))?;
        if findings.is_cut() {
            return Err(format!("{} holds more than a survey looks at, so nothing is proved", peer.name));
        }
        // Only now, so that what comes meanwhile is in it.
        let moment = Moment::open(&config.store.path).map_err(|error| error.to_string())?;
        let receiver =
            Receiver::new(&peer.name, peer.registry.clone(), peer.verifier.clone()).with_rules(peer.rules.clone());
        for delivery in receiver.found(findings, Clock::system().now()) {
            let event = delivery.event();
            let Some(key) = event.change_key.as_deref() else { continue };
            if !matches!(event.kind, EventKind::Promotion | EventKind::ScanRequest) {
                continue;
            }
            let brought = moment.brought(&peer.name, key).map_err(|error| error.to_string())?;
            rows.extend(row(event, key, delivery.is_settled(), brought, since));
        }
    }
    Ok(rows)
}

/// `None`: it is older than that.
fn row(event: &Event, key: &str, is_settled: bool, brought: Option<Brought>, since: Timestamp) -> Option<ProofRow> {
    let is_older = match (event.occurred_at, &brought) {
        (Some(at), _) => at < since,
        (None, Some(brought)) => brought.seen_at < since,
        (None, None) => false,
    };
    if is_older {
        return None;
    }
    let gap = match &brought {
        None | Some(Brought { delivery: None, .. }) if is_settled => {
            Some("a result stands that came of no delivery: somebody else has seen to it".to_owned())
        }
        None => Some("nobody has told of it yet: the next catch-up does".to_owned()),
        Some(Brought { delivery: None, .. }) => {
            Some("it stood so when the registry was first asked: see registries.NAME.catch_up_from".to_owned())
        }
        Some(Brought { state: Some(state), reason, .. }) if state == "dead" => {
            Some(format!("its delivery is dead: {}", reason.as_deref().unwrap_or("see scanrelay deliveries show")))
        }
        Some(Brought { state: Some(state), reason, .. }) if state == "ignored" => {
            Some(format!("its delivery was ignored: {}", reason.as_deref().unwrap_or("without a reason")))
        }
        Some(Brought { state: Some(state), .. }) if state == "open" => Some("its delivery is still open".to_owned()),
        Some(_) => None,
    };
    Some(ProofRow {
        registry: event.registry.clone(),
        kind: event.kind.to_string(),
        subject: event.subject(),
        change_key: key.to_owned(),
        occurred_at: event.occurred_at,
        delivery: brought.as_ref().and_then(|brought| brought.delivery),
        state: brought.as_ref().and_then(|brought| brought.state.clone()),
        verdict: brought.and_then(|brought| brought.verdict),
        gap,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SINCE: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    /// The row of that change and what is known of it says this: `proved`, the gap's first words, or that it is too old.
    fn check(occurred_at: Option<i64>, brought: Option<(Option<i64>, i64, Option<&str>)>, expected: &str) {
        check_of(false, occurred_at, brought, expected);
    }

    /// The same of what has a result at the registry, or has none.
    fn check_of(
        is_settled: bool,
        occurred_at: Option<i64>,
        brought: Option<(Option<i64>, i64, Option<&str>)>,
        expected: &str,
    ) {
        let mut event = Event::new(EventKind::Promotion, "mlflow");
        event.occurred_at = occurred_at.map(Timestamp::from_millis);
        let brought = brought.map(|(delivery, seen_at, state)| Brought {
            delivery,
            seen_at: Timestamp::from_millis(seen_at),
            state: state.map(str::to_owned),
            reason: Some("the reason".to_owned()),
            verdict: None,
        });
        let said = match row(&event, "alias:fraud/production=3", is_settled, brought.clone(), SINCE) {
            None => "too old".to_owned(),
            Some(row) => row.gap.unwrap_or_else(|| "proved".to_owned()),
        };
        assert_eq!(said.split(':').next(), Some(expected), "{brought:?}");
    }

    #[test]
    fn what_is_not_known_to_be_seen_to_is_a_gap() {
        let (before, after) = (SINCE.as_millis() - 1, SINCE.as_millis());
        check(Some(after), None, "nobody has told of it yet");
        check(None, None, "nobody has told of it yet");
        check(Some(before), None, "too old");
        check(None, Some((None, before, None)), "too old");
        check(None, Some((None, after, None)), "it stood so when the registry was first asked");
        check(None, Some((Some(1), after, Some("done"))), "proved");
        check(None, Some((Some(1), after, None)), "proved");
        check(None, Some((Some(1), after, Some("open"))), "its delivery is still open");
        check(None, Some((Some(1), after, Some("dead"))), "its delivery is dead");
        check(None, Some((Some(1), after, Some("ignored"))), "its delivery was ignored");
    }

    #[test]
    fn a_result_of_somebody_else_s_is_a_gap() {
        let after = SINCE.as_millis();
        check_of(true, None, None, "a result stands that came of no delivery");
        check_of(true, None, Some((None, after, None)), "a result stands that came of no delivery");
        check_of(true, None, Some((Some(1), after, Some("done"))), "proved");
    }
}
