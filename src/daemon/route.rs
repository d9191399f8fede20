//! Which route an event takes, and why not the others.

use scanrelay::{Event, EventKind};

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
    let answered = config.registries.get(&event.registry).is_some_and(|peer| peer.url.is_some());
    Plan {
        route: route.number,
        scanners: route.scanners.clone(),
        advisory: route.advisory.clone(),
        policy: route.policy,
        error_is_unsafe: route.error_is_unsafe,
        actions: route.actions.clone(),
        // Other events have no place in the registry for an outcome.
        report: answered && matches!(event.kind, EventKind::ScanRequest | EventKind::Promotion),
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
        let stops: Vec<String> =
            filters(route, event).into_iter().filter(|(passes, _)| !passes).map(|(_, reason)| reason).collect();
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
    let stopped = filters(route, event).into_iter().enumerate().find(|(_, (passes, _))| !passes);
    stopped.map(|(passed, (_, reason))| (passed, reason))
}

/// Whether the event passes each filter, and what to say when it does not.
fn filters(route: &Route, event: &Event) -> [(bool, String); 5] {
    let model = [event.model.name.as_deref(), event.model.id.as_deref()];
    let model_matches = |glob: &globset::GlobMatcher| model.iter().flatten().any(|name| glob.is_match(name));
    let workspace_matches =
        |glob: &globset::GlobMatcher| event.workspace.as_deref().is_some_and(|name| glob.is_match(name));
    let stage = event.change.stage_to.as_ref();
    [
        (route.on == event.kind, format!("is for {}, this is {}", route.on.word(), event.kind)),
        (
            route.registries.is_empty() || route.registries.contains(&event.registry),
            format!("is for registries {}", route.registries.join(", ")),
        ),
        (route.workspace.as_ref().is_none_or(workspace_matches), "is for another workspace".to_owned()),
        (route.model.as_ref().is_none_or(model_matches), "is for other models".to_owned()),
        (
            route.stage.is_none() || route.stage.as_ref() == stage,
            format!(
                "is for stage {}, this is {}",
                route.stage.as_ref().map_or("any", |stage| stage.as_str()),
                stage.map_or("none", |stage| stage.as_str())
            ),
        ),
    ]
}

#[cfg(test)]
mod tests;
