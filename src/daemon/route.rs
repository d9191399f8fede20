//! Which route an event takes, and why not the others.

use scanrelay::{Event, EventKind, Stage};

use super::config::{Config, Route};
use super::job::plan::Plan;

/// What the first matching route asks for. Without one: the nearest route, and the filter that did not match.
pub fn plan(config: &Config, event: &Event) -> Result<Plan, String> {
    let mut nearest: Option<(usize, String)> = None;
    for route in &config.routes {
        match mismatch(route, event) {
            None => return Ok(of(config, route, event)),
            Some((passed, reason)) => {
                if nearest.as_ref().is_none_or(|(most, _)| passed > *most) {
                    nearest = Some((passed, format!("no route: route {} {reason}", route.number)));
                }
            }
        }
    }
    Err(nearest.map_or_else(|| "no route is configured".to_owned(), |(_, reason)| reason))
}

fn of(config: &Config, route: &Route, event: &Event) -> Plan {
    let peer = config.registries.get(&event.registry);
    let answered = peer.is_some_and(|peer| peer.url.is_some());
    Plan {
        route: route.number,
        scanners: route.scanners.clone(),
        advisory: route.advisory.clone(),
        policy: route.policy,
        error_is_unsafe: route.error_is_unsafe,
        actions: route.actions.clone(),
        latest_only: route.latest_only,
        // Other events have no place in the registry for an outcome.
        report: answered && matches!(event.kind, EventKind::ScanRequest | EventKind::Promotion),
        confirm_first: peer.is_some_and(|peer| answered && peer.confirm && peer.registry.is_doubtful(event)),
        configuration: config.digest.clone(),
    }
}

/// A route as one event sees it.
#[derive(Debug, PartialEq, Eq)]
pub struct Considered {
    pub route: usize,
    pub taken: bool,
    /// Why it is not taken.
    pub why_not: Option<String>,
}

/// Every route: which is taken, and why not the others.
pub fn explain(config: &Config, event: &Event) -> Vec<Considered> {
    let mut taken = None;
    let considered = config.routes.iter().map(|route| {
        let stops: Vec<String> = stops(route, event).map(|filter| reason(route, event, filter)).collect();
        let why_not = match taken {
            _ if !stops.is_empty() => Some(stops.join(", and ")),
            Some(first) => Some(format!("matches too, but route {first} comes first")),
            None => None,
        };
        if why_not.is_none() {
            taken = Some(route.number);
        }
        Considered { route: route.number, taken: why_not.is_none(), why_not }
    });
    considered.collect()
}

/// How many filters the event passed before the one that stopped it, and which that was.
fn mismatch(route: &Route, event: &Event) -> Option<(usize, String)> {
    stops(route, event).next().map(|filter| (filter, reason(route, event, filter)))
}

/// The filters, by number, that the event does not pass.
fn stops(route: &Route, event: &Event) -> impl Iterator<Item = usize> + use<> {
    let model = [event.model.name.as_deref(), event.model.id.as_deref()];
    let model_matches = |glob: &globset::GlobMatcher| model.iter().flatten().any(|name| glob.is_match(name));
    let workspace_matches =
        |glob: &globset::GlobMatcher| event.workspace.as_deref().is_some_and(|name| glob.is_match(name));
    let passes = [
        route.on == event.kind,
        route.registries.is_empty() || route.registries.contains(&event.registry),
        route.workspace.as_ref().is_none_or(workspace_matches),
        route.model.as_ref().is_none_or(model_matches),
        route.stage.is_none() || route.stage == event.change.stage_to,
    ];
    passes.into_iter().enumerate().filter(|(_, passes)| !passes).map(|(filter, _)| filter)
}

/// What is said of an event that a filter stops. Apart from the filters, since most events are stopped by none.
fn reason(route: &Route, event: &Event, filter: usize) -> String {
    match filter {
        0 => format!("is for {}, this is {}", route.on.word(), event.kind),
        1 => format!("is for registries {}", route.registries.join(", ")),
        2 => "is for another workspace".to_owned(),
        3 => "is for other models".to_owned(),
        _ => format!(
            "is for stage {}, this is {}",
            route.stage.as_ref().map_or("any", Stage::as_str),
            event.change.stage_to.as_ref().map_or("none", Stage::as_str)
        ),
    }
}

#[cfg(test)]
mod tests;
