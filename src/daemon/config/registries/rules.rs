//! `promote_on` and `scan_on`: which changes are promotions and scan requests.

use scanrelay::registry::{Rule, Rules};
use scanrelay::{EventKind, Stage};

use super::kind::Kind;
use crate::daemon::config::error::Fault;
use crate::daemon::config::raw::{RawRegistry, RawRule, RawRules};

pub(super) fn rules(raw: &RawRegistry, kind: Kind, key: &str, warnings: &mut Vec<String>) -> Result<Rules, Fault> {
    let mut rules = Rules::default();
    rules.promote_on = list(raw.promote_on.as_ref(), &format!("{key}.promote_on"))?;
    rules.scan_on = list(raw.scan_on.as_ref(), &format!("{key}.scan_on"))?;
    if !kind.has_its_own() && rules == Rules::default() {
        warnings.push(format!(
            "{key} has no rule: {} has no event of its own for promotions and scan requests, set promote_on or scan_on",
            raw.kind
        ));
    }
    Ok(rules)
}

fn list(raw: Option<&RawRules>, key: &str) -> Result<Vec<Rule>, Fault> {
    match raw {
        None => Ok(Vec::new()),
        Some(RawRules::One(raw)) => Ok(vec![rule(raw, key)?]),
        Some(RawRules::Several(all)) => {
            all.iter().enumerate().map(|(nth, raw)| rule(raw, &format!("{key}[{nth}]"))).collect()
        }
    }
}

fn rule(raw: &RawRule, key: &str) -> Result<Rule, Fault> {
    let mut rule = Rule::default();
    if let Some(word) = &raw.event {
        // Any other word is the registry's own name for an event.
        let kind = EventKind::from(word.clone());
        if matches!(kind, EventKind::Test) {
            return Err(Fault::at(format!("{key}.event"), "a test starts nothing"));
        }
        if matches!(kind, EventKind::AliasDeleted | EventKind::TagDeleted | EventKind::VersionDeleted) {
            return Err(Fault::at(
                format!("{key}.event"),
                "what is gone is neither promoted nor scanned: give a route on = \"tag_deleted\" and the like",
            ));
        }
        rule.event = Some(kind);
    }
    rule.stage = raw.stage.as_deref().map(Stage::new);
    rule.alias.clone_from(&raw.alias);
    rule.tag.clone_from(&raw.tag);
    rule.value.clone_from(&raw.value);
    rule.comment.clone_from(&raw.comment);
    if rule.value.is_some() && rule.tag.is_none() {
        return Err(Fault::at(format!("{key}.value"), "a value is a tag's: add tag = \"KEY\""));
    }
    if rule == Rule::default() {
        return Err(Fault::at(
            key,
            "a rule names what it matches: { alias = \"production\" }, { stage = \"Production\" }, { tag = \"status\", value = \"approved\" } or { event = \"version_created\" }",
        ));
    }
    Ok(rule)
}
