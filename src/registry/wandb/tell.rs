//! The way back: the artifact is read, our keys are merged into its metadata, and a tag says the verdict to who filters by it.
//!
//! Whether W&B merges metadata is not documented, so the whole of it is written, with what other people wrote as they wrote
//! it. Tags are names without dots: `scanrelay-safe`, `scanrelay-unsafe`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use super::artifact::{self, Artifact, answered};
use super::decode::SET;
use super::graphql;
use crate::Event;
use crate::event::Fact;
use crate::plugin::Verdict;
use crate::registry::object::Object;
use crate::registry::told::said;
use crate::registry::{Exchange, Outcome, Request, Step};

const MUTATION: &str =
    "mutation UpdateArtifact($input: UpdateArtifactInput!) { updateArtifact(input: $input) { artifact { id } } }";
const SAFE: &str = "scanrelay-safe";
const UNSAFE: &str = "scanrelay-unsafe";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    update_artifact: Option<Object<Updated>>,
}

#[derive(Deserialize)]
struct Updated {
    #[serde(rename = "artifact")]
    _artifact: Value,
}

pub(in crate::registry) fn next(event: &Event, outcome: &Outcome, seen: &[Exchange]) -> Step {
    let (Some(id), Some(request)) = (&event.version.id, artifact::ask(event)) else {
        return Step::Refused(artifact::nameless());
    };
    let Some((asked, written)) = seen.split_first() else { return Step::Send(request) };
    if let Some(written) = written.first() {
        return match answered::<Data>(written) {
            Ok(Data { update_artifact: Some(_) }) => Step::Done,
            Ok(_) => Step::Retry("W&B answered 2xx and says nothing of the artifact that was to be changed".to_owned()),
            Err(step) => step,
        };
    }
    match artifact::read(asked) {
        Ok(Some(standing)) => match keys(standing.metadata.as_deref().unwrap_or_default()) {
            Some(keys) => change(event, id, outcome, &standing, keys).map_or(Step::Done, Step::Send),
            // Writing ours would take away what others have there.
            None => {
                Step::Refused("the artifact's metadata is no JSON object, and nothing can be added to it".to_owned())
            }
        },
        Ok(None) => Step::Refused("W&B does not know the artifact".to_owned()),
        Err(step) => step,
    }
}

/// `None`: it stands.
fn change(event: &Event, id: &str, outcome: &Outcome, standing: &Artifact, mut keys: Keys) -> Option<Request> {
    let mut differs = false;
    for (key, value) in said(outcome) {
        let old = keys.get(key).and_then(|raw| serde_json::from_str::<String>(raw.get()).ok());
        if old == value {
            continue;
        }
        differs = true;
        match value {
            Some(value) => keys.insert(key.to_owned(), to_raw_value(&value).expect("a text is JSON")),
            None => keys.remove(key),
        };
    }
    let tag = match outcome {
        Outcome::Scanned { verdict: Verdict::Safe, .. } => Some(SAFE),
        Outcome::Scanned { verdict: Verdict::Unsafe, .. } => Some(UNSAFE),
        _ => None,
    };
    // While nobody knows, neither of them is true.
    let scan = matches!(outcome, Outcome::Scanned { .. } | Outcome::Scanning);
    let add: Vec<&str> = tag.into_iter().filter(|tag| !standing.has_tag(tag)).collect();
    let wrong = [SAFE, UNSAFE].into_iter().filter(|each| scan && tag != Some(each) && standing.has_tag(each));
    let delete: Vec<&str> = wrong.collect();
    if !differs && add.is_empty() && delete.is_empty() {
        return None;
    }
    let named = |tags: &[&str]| tags.iter().map(|tag| json!({ "tagName": tag })).collect::<Vec<_>>();
    let mut input = json!({ "artifactID": id });
    if differs {
        input["metadata"] = Value::from(serde_json::to_string(&keys).expect("texts and JSON are JSON"));
    }
    for (field, tags) in [("tagsToAdd", &add), ("tagsToDelete", &delete)] {
        if !tags.is_empty() {
            input[field] = Value::from(named(tags));
        }
    }
    let fact = |tag: &&str, value: &str| Fact::new(event.subject(), format!("tag:{tag}"), value);
    let set = add.iter().map(|tag| fact(tag, SET));
    let writes = set.chain(delete.iter().map(|tag| fact(tag, "")));
    Some(graphql(MUTATION, &json!({ "input": input }), writes.collect()))
}

/// Each key with its value as it is written: a number of any size stays digit by digit.
type Keys = BTreeMap<String, Box<RawValue>>;

/// `None`: it is something else than keys and values, or nothing at all.
fn keys(metadata: &str) -> Option<Keys> {
    if ["", "null"].contains(&metadata.trim()) { Some(Keys::new()) } else { serde_json::from_str(metadata).ok() }
}
