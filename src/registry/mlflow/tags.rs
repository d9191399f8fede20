//! The way back: the version is read, and each tag of ours that says something else is set or taken away.
//!
//! MLflow tells of every tag that is set, even to the value that it has; so nothing is set that stands.

use serde_json::{Value, json};

use super::API;
use super::version::{self, Missing, ModelVersion};
use crate::Event;
use crate::event::Fact;
use crate::plugin::Verdict;
use crate::registry::answer::object;
use crate::registry::told::said;
use crate::registry::{Exchange, Outcome, Request, Step};

/// MLflow takes tags of 100,000 characters; older databases of 5,000.
const MAX_VALUE: usize = 5000;

/// The next step towards tags that say the outcome.
pub(in crate::registry) fn tell(event: &Event, outcome: &Outcome, seen: &[Exchange]) -> Step {
    let Some(request) = version::ask(event) else { return Step::Refused(version::nameless()) };
    let Some((asked, written)) = seen.split_first() else { return Step::Send(request) };
    let standing = match version::read(asked) {
        Ok(standing) => standing,
        Err(Missing::Unknown) => return Step::Refused("the registry does not know the version".to_owned()),
        Err(Missing::Otherwise(step)) => return step,
    };
    // An answer to a write says nothing but that it was taken.
    if let Some(step) = written.iter().find_map(|written| object::<Value>(written).err()) {
        return step;
    }
    let next = differing(outcome, &standing).into_iter().nth(written.len());
    next.map_or(Step::Done, |(key, value)| Step::Send(change(event, key, value)))
}

/// Our tags that are to be set or, without a value, taken away. Whoever waits for `safe` reads the verdict, so a worse one is
/// written before everything that belongs to it, and `safe` after.
fn differing(outcome: &Outcome, standing: &ModelVersion) -> Vec<(&'static str, Option<String>)> {
    let cut = |value: String| value.chars().take(MAX_VALUE).collect::<String>();
    let said = said(outcome).into_iter().map(|(key, value)| (key, value.map(cut)));
    let mut differing: Vec<_> = said.filter(|(key, value)| standing.tag(key) != value.as_deref()).collect();
    if matches!(outcome, Outcome::Scanned { verdict: Verdict::Safe, .. }) {
        differing.reverse();
    }
    differing
}

fn change(event: &Event, key: &str, value: Option<String>) -> Request {
    let (name, version) = (&event.model.name, &event.version.name);
    let fact = Fact::new(event.subject(), format!("tag:{key}"), value.clone().unwrap_or_default());
    let (method, path, body) = match value {
        Some(value) => {
            ("POST", "model-versions/set-tag", json!({ "name": name, "version": version, "key": key, "value": value }))
        }
        None => ("DELETE", "model-versions/delete-tag", json!({ "name": name, "version": version, "key": key })),
    };
    Request { method: method.to_owned(), path: [API, path].concat(), body: Some(body.to_string()), writes: vec![fact] }
}
