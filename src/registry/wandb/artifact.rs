//! What W&B says of an artifact now.

use serde::Deserialize;
use serde_json::json;

use super::graphql;
use crate::registry::answer::object;
use crate::registry::object::Object;
use crate::registry::{Exchange, Request, Step};
use crate::{Event, EventKind};

const QUERY: &str = "query Artifact($id: ID!) { artifact(id: $id) { id metadata aliases { alias } tags { name } } }";

/// The answer to any operation: what was asked, or errors, under HTTP's 200.
#[derive(Deserialize)]
pub(super) struct Answer<T> {
    data: Option<T>,
    errors: Option<Vec<serde::de::IgnoredAny>>,
}

#[derive(Deserialize)]
struct Data {
    artifact: Option<Object<Artifact>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Artifact {
    id: String,
    /// A JSON object, as a text.
    pub(super) metadata: Option<String>,
    aliases: Option<Vec<Object<Alias>>>,
    tags: Option<Vec<Object<Named>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Alias {
    alias: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    name: String,
}

impl Artifact {
    fn has_alias(&self, alias: &str) -> bool {
        self.aliases.iter().flatten().any(|Object(row)| row.alias == alias)
    }

    pub(super) fn has_tag(&self, tag: &str) -> bool {
        self.tags.iter().flatten().any(|Object(row)| row.name == tag)
    }
}

/// Asks for the artifact of the event.
pub(super) fn ask(event: &Event) -> Option<Request> {
    Some(graphql(QUERY, &json!({ "id": event.version.id.as_ref()? }), Vec::new()))
}

pub(super) fn nameless() -> String {
    "the event names no artifact: give the automation the payload that is documented".to_owned()
}

/// What was asked. Errors say nothing about what would be answered another time.
pub(super) fn answered<'a, T: Deserialize<'a>>(exchange: &'a Exchange) -> Result<T, Step> {
    let answer: Answer<T> = object(exchange)?;
    match (answer.data, answer.errors) {
        (Some(data), None) => Ok(data),
        (Some(data), Some(errors)) if errors.is_empty() => Ok(data),
        _ => Err(Step::Retry(format!("{} was answered {} with errors", exchange.request, exchange.status))),
    }
}

/// `None`: W&B does not know it.
pub(super) fn read(exchange: &Exchange) -> Result<Option<Artifact>, Step> {
    let artifact = answered::<Data>(exchange)?.artifact.map(|Object(artifact)| artifact);
    Ok(artifact.filter(|artifact| !artifact.id.is_empty()))
}

/// Whether the artifact still has the alias or the tag, or is still there.
pub(in crate::registry) fn confirm(event: &Event, seen: &[Exchange]) -> Step {
    let Some(request) = ask(event) else { return Step::Refused(nameless()) };
    let Some(asked) = seen.first() else { return Step::Send(request) };
    let artifact = match read(asked) {
        Ok(Some(artifact)) => artifact,
        Ok(None) => return Step::Refused("W&B does not know the artifact any more".to_owned()),
        // Whatever it says instead, it does not say that anything was taken back.
        Err(Step::Refused(reason)) => return Step::Retry(reason),
        Err(step) => return step,
    };
    let change = &event.change;
    if let Some(tag) = &change.tag {
        return match (event.kind == EventKind::TagDeleted, artifact.has_tag(&tag.key)) {
            (false, true) | (true, false) => Step::Done,
            (false, false) => Step::Refused(format!("the artifact has no tag {} now", tag.key)),
            (true, true) => Step::Refused(format!("the tag {} is there again", tag.key)),
        };
    }
    match &change.alias {
        Some(alias) if !artifact.has_alias(alias) => Step::Refused(format!("the artifact has no alias {alias} now")),
        _ => Step::Done,
    }
}
