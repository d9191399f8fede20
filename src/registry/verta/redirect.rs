//! The redirect metadata of a model version: read, merged, written. And the question whether it still has its stage.
//!
//! Sources: `ModelVersion.redirect_metadata` (a plain string) and the form of the call in Verta's public client. The
//! string's inner format is not documented: it is a JSON object made by a configurable template, and the keys that other
//! people wrote into it stay.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use super::{Mask, Verta, WriteBack, request};
use crate::Event;
use crate::plugin::Status;
use crate::registry::answer::{object, segment};
use crate::registry::object::Object;
use crate::registry::{Exchange, Outcome, Request, Step};

#[derive(Deserialize)]
struct GetModelVersion {
    #[serde(alias = "modelVersion")]
    model_version: Object<ModelVersion>,
}

#[derive(Deserialize)]
struct ModelVersion {
    #[serde(default, alias = "registeredModelId")]
    registered_model_id: Value,
    #[serde(default)]
    stage: Value,
    #[serde(default, alias = "redirectMetadata")]
    redirect_metadata: Option<String>,
}

/// The answer to a change may be the version, or say nothing.
#[derive(Deserialize)]
struct Changed {
    #[serde(default, alias = "modelVersion")]
    model_version: Option<Object<ModelVersion>>,
}

pub(super) fn next(verta: &Verta, event: &Event, outcome: &Outcome, seen: &[Exchange]) -> Step {
    let Some(id) = event.version.id.as_deref().and_then(segment) else {
        return Step::Refused("the event names no model version that a path can hold".to_owned());
    };
    let [read, rest @ ..] = seen else { return Step::Send(read(&id)) };
    let version = match object::<GetModelVersion>(read) {
        Ok(GetModelVersion { model_version: Object(version) }) => version,
        Err(step) => return step,
    };
    let standing = version.redirect_metadata.as_deref().unwrap_or_default();
    let wanted = merged(&verta.write_back, standing, outcome);
    match rest {
        [] if same(standing, &wanted) => Step::Done,
        [] => {
            match text(&version.registered_model_id).or_else(|| event.model.id.clone()).as_deref().and_then(segment) {
                Some(model) => Step::Send(change(&verta.write_back, &model, &id, &wanted)),
                None => {
                    Step::Refused("neither the event nor the registry names a model that a path can hold".to_owned())
                }
            }
        }
        [written, ..] => match object::<Changed>(written) {
            Err(step) => step,
            Ok(Changed { model_version: Some(Object(now)) })
                if now.redirect_metadata.as_deref().is_some_and(|stands| !same(stands, &wanted)) =>
            {
                Step::Retry("the registry answered 2xx, but the redirect metadata does not stand as written".to_owned())
            }
            Ok(_) => Step::Done,
        },
    }
}

pub(in crate::registry) fn confirm(event: &Event, seen: &[Exchange]) -> Step {
    let (Some(id), Some(wanted)) = (event.version.id.as_deref().and_then(segment), &event.change.stage_to) else {
        return Step::Refused("the event names no version or no stage to confirm".to_owned());
    };
    let Some(asked) = seen.first() else { return Step::Send(read(&id)) };
    if asked.status == 404 {
        return Step::Refused("the registry does not know the version any more".to_owned());
    }
    match object::<GetModelVersion>(asked) {
        // Whatever the registry says instead, it does not say that the promotion was taken back.
        Err(Step::Refused(reason)) => Step::Retry(reason),
        Err(step) => step,
        Ok(answer) => match super::decode::stage_of(&answer.model_version.0.stage) {
            Some(stage) if stage == *wanted => Step::Done,
            Some(stage) => {
                Step::Refused(format!("the version is at {} now, not at {}", stage.as_str(), wanted.as_str()))
            }
            None => Step::Refused(format!("the version has no stage now, not {}", wanted.as_str())),
        },
    }
}

fn read(id: &str) -> Request {
    request("GET", format!("/api/v1/registry/model_versions/{id}"), None)
}

fn change(write_back: &WriteBack, model: &str, id: &str, metadata: &str) -> Request {
    let path = format!("/api/v1/registry/registered_models/{model}/model_versions/{id}");
    let changes = json!({ "redirect_metadata": metadata });
    if !write_back.masked {
        return request(&write_back.redirect_method, path, Some(&changes));
    }
    let mask = match write_back.mask {
        Mask::Paths => json!({ "paths": ["redirect_metadata"] }),
        Mask::Text => json!("redirectMetadata"),
    };
    let body = json!({ "model_version": changes, "update_mask": mask });
    request(&write_back.redirect_method, format!("{path}/full_body"), Some(&body))
}

/// What stands, with our keys set anew and everybody else's kept. What is no JSON object cannot be kept.
fn merged(write_back: &WriteBack, standing: &str, outcome: &Outcome) -> String {
    let mut keys = keys(standing).unwrap_or_default();
    let (status, url, summary) = match outcome {
        Outcome::Promoted { status: Status::Complete, url, summary } => {
            (&write_back.complete, url.as_deref(), summary.as_deref())
        }
        Outcome::Promoted { url, summary, .. } => (&write_back.failed, url.as_deref(), summary.as_deref()),
        _ => (&write_back.in_progress, None, None),
    };
    for (key, template) in &write_back.redirect {
        match filled(template, &[("{status}", Some(status.as_str())), ("{url}", url), ("{summary}", summary)]) {
            Some(text) => keys.insert(key.clone(), to_raw_value(&text).expect("a text is JSON")),
            None => keys.remove(key),
        };
    }
    serde_json::to_string(&keys).expect("texts and JSON are JSON")
}

/// Each key with its value as it is written: a number of any size stays digit by digit.
fn keys(metadata: &str) -> Option<BTreeMap<String, Box<RawValue>>> {
    serde_json::from_str(metadata).ok()
}

/// The template in one pass, so that a value that looks like a placeholder stays a value; `None` when one is missing.
fn filled(template: &str, values: &[(&str, Option<&str>)]) -> Option<String> {
    let mut text = String::new();
    let mut rest = template;
    loop {
        let next = values.iter().filter_map(|(name, value)| Some((rest.find(name)?, name.len(), value))).min();
        let Some((at, length, value)) = next else { break };
        text.push_str(&rest[..at]);
        text.push_str((*value)?);
        rest = &rest[at + length..];
    }
    text.push_str(rest);
    Some(text)
}

/// Whether two metadata strings say the same, whatever the order of their keys.
fn same(standing: &str, wanted: &str) -> bool {
    let (Some(standing), Some(wanted)) = (keys(standing), keys(wanted)) else { return false };
    let value = |raw: &RawValue| serde_json::from_str::<Value>(raw.get()).ok();
    // Text first: a value that is too deep for `Value` is still the same as itself.
    let equal = |a: &RawValue, b: &RawValue| a.get() == b.get() || value(a).is_some_and(|a| value(b) == Some(a));
    standing.keys().eq(wanted.keys()) && standing.values().zip(wanted.values()).all(|(a, b)| equal(a, b))
}

/// An id: protobuf's JSON writes a string, other producers a number.
pub(super) fn text(id: &Value) -> Option<String> {
    match id {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
