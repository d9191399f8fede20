//! Our keys in a version's metadata. Of what stands there already nothing is written again, so that a retry changes
//! nothing.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{get, post};
use crate::registry::object::Object;
use crate::registry::told::said;
use crate::registry::{Outcome, Request};

/// `GET registry-model/item/{id}/metadata`.
#[derive(Deserialize)]
pub(super) struct Metadata {
    #[serde(default)]
    metadata: Option<Vec<Object<Entry>>>,
}

#[derive(Deserialize)]
struct Entry {
    key: String,
    #[serde(default)]
    value: Value,
}

/// Every key with its value, whatever that is.
pub(super) type Entries = BTreeMap<String, Value>;

impl Metadata {
    pub(super) fn entries(self) -> Entries {
        let entries = self.metadata.unwrap_or_default().into_iter();
        entries.map(|Object(Entry { key, value })| (key, value)).collect()
    }
}

pub(super) fn read(item: &str) -> Request {
    get(&format!("registry-model/item/{item}/metadata"))
}

pub(super) fn write(item: &str, entries: &Entries) -> Request {
    let list: Vec<Value> = entries.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
    // Comet tells nobody of a change of metadata.
    post(&format!("write/registry-model/item/{item}/metadata"), &json!({ "metadata": list }), Vec::new())
}

/// Of what the outcome says, that which does not stand. What it does not say and an earlier one did becomes empty: there
/// is no call that removes a key, and an old link beside a new verdict would be a lie.
pub(super) fn differing(outcome: &Outcome, standing: &Entries) -> Entries {
    let said = said(outcome).into_iter().filter_map(|(key, value)| {
        let old = standing.get(key).and_then(Value::as_str);
        let differs = match &value {
            Some(value) => old != Some(value),
            None => old.is_some_and(|old| !old.is_empty()),
        };
        differs.then(|| (key.to_owned(), Value::from(value.unwrap_or_default())))
    });
    said.collect()
}
