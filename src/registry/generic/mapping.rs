//! From any body to the neutral event.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::event::{Change, Tag};
use crate::registry::identity::identity;
use crate::registry::other;
use crate::{BodyError, Event, EventKind, Stage, Timestamp, body};

/// A place in a JSON document (RFC 6901): `/data/model/0`, with `~1` for a slash and `~0` for a tilde in a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer(String);

impl Pointer {
    /// `None`: it does not begin with a slash, or has a tilde that is followed by neither 0 nor 1.
    pub fn parse(text: &str) -> Option<Self> {
        let escaped = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
        (text.starts_with('/') && escaped).then(|| Self(text.to_owned()))
    }

    pub(super) fn find<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        document.pointer(&self.0)
    }

    /// A text, a number or a truth value there; an empty text is none.
    pub(super) fn text(&self, document: &Value) -> Option<String> {
        scalar(self.find(document)?)
    }
}

impl std::fmt::Display for Pointer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => (!text.is_empty()).then(|| text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// Where in the body each fact of an event is. What is not mapped, or not there, is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mapping {
    /// The word for what happened.
    pub kind: Pointer,
    /// Which of our kinds a word is. One that is not here stands for itself: `promotion`, …, else `other(WORD)`.
    pub kinds: BTreeMap<String, EventKind>,
    /// The event's id, which makes the delivery's key; without, two deliveries with the same body are one.
    pub id: Option<Pointer>,
    /// When: RFC 3339, or Unix seconds or milliseconds (above a million million).
    pub occurred_at: Option<Pointer>,
    /// The workspace.
    pub workspace: Option<Pointer>,
    /// The model's name.
    pub model: Option<Pointer>,
    /// The model's id.
    /// Without one it is `WORKSPACE/MODEL`, where both are named: names are their own in one workspace only.
    pub model_id: Option<Pointer>,
    /// The version's name.
    pub version: Option<Pointer>,
    /// The version's id.
    pub version_id: Option<Pointer>,
    /// The stage before.
    pub stage_from: Option<Pointer>,
    /// The stage now.
    pub stage: Option<Pointer>,
    /// The alias that was set.
    pub alias: Option<Pointer>,
    /// The key of a tag that was set.
    pub tag: Option<Pointer>,
    /// Its value.
    pub tag_value: Option<Pointer>,
    /// The build's id.
    pub build: Option<Pointer>,
    /// The build's image.
    pub image: Option<Pointer>,
    /// Where the files are.
    pub artifact_uri: Option<Pointer>,
    /// Who did it.
    pub actor: Option<Pointer>,
}

impl Mapping {
    /// One that knows what happened, and nothing else yet.
    pub fn new(kind: Pointer) -> Self {
        Self {
            kind,
            kinds: BTreeMap::new(),
            id: None,
            occurred_at: None,
            workspace: None,
            model: None,
            model_id: None,
            version: None,
            version_id: None,
            stage_from: None,
            stage: None,
            alias: None,
            tag: None,
            tag_value: None,
            build: None,
            image: None,
            artifact_uri: None,
            actor: None,
        }
    }

    fn event(&self, name: &str, document: &Value) -> Event {
        let text = |pointer: &Option<Pointer>| pointer.as_ref()?.text(document);
        let stage = |pointer: &Option<Pointer>| text(pointer).map(|stage| Stage::new(&stage));
        let Some(word) = self.kind.text(document) else { return other(name, "unknown") };
        let kind = self.kinds.get(&word).cloned().unwrap_or_else(|| EventKind::from(word));
        let mut event = Event::new(kind, name);
        event.id = text(&self.id);
        event.occurred_at = text(&self.occurred_at).and_then(|text| moment(&text));
        event.workspace = text(&self.workspace);
        (event.model.name, event.model.id) = (text(&self.model), text(&self.model_id));
        if event.model.id.is_none() {
            event.model.id = identity(event.workspace.as_deref(), event.model.name.as_deref());
        }
        (event.version.name, event.version.id) = (text(&self.version), text(&self.version_id));
        event.change = Change {
            stage_from: stage(&self.stage_from),
            stage_to: stage(&self.stage),
            alias: text(&self.alias),
            tag: text(&self.tag).map(|key| Tag { key, value: text(&self.tag_value) }),
            comment: None,
        };
        (event.build.id, event.build.image) = (text(&self.build), text(&self.image));
        event.artifact_uri = text(&self.artifact_uri);
        event.actor = text(&self.actor);
        event
    }
}

pub(super) fn read(mapping: Option<&Mapping>, name: &str, body: &[u8]) -> Result<Event, BodyError> {
    let document = body::read::<Value>(body)?;
    Ok(match (mapping, document) {
        (Some(mapping), Some(document)) => mapping.event(name, &document),
        _ => other(name, "unknown"),
    })
}

fn moment(text: &str) -> Option<Timestamp> {
    match text.parse::<i64>() {
        Ok(..=0) => None,
        Ok(seconds @ 1..=1_000_000_000_000) => seconds.checked_mul(1000).map(Timestamp::from_millis),
        Ok(millis) => Some(Timestamp::from_millis(millis)),
        Err(_) => Timestamp::from_rfc3339(text),
    }
}
