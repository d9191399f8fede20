//! The body of a delivery.

use serde::Deserialize;

use crate::event::Tag;
use crate::registry::object::Object;
use crate::registry::rule::change_key;
use crate::registry::scalar::Scalar;
use crate::registry::{Reading, other};
use crate::{BodyError, Event, EventKind, Stage, Timestamp, body};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Delivery {
    event: Scalar,
    /// Milliseconds.
    event_timestamp: Scalar,
    model_name: Scalar,
    version: Scalar,
    to_stage: Scalar,
    from_stage: Scalar,
    tags: Option<Vec<Object<TagRow>>>,
    comment: Scalar,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TagRow {
    key: Scalar,
    value: Scalar,
}

pub(in crate::registry) fn read(name: &str, body: &[u8]) -> Result<Reading, BodyError> {
    let delivery = body::read::<Delivery>(body)?;
    Ok(delivery.map_or_else(|| Reading::of(other(name, "unreadable")), |delivery| delivery.into_reading(name)))
}

impl Delivery {
    fn into_reading(self, name: &str) -> Reading {
        let Some(word) = self.event.get() else { return Reading::of(other(name, "unknown")) };
        let mut event = Event::new(kind(&word), name);
        event.occurred_at = self.event_timestamp.get().and_then(|text| text.parse().ok()).map(Timestamp::from_millis);
        event.model.name = self.model_name.get();
        event.version.name = self.version.get();
        if event.model.name.is_none() || (event.version.name.is_none() && event.kind != other(name, &word).kind) {
            event.kind = EventKind::Other(word);
            return Reading::of(event);
        }
        if event.kind == EventKind::StageChanged {
            let named = word.strip_prefix("MODEL_VERSION_TRANSITIONED_TO_").map(Stage::new);
            event.change.stage_to = self.to_stage.get().map(|stage| Stage::new(&stage)).or(named);
            event.change.stage_from = self.from_stage.get().map(|stage| Stage::new(&stage));
        }
        if event.kind == EventKind::Comment {
            event.change.comment = self.comment.text();
        }
        let tags = self.tags.filter(|_| event.kind == EventKind::TagSet).unwrap_or_default();
        let mut events = tags.into_iter().filter_map(|Object(row)| {
            let mut event = event.clone();
            event.change.tag = Some(Tag { key: row.key.get()?, value: Some(row.value.text().unwrap_or_default()) });
            Some(dated(event))
        });
        match events.next() {
            Some(event) => Reading { also: events.collect(), ..Reading::of(event) },
            None => Reading::of(dated(event)),
        }
    }
}

/// With the time in its key: the same state at another time is another change.
fn dated(mut event: Event) -> Event {
    let at = event.occurred_at.map(Timestamp::as_millis);
    event.change_key = change_key(&event).zip(at).map(|(key, at)| format!("{key}@{at}"));
    event
}

/// Requests for a transition are stored and shown; they change no stage yet, so no rule for a stage is about them.
fn kind(word: &str) -> EventKind {
    match word {
        "MODEL_VERSION_CREATED" => EventKind::VersionCreated,
        "MODEL_VERSION_TAG_SET" => EventKind::TagSet,
        "COMMENT_CREATED" => EventKind::Comment,
        word if word.starts_with("MODEL_VERSION_TRANSITIONED_") => EventKind::StageChanged,
        word => EventKind::Other(word.to_owned()),
    }
}
