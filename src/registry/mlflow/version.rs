//! What the registry says of a version now: `model-versions/get`, and `registered-models/alias` for who an alias points to.

use serde::Deserialize;

use super::{API, get};
use crate::registry::answer::{object, query};
use crate::registry::object::Object;
use crate::registry::scalar::Scalar;
use crate::registry::{Exchange, Request, Step};
use crate::{Event, EventKind, Stage};

#[derive(Deserialize)]
struct GetModelVersion {
    model_version: Object<ModelVersion>,
}

/// A version, as far as it is needed here. Empty lists are left out of an answer.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::registry) struct ModelVersion {
    name: Scalar,
    version: Scalar,
    current_stage: Scalar,
    pub(in crate::registry) tags: Vec<Object<TagRow>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::registry) struct TagRow {
    pub(in crate::registry) key: String,
    pub(in crate::registry) value: String,
}

impl ModelVersion {
    pub(in crate::registry) fn tag(&self, key: &str) -> Option<&str> {
        self.tags.iter().find(|Object(tag)| tag.key == key).map(|Object(tag)| tag.value.as_str())
    }
}

/// How MLflow words an error.
#[derive(Deserialize)]
struct Refusal {
    error_code: String,
}

/// Why there is no version to read.
pub(in crate::registry) enum Missing {
    /// MLflow says so itself.
    Unknown,
    /// Anything else.
    Otherwise(Step),
}

/// Asks for the version of the event, which has to name all of it.
pub(in crate::registry) fn ask(event: &Event) -> Option<Request> {
    let (name, version) = (event.model.name.as_ref()?, event.version.name.as_ref()?);
    Some(get([API, "model-versions/get", &query(&[("name", name), ("version", version)])].concat()))
}

pub(in crate::registry) fn nameless() -> String {
    "the event does not name model and version".to_owned()
}

pub(in crate::registry) fn read(exchange: &Exchange) -> Result<ModelVersion, Missing> {
    if is_unknown(exchange) {
        return Err(Missing::Unknown);
    }
    let answer: GetModelVersion = object(exchange).map_err(Missing::Otherwise)?;
    Ok(answer.model_version.0)
}

/// A 404 of MLflow itself says that there is none; that of a proxy says nothing. An alias that is not there is a 400 with
/// `INVALID_PARAMETER_VALUE`, and so is a version that is no number.
fn is_unknown(exchange: &Exchange) -> bool {
    let code = || serde_json::from_slice::<Object<Refusal>>(&exchange.body).map(|Object(refusal)| refusal.error_code);
    match exchange.status {
        404 => code().is_ok_and(|code| code == "RESOURCE_DOES_NOT_EXIST"),
        400 => code().is_ok_and(|code| matches!(code.as_str(), "INVALID_PARAMETER_VALUE" | "RESOURCE_DOES_NOT_EXIST")),
        _ => false,
    }
}

/// Whether what the event tells of is still so.
pub(in crate::registry) fn confirm(event: &Event, seen: &[Exchange]) -> Step {
    let alias = event.change.alias.as_deref();
    let request = match (alias, &event.model.name) {
        (Some(alias), Some(name)) => {
            Some(get([API, "registered-models/alias", &query(&[("name", name), ("alias", alias)])].concat()))
        }
        _ => ask(event),
    };
    let Some(request) = request else { return Step::Refused(nameless()) };
    let Some(asked) = seen.first() else { return Step::Send(request) };
    let gone = matches!(event.kind, EventKind::AliasDeleted | EventKind::VersionDeleted);
    let version = match read(asked) {
        Ok(version) => version,
        Err(Missing::Unknown) if gone => return Step::Done,
        Err(Missing::Unknown) => {
            return Step::Refused(match alias {
                Some(alias) => format!("the registry knows no such model, or no alias {alias} of it"),
                None => "the registry does not know the version".to_owned(),
            });
        }
        // Whatever it says instead, it does not say that anything was taken back.
        Err(Missing::Otherwise(Step::Refused(reason))) => return Step::Retry(reason),
        Err(Missing::Otherwise(step)) => return step,
    };
    if gone {
        return Step::Refused("it is there again".to_owned());
    }
    stands(event, version)
}

fn stands(event: &Event, version: ModelVersion) -> Step {
    let change = &event.change;
    if let Some(tag) = &change.tag {
        let now = version.tag(&tag.key);
        return match (event.kind == EventKind::TagDeleted, now) {
            (true, None) => Step::Done,
            (true, Some(_)) => Step::Refused(format!("the tag {} is there again", tag.key)),
            (false, Some(now)) if Some(now) == tag.value.as_deref() => Step::Done,
            (false, Some(_)) => Step::Refused(format!("the tag {} has another value now", tag.key)),
            (false, None) => Step::Refused(format!("the version has no tag {} now", tag.key)),
        };
    }
    if let Some(stage) = &change.stage_to {
        return match version.current_stage.get() {
            Some(now) if Stage::new(&now) == *stage => Step::Done,
            Some(now) => {
                Step::Refused(format!("the version is at {} now, not at {}", Stage::new(&now).as_str(), stage.as_str()))
            }
            None => Step::Retry("the registry does not say at which stage the version is".to_owned()),
        };
    }
    match (version.name.get(), version.version.get()) {
        (Some(name), Some(number)) => {
            if Some(&number) == event.version.name.as_ref() && Some(&name) == event.model.name.as_ref() {
                Step::Done
            } else {
                Step::Refused(format!("it points to version {number} now"))
            }
        }
        _ => Step::Retry("the registry's answer does not say which version it is of".to_owned()),
    }
}
