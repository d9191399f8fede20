//! The body of a delivery: our template, or that of W&B's documentation.

use base64ct::{Base64, Encoding as _};
use serde::Deserialize;

use crate::event::Tag;
use crate::registry::object::Object;
use crate::registry::other;
use crate::registry::scalar::Scalar;
use crate::{BodyError, Event, EventKind, body};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Delivery {
    scanrelay: Scalar,
    event_type: Scalar,
    #[serde(flatten)]
    flat: Facts,
    client_payload: Option<Object<Facts>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Facts {
    #[serde(alias = "event_author")]
    author: Scalar,
    alias: Scalar,
    tag: Scalar,
    #[serde(alias = "artifact_collection_name")]
    collection: Scalar,
    #[serde(alias = "artifact_version")]
    artifact_id: Scalar,
    #[serde(alias = "artifact_version_string")]
    artifact: Scalar,
    #[serde(alias = "project_name")]
    project: Scalar,
    #[serde(alias = "entity_name")]
    entity: Scalar,
}

/// The value of a tag that is there.
pub(super) const SET: &str = "set";

pub(in crate::registry) fn read(name: &str, body: &[u8]) -> Result<Event, BodyError> {
    let delivery = body::read::<Delivery>(body)?;
    Ok(delivery.map_or_else(|| other(name, "unreadable"), |delivery| delivery.into_event(name)))
}

impl Delivery {
    fn into_event(self, name: &str) -> Event {
        let Some(word) = said(self.event_type) else {
            let is_empty = self.scanrelay.get().is_none() && self.client_payload.is_none() && self.flat.is_empty();
            // The test button of an automation without a payload.
            return if is_empty { Event::new(EventKind::Test, name) } else { other(name, "unknown") };
        };
        let facts = self.client_payload.map_or(self.flat, |Object(facts)| facts);
        let mut event = Event::new(kind(&word), name);
        event.workspace = match (said(facts.entity), said(facts.project)) {
            (Some(entity), Some(project)) => Some([entity.as_str(), "/", &project].concat()),
            (entity, _) => entity,
        };
        event.actor = said(facts.author);
        event.model.name = said(facts.collection);
        event.version.id = said(facts.artifact_id).as_deref().and_then(graph_id);
        event.version.name = said(facts.artifact);
        let (alias, tag) = (said(facts.alias), said(facts.tag));
        let is_about = |kind: &EventKind, part: bool| event.kind == *kind && part;
        let whole = event.version.id.is_some()
            && (is_about(&EventKind::VersionCreated, true)
                || is_about(&EventKind::AliasSet, alias.is_some())
                || is_about(&EventKind::TagSet, tag.is_some())
                || is_about(&EventKind::TagDeleted, tag.is_some()));
        event.change.alias = alias;
        // A tag of W&B's is a name: it is set, or it is gone.
        let value = (event.kind == EventKind::TagSet).then(|| SET.to_owned());
        event.change.tag = tag.map(|key| Tag { key, value });
        if !whole {
            event.kind = EventKind::Other(word);
        }
        event
    }
}

impl Facts {
    fn is_empty(&self) -> bool {
        let all = [&self.author, &self.alias, &self.tag, &self.collection, &self.artifact_id, &self.artifact];
        all.into_iter().chain([&self.project, &self.entity]).all(Scalar::is_absent)
    }
}

fn kind(word: &str) -> EventKind {
    match word {
        "LINK_ARTIFACT" | "LINK_MODEL" => EventKind::VersionCreated,
        "ADD_ARTIFACT_ALIAS" => EventKind::AliasSet,
        "ADD_ARTIFACT_TAG" => EventKind::TagSet,
        "REMOVE_ARTIFACT_TAG" => EventKind::TagDeleted,
        other => EventKind::Other(other.to_owned()),
    }
}

/// A value that was substituted: a variable that an event has not stays as it was typed.
fn said(value: Scalar) -> Option<String> {
    value.get().filter(|text| !text.starts_with("${"))
}

/// `wandb-artifact://_id/QXJ0aWZhY3Q6NTE3ODg5ODg3`, or the id alone: base64 of `Artifact:NUMBER`.
fn graph_id(text: &str) -> Option<String> {
    let id = text.strip_prefix("wandb-artifact://_id/").unwrap_or(text);
    let decoded = Base64::decode_vec(id).ok()?;
    let number = decoded.strip_prefix(b"Artifact:")?;
    (!number.is_empty() && number.iter().all(u8::is_ascii_digit)).then(|| id.to_owned())
}
