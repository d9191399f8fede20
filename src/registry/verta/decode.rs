//! The body of a delivery: `ai.verta.events.CreateEventRequest` as any protobuf-JSON producer may write it.
//!
//! Names in `snake_case` or `camelCase`, integers as numbers or strings, enums as names or numbers, zero values left out,
//! unknown fields ignored. A missing `event_type` is therefore the zero value CREATE, and never a promotion.

use serde::Deserialize;

use crate::registry::object::Object;
use crate::registry::other;
use crate::registry::scalar::Scalar;
use crate::{BodyError, Event, EventKind, Stage, Timestamp, body};

const EVENT_TYPES: [&str; 6] = ["CREATE", "READ", "UPDATE", "DELETE", "PROMOTE", "REQUEST_SCAN"];
const STAGES: [&str; 6] = ["UNKNOWN", "DEVELOPMENT", "STAGING", "PRODUCTION", "ARCHIVED", "UNASSIGNED"];

#[derive(Default, Deserialize)]
#[serde(default)]
struct CreateEventRequest {
    #[serde(alias = "eventUuid")]
    event_uuid: Scalar,
    #[serde(alias = "eventType")]
    event_type: Scalar,
    #[serde(alias = "workspaceId")]
    workspace_id: Scalar,
    timestamp: Scalar,
    #[serde(alias = "originalEntity")]
    original_entity: Option<Object<Entity>>,
    #[serde(alias = "newEntity")]
    new_entity: Option<Object<Entity>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entity {
    #[serde(alias = "registeredModel")]
    registered_model: Option<Object<RegisteredModel>>,
    #[serde(alias = "modelVersion")]
    model_version: Option<Object<ModelVersion>>,
    #[serde(alias = "scanRequest")]
    scan_request: Option<Object<ScanRequest>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RegisteredModel {
    id: Scalar,
    name: Scalar,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ModelVersion {
    id: Scalar,
    #[serde(alias = "registeredModelId")]
    registered_model_id: Scalar,
    version: Scalar,
    stage: Scalar,
}

/// These names are camelCase in the protobuf definition itself, so that is what both spellings of JSON have.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ScanRequest {
    #[serde(rename = "buildId", alias = "build_id")]
    build_id: Scalar,
    #[serde(rename = "imageUrl", alias = "image_url")]
    image_url: Scalar,
}

pub(in crate::registry) fn parse(name: &str, body: &[u8]) -> Event {
    match serde_json::from_slice::<CreateEventRequest>(body) {
        Ok(request) => request.into_event(name),
        Err(_) => other(name, "unreadable"),
    }
}

/// The same of a body that is checked, too.
pub(in crate::registry) fn read(name: &str, body: &[u8]) -> Result<Event, BodyError> {
    let request = body::read::<CreateEventRequest>(body)?;
    Ok(request.map_or_else(|| other(name, "unreadable"), |request| request.into_event(name)))
}

impl CreateEventRequest {
    fn into_event(self, name: &str) -> Event {
        let event_type = self.event_type.name(&EVENT_TYPES).unwrap_or_else(|| "CREATE".to_owned());
        let entity = |entity: Option<Object<Entity>>| entity.map(|Object(entity)| entity).unwrap_or_default();
        let new = entity(self.new_entity);
        let old = entity(self.original_entity);
        let subject =
            if event_type == "DELETE" && new.model_version.is_none() { old.model_version.as_ref() } else { None };
        let deleted = subject.is_some();

        let mut event = other(name, &event_type);
        event.id = self.event_uuid.get();
        event.workspace = self.workspace_id.get();
        event.occurred_at = self.timestamp.get().and_then(|text| moment(&text));
        let old_stage = match old.model_version {
            Some(Object(version)) if deleted => {
                set_version(&mut event, version);
                None
            }
            Some(Object(version)) => stage(version.stage),
            None => None,
        };
        if let Some(Object(model)) = new.registered_model.or(old.registered_model) {
            event.model.id = model.id.get();
            event.model.name = model.name.get();
        }
        if let Some(Object(version)) = new.model_version {
            event.change.stage_to = set_version(&mut event, version);
        }
        if let Some(Object(scan)) = new.scan_request {
            event.build.id = scan.build_id.get();
            event.build.image = scan.image_url.get();
        }
        event.kind = kind(&event_type, &event, old_stage.as_ref());
        if matches!(event.kind, EventKind::Promotion | EventKind::StageChanged) {
            event.change.stage_from = old_stage;
        }
        event.change_key = change_key(&event);
        event
    }
}

/// By event type and by which entity is there; the resource type is not to be relied on.
fn kind(event_type: &str, event: &Event, old_stage: Option<&Stage>) -> EventKind {
    let version = event.version.id.is_some();
    match event_type {
        "PROMOTE" if version => EventKind::Promotion,
        "REQUEST_SCAN" if event.build.id.is_some() => EventKind::ScanRequest,
        "CREATE" if version => EventKind::VersionCreated,
        "DELETE" if version => EventKind::VersionDeleted,
        "UPDATE" if version && old_stage.is_some() && old_stage != event.change.stage_to.as_ref() => {
            EventKind::StageChanged
        }
        other => EventKind::Other(other.to_owned()),
    }
}

/// Takes the version's facts into the event and gives its stage.
fn set_version(event: &mut Event, version: ModelVersion) -> Option<Stage> {
    event.version.id = version.id.get();
    event.version.name = version.version.get();
    if let Some(model) = version.registered_model_id.get() {
        event.model.id = Some(model);
    }
    stage(version.stage)
}

/// The stage in an answer of the registry.
pub(super) fn stage_of(value: &serde_json::Value) -> Option<Stage> {
    stage(Scalar::deserialize(value).unwrap_or_default())
}

fn stage(scalar: Scalar) -> Option<Stage> {
    scalar.name(&STAGES).filter(|name| name != "UNKNOWN").map(|name| Stage::new(&name))
}

/// The unit is not documented; other times of Verta's are milliseconds, and seconds would be smaller than a million million.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    let number: i64 = text.parse().ok()?;
    match number {
        ..=0 => None,
        1..=1_000_000_000_000 => number.checked_mul(1000).map(Timestamp::from_millis),
        _ => Some(Timestamp::from_millis(number)),
    }
}

/// Without the time: how things stand is asked for without one, too.
pub(super) fn change_key(event: &Event) -> Option<String> {
    let state = match (&event.kind, &event.change.stage_to) {
        (EventKind::VersionCreated, _) => return Some(["created:", &event.subject(), "="].concat()),
        (EventKind::Promotion | EventKind::StageChanged, Some(stage)) => stage.as_str(),
        (EventKind::ScanRequest, _) => "scan",
        _ => return None,
    };
    Some([&event.subject(), "=", state].concat())
}
