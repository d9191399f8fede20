//! The body of a delivery: `{"entity","action","timestamp","data"}`, with `workspace` where the server has several.

use serde::Deserialize;

use crate::event::{Change, Tag};
use crate::registry::object::Object;
use crate::registry::other;
use crate::registry::scalar::Scalar;
use crate::{BodyError, Event, EventKind, Timestamp, body};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Envelope {
    entity: Scalar,
    action: Scalar,
    timestamp: Scalar,
    workspace: Scalar,
    data: Option<Object<Data>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Data {
    name: Scalar,
    version: Scalar,
    alias: Scalar,
    key: Scalar,
    value: Scalar,
    source: Scalar,
}

pub(in crate::registry) fn read(name: &str, body: &[u8]) -> Result<Event, BodyError> {
    let envelope = body::read::<Envelope>(body)?;
    Ok(envelope.map_or_else(|| other(name, "unreadable"), |envelope| envelope.into_event(name)))
}

impl Envelope {
    fn into_event(self, name: &str) -> Event {
        let word = match (self.entity.get(), self.action.get()) {
            (Some(entity), Some(action)) => [entity.as_str(), ".", &action].concat(),
            _ => return other(name, "unknown"),
        };
        let Some(Object(data)) = self.data else { return other(name, &word) };
        let mut event = Event::new(kind(&word), name);
        event.occurred_at = self.timestamp.get().and_then(|text| Timestamp::from_rfc3339(&text));
        event.workspace = self.workspace.get();
        event.model.name = data.name.get();
        event.version.name = data.version.get();
        // A prompt has aliases and tags, too, and is no model: nothing of it may look like a change of one.
        if matches!(event.kind, EventKind::Other(_)) {
            return event;
        }
        event.change.alias = data.alias.get();
        event.change.tag = data.key.get().map(|key| Tag { key, value: data.value.text() });
        event.artifact_uri = data.source.get();
        if !is_whole(&event) {
            event.kind = EventKind::Other(word);
            event.change = Change::default();
        }
        event
    }
}

fn kind(word: &str) -> EventKind {
    match word {
        "model_version.created" => EventKind::VersionCreated,
        "model_version_alias.created" => EventKind::AliasSet,
        "model_version_alias.deleted" => EventKind::AliasDeleted,
        "model_version_tag.set" => EventKind::TagSet,
        "model_version_tag.deleted" => EventKind::TagDeleted,
        // Models and prompts: stored and shown, and a rule may name them.
        other => EventKind::Other(other.to_owned()),
    }
}

/// Whether it names what its kind is about.
fn is_whole(event: &Event) -> bool {
    let (model, version) = (event.model.name.is_some(), event.version.name.is_some());
    match event.kind {
        EventKind::VersionCreated => model && version,
        EventKind::AliasSet => model && version && event.change.alias.is_some(),
        EventKind::AliasDeleted => model && event.change.alias.is_some(),
        EventKind::TagSet => model && version && event.change.tag.as_ref().is_some_and(|tag| tag.value.is_some()),
        EventKind::TagDeleted => model && version && event.change.tag.is_some(),
        _ => true,
    }
}
