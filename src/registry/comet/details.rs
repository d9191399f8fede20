//! What the registry says of a version now: `GET registry-model/item/details`.

use serde::Deserialize;
use serde_json::Value;

use super::decode::names;
use super::get;
use crate::registry::answer::{object, query};
use crate::registry::object::Object;
use crate::registry::{Exchange, Request, Step};
use crate::{Event, EventKind, Stage};

/// A version, as far as it is needed here.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Item {
    pub(super) registry_model_item_id: String,
    pub(super) version: Option<String>,
    pub(super) comment: Option<String>,
    pub(super) status: Value,
    tags: Value,
    /// What older backends call the tags.
    stages: Value,
}

/// How Comet words an error.
#[derive(Deserialize)]
struct Refusal {
    #[serde(rename = "msg")]
    _message: String,
}

/// Why there is no version to read.
pub(super) enum Missing {
    /// Comet says so itself.
    Unknown,
    /// Anything else.
    Otherwise(Step),
}

/// Asks for the version of the event, which has to name all of it.
pub(super) fn ask(event: &Event) -> Option<Request> {
    Some(get(&["registry-model/item/details", &place(event)?].concat()))
}

/// The version of the event, as a query.
pub(super) fn place(event: &Event) -> Option<String> {
    let (workspace, model, version) = (&event.workspace, &event.model.name, &event.version.name);
    Some(query(&[
        ("workspaceName", workspace.as_ref()?),
        ("modelName", model.as_ref()?),
        ("version", version.as_ref()?),
    ]))
}

pub(super) fn nameless() -> String {
    "the event does not name workspace, model and version".to_owned()
}

/// Whether Comet says itself that there is no such thing.
pub(super) fn unknown(exchange: &Exchange) -> bool {
    // Which of the two it answers for what it does not know is not documented. A proxy's own page is neither.
    matches!(exchange.status, 400 | 404) && serde_json::from_slice::<Object<Refusal>>(&exchange.body).is_ok()
}

pub(super) fn read(exchange: &Exchange) -> Result<Item, Missing> {
    if unknown(exchange) {
        return Err(Missing::Unknown);
    }
    let item: Item = object(exchange).map_err(Missing::Otherwise)?;
    if item.registry_model_item_id.is_empty() {
        let reason = format!("{} was answered {} without a version", exchange.request, exchange.status);
        return Err(Missing::Otherwise(Step::Retry(reason)));
    }
    Ok(item)
}

impl Item {
    /// All that counts as a stage, as it is written there; `None` where the registry does not say.
    pub(super) fn words(&self) -> Option<Vec<&str>> {
        let said = [&self.status, &self.stages, &self.tags];
        let known = said.iter().any(|part| !part.is_null());
        known.then(|| said.into_iter().flat_map(names).collect())
    }

    /// All of it but the status.
    pub(super) fn listed(&self) -> impl Iterator<Item = &str> {
        [&self.stages, &self.tags].into_iter().flat_map(names)
    }

    fn stages(&self) -> Option<Vec<Stage>> {
        Some(self.words()?.into_iter().map(Stage::new).collect())
    }
}

/// Whether the version has the stage that the event tells of, or is there at all where it tells of none.
pub(in crate::registry) fn confirm(event: &Event, seen: &[Exchange]) -> Step {
    let Some(request) = ask(event) else { return Step::Refused(nameless()) };
    let Some(asked) = seen.first() else { return Step::Send(request) };
    let gone = event.kind == EventKind::VersionDeleted;
    let item = match read(asked) {
        Ok(item) => item,
        Err(Missing::Unknown) if gone => return Step::Done,
        Err(Missing::Unknown) => {
            return Step::Refused(format!("the registry does not know the version: it answered {}", asked.status));
        }
        // Whatever the registry says instead, it does not say that anything was taken back.
        Err(Missing::Otherwise(Step::Refused(reason))) => return Step::Retry(reason),
        Err(Missing::Otherwise(step)) => return step,
    };
    match (&event.change.stage_to, item.stages()) {
        _ if gone => Step::Refused("the version is still there".to_owned()),
        (None, _) => Step::Done,
        (Some(_), None) => Step::Retry("the registry does not say which stages the version has".to_owned()),
        (Some(wanted), Some(stages)) if stages.contains(wanted) => Step::Done,
        (Some(wanted), Some(stages)) if stages.is_empty() => {
            Step::Refused(format!("the version has no stage now, not {}", wanted.as_str()))
        }
        (Some(wanted), Some(stages)) => {
            let stages: Vec<&str> = stages.iter().map(Stage::as_str).collect();
            Step::Refused(format!("the version is at {} now, not at {}", stages.join(", "), wanted.as_str()))
        }
    }
}
