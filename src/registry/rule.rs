//! Rules: which changes of a registry are promotions and scan requests, where it has no event of its own for them.

use super::Reading;
use super::answer::encoded;
use crate::event::Change;
use crate::{Event, EventKind, Stage};

/// What a change must be to count: everything that is set here has to hold.
///
/// ```
/// use scanrelay::registry::Rule;
///
/// let mut rule = Rule::default();
/// rule.tag = Some("status".into());
/// rule.value = Some("approved".into());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rule {
    /// An event of this kind.
    pub event: Option<EventKind>,
    /// The version is at this stage now.
    pub stage: Option<Stage>,
    /// This alias points to the version now.
    pub alias: Option<String>,
    /// A tag with this key was set.
    pub tag: Option<String>,
    /// It has this value.
    pub value: Option<String>,
    /// Somebody commented exactly this.
    pub comment: Option<String>,
}

/// The rules of one registry. A rule reads what was signed, and nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rules {
    /// A change that matches one of these is a promotion.
    pub promote_on: Vec<Rule>,
    /// A change that matches one of these, and no rule of promotions, asks for a scan.
    pub scan_on: Vec<Rule>,
}

impl Rule {
    /// Whether an event of that kind and with that change is meant.
    pub fn matches(&self, kind: &EventKind, change: &Change) -> bool {
        let tag = change.tag.as_ref();
        let happened = match kind {
            EventKind::AliasDeleted | EventKind::TagDeleted | EventKind::VersionDeleted => self.event.is_some(),
            EventKind::Test => false,
            _ => true,
        };
        happened
            && self.event.as_ref().is_none_or(|event| event == kind)
            && self.stage.as_ref().is_none_or(|stage| change.stage_to.as_ref() == Some(stage))
            && self.alias.as_ref().is_none_or(|alias| change.alias.as_ref() == Some(alias))
            && self.comment.as_ref().is_none_or(|text| change.comment.as_ref() == Some(text))
            && self.tag.as_ref().is_none_or(|key| tag.is_some_and(|tag| tag.key == *key))
            && self.value.as_ref().is_none_or(|value| tag.is_some_and(|tag| tag.value.as_ref() == Some(value)))
    }
}

impl Rules {
    /// The events, as these rules name them. Where several things changed at once, each that a rule matches is one, first
    /// the promotions; where none does, the first stands for all.
    pub(crate) fn apply(&self, reading: Reading) -> Vec<Event> {
        let Reading { event, also, .. } = reading;
        let matches = |rules: &[Rule], event: &Event| rules.iter().any(|rule| rule.matches(&event.kind, &event.change));
        let (mut promotions, mut requests) = (Vec::new(), Vec::new());
        for event in std::iter::once(&event).chain(&also) {
            if matches(&self.promote_on, event) {
                promotions.push(keyed(event.clone(), EventKind::Promotion));
            } else if matches(&self.scan_on, event) {
                requests.push(keyed(event.clone(), EventKind::ScanRequest));
            }
        }
        promotions.append(&mut requests);
        if promotions.is_empty() {
            let kind = event.kind.clone();
            promotions.push(keyed(event, kind));
        }
        promotions
    }
}

/// With its change's key, which is of what changed and not of what the change is called here.
fn keyed(mut event: Event, kind: EventKind) -> Event {
    if event.change_key.is_none() {
        event.change_key = change_key(&event);
    }
    event.kind = kind;
    event
}

/// `ASPECT=VALUE`, with every part percent-encoded: what changed of which subject, and what it is now.
pub(crate) fn change_key(event: &Event) -> Option<String> {
    let model = event.model.id.as_ref().or(event.model.name.as_ref())?;
    let version = event.version.id.as_ref().or(event.version.name.as_ref());
    let mut key = String::new();
    match (&event.kind, &event.change) {
        (EventKind::AliasSet | EventKind::AliasDeleted, Change { alias: Some(alias), .. }) => {
            put(&mut key, &["alias:", model, "/", alias, "=", version.map_or("", String::as_str)]);
        }
        (EventKind::TagSet | EventKind::TagDeleted, Change { tag: Some(tag), .. }) => {
            let value = tag.value.as_deref().unwrap_or_default();
            put(&mut key, &["tag:", model, "/", version?, "/", &tag.key, "=", value]);
        }
        (EventKind::VersionCreated, Change { stage_to: None, .. }) => {
            put(&mut key, &["created:", model, "/", version?, "=", ""]);
        }
        (_, Change { stage_to: Some(stage), .. }) => {
            put(&mut key, &["stage:", model, "/", version?, "=", stage.as_str()]);
        }
        _ => return None,
    }
    Some(key)
}

/// The parts at even places as they are, those between percent-encoded.
fn put(key: &mut String, parts: &[&str]) {
    for (nth, part) in parts.iter().enumerate() {
        if nth % 2 == 0 { key.push_str(part) } else { key.push_str(&encoded(part)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Tag;

    fn alias(name: &str, version: &str) -> Reading {
        let mut event = Event::new(EventKind::AliasSet, "mlflow");
        event.model.name = Some("fraud=1/x".into());
        event.version.name = Some(version.into());
        event.change.alias = Some(name.into());
        Reading::of(event)
    }

    fn tag(pairs: &[(&str, &str)]) -> Reading {
        let mut events = pairs.iter().map(|(key, value)| {
            let mut event = Event::new(EventKind::TagSet, "databricks");
            event.model.name = Some("fraud".into());
            event.version.name = Some("3".into());
            event.change.tag = Some(Tag { key: (*key).to_owned(), value: Some((*value).to_owned()) });
            event
        });
        let first = events.next().unwrap();
        Reading { also: events.collect(), ..Reading::of(first) }
    }

    fn check(rules: &Rules, reading: Reading, kind: &EventKind, key: &str) {
        let event = rules.apply(reading).remove(0);
        assert_eq!((&event.kind, event.change_key.as_deref()), (kind, Some(key)));
    }

    #[test]
    fn a_rule_makes_a_promotion_and_the_key_stays_the_change_s() {
        let production = Rule { alias: Some("production".into()), ..Rule::default() };
        let scan = Rule { tag: Some("scan".into()), value: Some("requested".into()), ..Rule::default() };
        let rules = Rules { promote_on: vec![production], scan_on: vec![scan] };
        check(&rules, alias("production", "3"), &EventKind::Promotion, "alias:fraud%3D1%2Fx/production=3");
        check(&rules, alias("staging", "3"), &EventKind::AliasSet, "alias:fraud%3D1%2Fx/staging=3");
        check(&rules, tag(&[("a", "b"), ("scan", "requested")]), &EventKind::ScanRequest, "tag:fraud/3/scan=requested");
        check(&rules, tag(&[("a", "b"), ("scan", "no")]), &EventKind::TagSet, "tag:fraud/3/a=b");
    }

    #[test]
    fn what_was_deleted_matches_only_who_names_it() {
        let mut deleted = alias("production", "3");
        deleted.event.kind = EventKind::AliasDeleted;
        let mut rule = Rule { alias: Some("production".into()), ..Rule::default() };
        assert!(!rule.matches(&deleted.event.kind, &deleted.event.change));
        rule.event = Some(EventKind::AliasDeleted);
        assert!(rule.matches(&deleted.event.kind, &deleted.event.change));
    }
}
