//! `require_verdict`: what must have been said of the files before an action is run with them.

use std::collections::BTreeMap;

use scanrelay::plugin::{PluginKind, Verdict};

use super::error::{Fault, nearest};
use super::plugins::Plugin;
use super::raw::RawDemand;
use crate::daemon::verdict::Demand;

/// For an action only, and nothing but `safe`.
pub(super) fn demand(
    raw: Option<RawDemand>,
    kind: PluginKind,
    artifact: Option<bool>,
    at: &impl Fn(&str, String) -> Fault,
) -> Result<Option<Demand>, Fault> {
    let Some(raw) = raw else { return Ok(None) };
    let at = |part: &str, cause: &str| at(&format!("require_verdict{part}"), cause.to_owned());
    if kind != PluginKind::Action {
        return Err(at("", "it is for actions: a scanner is what gives verdicts"));
    }
    if artifact == Some(false) {
        return Err(at("", "it needs the model's files to know which they are: remove artifact = false"));
    }
    if raw.word != Verdict::Safe.to_string() {
        return Err(at(".is", "nothing but \"safe\" can be demanded"));
    }
    if raw.max_age.is_some_and(|age| age.0.is_zero()) {
        return Err(at(".max_age", "nothing is that new: write 7d, for instance"));
    }
    Ok(Some(Demand { from: raw.from, max_age: raw.max_age.map(|age| age.0) }))
}

/// Whoever is demanded has to be there, or no action would ever be run.
pub(super) fn check(plugins: &BTreeMap<String, Plugin>) -> Result<(), Fault> {
    let scanners = || plugins.values().filter(|plugin| plugin.kind == PluginKind::Scanner && plugin.artifact);
    for plugin in plugins.values() {
        for name in plugin.require_verdict.iter().flat_map(|demand| &demand.from) {
            if scanners().any(|scanner| scanner.name == *name) {
                continue;
            }
            let key = format!("plugins.{}.require_verdict.from", plugin.name);
            let meant = nearest(name, scanners().map(|scanner| scanner.name.as_str()));
            let meant = meant.map(|meant| format!(", did you mean {meant}?")).unwrap_or_default();
            let cure = "name a scanner of a route, with artifact = true";
            return Err(Fault::at(key, format!("no scanner {name:?} looks at files{meant}: {cure}")));
        }
    }
    Ok(())
}
