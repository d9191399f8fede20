//! Routes: which event is given to which plugins.

use std::collections::BTreeMap;

use globset::{Glob, GlobMatcher};
use scanrelay::plugin::PluginKind;
use scanrelay::{EventKind, Stage};

use super::error::{Fault, nearest};
use super::plugins::Plugin;
use super::raw::{RawPolicy, RawRoute};
use super::registries::Peer;
use crate::daemon::verdict::Policy;

/// A route. The first that matches an event wins.
#[derive(Clone, Debug)]
pub struct Route {
    /// Its number in the file, from 1.
    pub number: usize,
    pub on: EventKind,
    /// None named: all.
    pub registries: Vec<String>,
    pub workspace: Option<GlobMatcher>,
    pub model: Option<GlobMatcher>,
    pub stage: Option<Stage>,
    pub scanners: Vec<String>,
    pub advisory: Vec<String>,
    pub actions: Vec<String>,
    /// A promotion that waits gives way to a newer one.
    pub latest_only: bool,
    pub policy: Policy,
    pub error_is_unsafe: bool,
}

impl PartialEq for Route {
    fn eq(&self, other: &Self) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}

pub(super) fn routes(
    raw: Vec<RawRoute>,
    registries: &BTreeMap<String, Peer>,
    plugins: &BTreeMap<String, Plugin>,
    warnings: &mut Vec<String>,
) -> Result<Vec<Route>, Fault> {
    let numbered = raw.into_iter().enumerate();
    let routes: Vec<Route> =
        numbered.map(|(nth, raw)| route(nth + 1, raw, registries, plugins)).collect::<Result<_, _>>()?;
    warnings.extend(routes.iter().flat_map(|route| unheard(route, plugins)));
    Ok(routes)
}

/// Where an action demands the word of a scanner for which it does not wait.
fn unheard(route: &Route, plugins: &BTreeMap<String, Plugin>) -> Vec<String> {
    let demands =
        route.actions.iter().filter_map(|action| Some((action, plugins.get(action)?.require_verdict.as_ref()?)));
    let advice = demands.flat_map(|(action, demand)| {
        demand.from.iter().filter(|name| route.advisory.contains(name)).map(move |scanner| (action, scanner))
    });
    let number = route.number;
    advice
        .map(|(action, scanner)| {
            format!(
                "route {number}: {action} demands the word of {scanner} (require_verdict), which is advisory there and not waited for: name {scanner} in scanners, or expect {action} to rest on an earlier scan"
            )
        })
        .collect()
}

fn route(
    number: usize,
    raw: RawRoute,
    registries: &BTreeMap<String, Peer>,
    plugins: &BTreeMap<String, Plugin>,
) -> Result<Route, Fault> {
    let key = format!("routes[{}]", number - 1);
    let at = |part: &str, cause: String| Fault::at(format!("{key}.{part}"), cause);
    let Some(on) = EventKind::KNOWN.iter().find(|kind| kind.word() == raw.on).cloned() else {
        let meant = nearest(&raw.on, EventKind::KNOWN.iter().map(EventKind::word));
        return Err(at(
            "on",
            format!(
                "{:?} is no event{}",
                raw.on,
                meant.map(|word| format!(", did you mean {word}?")).unwrap_or_default()
            ),
        ));
    };
    for name in &raw.registries {
        if !registries.contains_key(name) {
            return Err(at("registries", format!("{name} is not configured: add [registries.{name}]")));
        }
    }
    check_plugins(&raw, plugins, &at)?;
    if on == EventKind::ScanRequest && raw.scanners.is_empty() {
        return Err(at("scanners", "a scan without a voting scanner has no verdict: name one".to_owned()));
    }
    if raw.scanners.is_empty() && raw.actions.is_empty() && raw.advisory.is_empty() {
        return Err(at("actions", "the route does nothing: name scanners or actions".to_owned()));
    }
    if on != EventKind::Promotion && !raw.actions.is_empty() {
        return Err(at("actions", format!("actions are for promotions, {} is none", on.word())));
    }
    if raw.latest_only && raw.actions.is_empty() {
        return Err(at(
            "latest_only",
            "it is for promotions with actions, and this route has none: remove it".to_owned(),
        ));
    }
    let asked = || registries.values().filter(|peer| raw.registries.is_empty() || raw.registries.contains(&peer.name));
    // Better refused than blind: a scanner without its files would see nothing and might say safe.
    if let Some(name) = raw.plugins().find(|name| plugins.get(*name).is_some_and(|plugin| plugin.artifact))
        && let Some(peer) = asked().find(|peer| peer.url.is_none())
    {
        return Err(Fault::at(
            key,
            format!(
                "{name} wants the model's files (artifact = true), and registries.{0} has no url to fetch them from: set registries.{0}.url, or name other registries",
                peer.name
            ),
        ));
    }
    if let Some(peer) = asked().find(|peer| !raw.actions.is_empty() && peer.confirm && peer.url.is_none()) {
        return Err(at(
            "actions",
            format!(
                "registries.{0} has no url, so a promotion cannot be confirmed there: set registries.{0}.url, or registries.{0}.confirm = false",
                peer.name
            ),
        ));
    }
    Ok(Route {
        number,
        policy: policy(raw.verdict.as_ref(), raw.scanners.len(), &at)?,
        error_is_unsafe: match raw.on_error.as_deref() {
            None | Some("error") => false,
            Some("unsafe") => true,
            Some(word) => return Err(at("on_error", format!("{word:?} is neither error nor unsafe"))),
        },
        workspace: glob(raw.workspace.as_deref(), &|cause| at("workspace", cause))?,
        model: glob(raw.model.as_deref(), &|cause| at("model", cause))?,
        stage: raw.stage.as_deref().map(Stage::new),
        on,
        registries: raw.registries,
        scanners: raw.scanners,
        advisory: raw.advisory,
        actions: raw.actions,
        latest_only: raw.latest_only,
    })
}

fn check_plugins(
    raw: &RawRoute,
    plugins: &BTreeMap<String, Plugin>,
    at: &impl Fn(&str, String) -> Fault,
) -> Result<(), Fault> {
    let lists = [
        ("scanners", &raw.scanners, PluginKind::Scanner),
        ("advisory", &raw.advisory, PluginKind::Scanner),
        ("actions", &raw.actions, PluginKind::Action),
    ];
    let mut seen: Vec<&String> = Vec::new();
    for (part, names, kind) in lists {
        for name in names {
            let found = plugins.get(name).map(|plugin| plugin.kind);
            if found.is_some_and(|found| found != kind) {
                let is =
                    if kind == PluginKind::Scanner { "an action, not a scanner" } else { "a scanner, not an action" };
                return Err(at(part, format!("{name} is {is}")));
            }
            if seen.contains(&name) {
                return Err(at(part, format!("{name} is named twice")));
            }
            seen.push(name);
        }
    }
    Ok(())
}

fn policy(raw: Option<&RawPolicy>, voting: usize, at: &impl Fn(&str, String) -> Fault) -> Result<Policy, Fault> {
    match raw {
        None => Ok(Policy::All),
        Some(RawPolicy::Word(word)) if word == "all" => Ok(Policy::All),
        Some(RawPolicy::Word(word)) => Err(at("verdict", format!("{word:?} is neither \"all\" nor {{ quorum = N }}"))),
        Some(RawPolicy::Quorum(quorum)) if quorum.quorum > 0 && quorum.quorum as usize <= voting => {
            Ok(Policy::Quorum(quorum.quorum))
        }
        Some(RawPolicy::Quorum(quorum)) => Err(at(
            "verdict",
            format!("a quorum of {} among {voting} voting scanners can never be: 1 to {voting}", quorum.quorum),
        )),
    }
}

fn glob(text: Option<&str>, fault: &impl Fn(String) -> Fault) -> Result<Option<GlobMatcher>, Fault> {
    let compiled =
        text.map(|text| Glob::new(text).map(|glob| glob.compile_matcher()).map_err(|error| fault(error.to_string())));
    compiled.transpose()
}
