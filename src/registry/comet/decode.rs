//! The body of a delivery: a version of a model, and the stages that it has now.
//!
//! The oldest shape is `{workspaceName, registryModelName, version, stages}`. The newer ones are known by their parts only:
//! an `actionType`, `tags` or a `status` in the place of `stages`, names that the history of a version has, and all of it
//! in the `client_payload` of a GitHub action.

use serde::Deserialize;
use serde_json::Value;

use super::Comet;
use crate::event::Change;
use crate::registry::answer::encoded;
use crate::registry::identity::identity;
use crate::registry::object::Object;
use crate::registry::scalar::Scalar;
use crate::registry::{Reading, Roll, other};
use crate::{BodyError, Event, EventKind, Stage, body};

/// No version has more; what is beyond is not looked at.
const MAX_STAGES: usize = 100;
/// Comet's word for a version that has no status.
const NO_STATUS: &str = "None";
/// Where a change of a status has it, before and after.
const STATUS: &str = "registryModelStatus";

/// Every name that a part has had is a field, since a body may have several of them.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Body {
    /// As in the history of a version.
    action_type: Scalar,
    event_type: Scalar,
    /// GitHub's own spelling.
    #[serde(rename = "event_type")]
    dispatched: Scalar,
    workspace_name: Scalar,
    registry_model_name: Scalar,
    model_name: Scalar,
    registered_model_name: Scalar,
    version: Scalar,
    registry_model_item_version: Scalar,
    stages: Value,
    tags: Value,
    status: Scalar,
    new_value: Value,
    previous_value: Value,
    user_name: Scalar,
    #[serde(rename = "client_payload")]
    client_payload: Option<Box<Object<Self>>>,
}

pub(super) fn read(comet: &Comet, name: &str, body: &[u8]) -> Result<Reading, BodyError> {
    let Some(mut told) = body::read::<Body>(body)? else { return Ok(Reading::of(other(name, "unreadable"))) };
    let dispatched = std::mem::take(&mut told.dispatched).get();
    if let Some(inner) = told.client_payload.take() {
        let Object(inner) = *inner;
        told = inner;
    }
    Ok(told.into_reading(comet, name, dispatched))
}

impl Body {
    fn into_reading(self, comet: &Comet, name: &str, dispatched: Option<String>) -> Reading {
        let word = self.action_type.get().or(self.event_type.get());
        // What a GitHub action's event is called, somebody chose; as a hint it serves where it is a word of Comet's.
        let word = word.or(dispatched.filter(|word| word.starts_with("MODEL_VERSION_")));
        let part = |value: &Value, key: &str| value[key].as_str().map(str::to_owned);
        let status = self.status.get().or_else(|| part(&self.new_value, STATUS));
        let knows_stages = !self.stages.is_null() || !self.tags.is_null() || status.is_some();
        let kind = kind(word.as_deref(), knows_stages);

        let mut event = Event::new(kind, name);
        event.workspace = self.workspace_name.get().or_else(|| comet.workspace.clone());
        event.model.name =
            self.registry_model_name.get().or(self.model_name.get()).or(self.registered_model_name.get());
        event.model.id = identity(event.workspace.as_deref(), event.model.name.as_deref());
        event.version.name = self.version.get().or(self.registry_model_item_version.get());
        event.actor = self.user_name.get().or_else(|| part(&self.new_value, "changedBy"));
        if let (Some(wanted), Some(workspace)) = (&comet.workspace, &event.workspace)
            && wanted != workspace
        {
            event.kind = EventKind::Other("of another workspace".to_owned());
        }
        // What is not so yet, or of no version, has no stage that a rule could take for one.
        if matches!(event.kind, EventKind::Other(_)) {
            return Reading::of(event);
        }

        let stands = [&self.stages, &self.tags].iter().any(|list| !list.is_null());
        let roll =
            Roll::of(&event, stands.then(|| [&self.stages, &self.tags].into_iter().flat_map(names)), status.as_deref());
        let from = part(&self.previous_value, STATUS).filter(|name| name != NO_STATUS).map(|name| Stage::new(&name));
        let by_status = status.filter(|name| name != NO_STATUS).map(|name| Change {
            stage_from: from,
            stage_to: Some(Stage::new(&name)),
            ..Change::default()
        });
        let listed = [&self.stages, &self.tags].into_iter().flat_map(names);
        let changes = by_status.into_iter().chain(listed.map(to)).collect();
        Reading { roll, ..changed(event, changes) }
    }
}

/// An event with its changes, each of them once: of a change of stages the first is its own.
fn changed(mut event: Event, all: Vec<Change>) -> Reading {
    let mut changes: Vec<Change> = Vec::new();
    for change in all {
        if changes.iter().all(|known| known.stage_to != change.stage_to) {
            changes.push(change);
        }
    }
    if event.kind == EventKind::StageChanged && !changes.is_empty() {
        let change = changes.remove(0);
        event = stands(&event, change);
    }
    let also = changes.into_iter().map(|change| stands(&event, change)).collect();
    Reading { also, ..Reading::of(event) }
}

/// The event of a version that has that stage. Each stage has a key of its own: a version may have several, and another
/// that comes or goes is no news of this one.
pub(super) fn stands(event: &Event, change: Change) -> Event {
    let key = prefix(event)
        .zip(change.stage_to.as_ref())
        .map(|(prefix, stage)| [&prefix, &encoded(stage.as_str()), "=set"].concat());
    Event { change, change_key: key, ..event.clone() }
}

/// How the keys of a version's stages begin.
fn prefix(event: &Event) -> Option<String> {
    let (model, version) = (event.model.id.as_ref()?, event.version.name.as_ref()?);
    Some(["stage:", &encoded(model), "/", &encoded(version), "/"].concat())
}

impl Roll {
    /// Of the version that the event is of.
    pub(super) fn of<'a>(
        event: &Event,
        listed: Option<impl Iterator<Item = &'a str>>,
        status: Option<&str>,
    ) -> Option<Self> {
        let key = |name: &str| encoded(Stage::new(name).as_str());
        Some(Self {
            prefix: prefix(event)?,
            listed: listed.map(|names| names.map(key).collect()),
            status: status.map(|name| if name == NO_STATUS { String::new() } else { key(name) }),
        })
    }
}

/// A list of names, or one name. Anything else is none.
pub(super) fn names(value: &Value) -> Vec<&str> {
    let one = value.as_str().into_iter();
    let listed = value.as_array().into_iter().flatten().filter_map(Value::as_str);
    one.chain(listed).filter(|name| !["", NO_STATUS].contains(name)).take(MAX_STAGES).collect()
}

pub(super) fn to(name: &str) -> Change {
    Change { stage_to: Some(Stage::new(name)), ..Change::default() }
}

/// By its word, where there is one; a body that lists stages tells of a change of them whatever it is called.
fn kind(word: Option<&str>, knows_stages: bool) -> EventKind {
    match word {
        Some("MODEL_VERSION_CREATED") => EventKind::VersionCreated,
        Some("MODEL_VERSION_DELETED") => EventKind::VersionDeleted,
        // Somebody asks for a status, and nobody has granted it.
        Some(word @ ("MODEL_VERSION_STATUS_REQUEST_CHANGE" | "MODEL_VERSION_DOWNLOADED")) => {
            EventKind::Other(word.to_owned())
        }
        _ if knows_stages => EventKind::StageChanged,
        Some(word) => EventKind::Other(word.to_owned()),
        None => EventKind::Other("unknown".to_owned()),
    }
}
