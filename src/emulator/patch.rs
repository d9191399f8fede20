//! Changes to a model or a version: what may be changed, and what a mask means.

use serde_json::{Map, Value, json};

use super::answer::Refusal;
use super::entity::{ModelVersion, RegisteredModel};

/// Something of which people may change some fields.
pub trait Changeable: serde::Serialize {
    const NAME: &'static str;
    /// Fields that are plain strings.
    const TEXTS: &'static [&'static str];
    /// Its other fields that people may change; they are kept as they come.
    const OTHERS: &'static [&'static str];

    fn rest(&mut self) -> &mut Map<String, Value>;

    /// A field was given a value.
    fn given(&mut self, _key: &str) {}
}

impl Changeable for RegisteredModel {
    const NAME: &'static str = "a registered model";
    const TEXTS: &'static [&'static str] = &["description", "readme_text"];
    const OTHERS: &'static [&'static str] = &["labels", "attributes", "visibility"];

    fn rest(&mut self) -> &mut Map<String, Value> {
        &mut self.rest
    }
}

impl Changeable for ModelVersion {
    const NAME: &'static str = "a model version";
    const TEXTS: &'static [&'static str] =
        &["redirect_metadata", "description", "readme_text", "input_description", "experiment_run_id"];
    const OTHERS: &'static [&'static str] = &[
        "labels",
        "model",
        "environment",
        "docker_metadata",
        "artifacts",
        "archived",
        "apis",
        "attributes",
        "lock_level",
        "datasets",
        "code_blob_map",
        "checklist_item_values",
        "custom_attribute_values",
    ];

    fn rest(&mut self) -> &mut Map<String, Value> {
        &mut self.rest
    }

    /// Whoever writes what became of a promotion has heard of it.
    fn given(&mut self, key: &str) {
        self.promoting &= key != "redirect_metadata";
    }
}

/// Sets every field that `changes` has. Labels and attributes come beside those that are there, since Verta's client
/// sends only the new ones.
pub fn unmasked<T: Changeable>(entity: &mut T, changes: Map<String, Value>) -> Result<(), Refusal> {
    changes.into_iter().try_for_each(|(key, value)| {
        let key = snake(&key);
        let value = match (key.as_str(), value) {
            ("labels", Value::Array(new)) => merged(entity.rest().get("labels"), new, |label| label),
            ("attributes", Value::Array(new)) => {
                merged(entity.rest().get("attributes"), new, |attribute| &attribute["key"])
            }
            (_, value) => value,
        };
        set(entity, &key, value)
    })
}

/// Sets the fields that the mask names; one that `changes` does not have is emptied.
pub fn masked<T: Changeable>(entity: &mut T, changes: Map<String, Value>, mask: &Value) -> Result<(), Refusal> {
    let mut changes: Map<String, Value> = changes.into_iter().map(|(key, value)| (snake(&key), value)).collect();
    for path in paths(mask)? {
        let known = T::TEXTS.contains(&path.as_str()) || T::OTHERS.contains(&path.as_str());
        if !known && json!(entity).get(&path).is_none() {
            return Err(Refusal::invalid(format!("{path}: {} has no such field", T::NAME)));
        }
        set(entity, &path, changes.remove(&path).unwrap_or_default())?;
    }
    Ok(())
}

/// Sets every field that may be changed; what `whole` does not have is emptied.
pub fn replaced<T: Changeable>(entity: &mut T, whole: Map<String, Value>) -> Result<(), Refusal> {
    entity.rest().retain(|key, _| !T::TEXTS.contains(&key.as_str()) && !T::OTHERS.contains(&key.as_str()));
    whole.into_iter().try_for_each(|(key, value)| set(entity, &snake(&key), value))
}

/// The old list and the new entries; a new one takes the place of the old one with the same name.
pub fn merged(old: Option<&Value>, new: Vec<Value>, name: fn(&Value) -> &Value) -> Value {
    let mut list = old.and_then(Value::as_array).cloned().unwrap_or_default();
    for entry in new {
        match list.iter_mut().find(|known| name(known) == name(&entry)) {
            Some(known) => *known = entry,
            None => list.push(entry),
        }
    }
    Value::Array(list)
}

/// `{"paths":[…]}`, as Verta's client sends it, or one string with commas, as protobuf's JSON mapping has it.
fn paths(mask: &Value) -> Result<Vec<String>, Refusal> {
    let paths: Option<Vec<String>> = match mask {
        Value::String(text) => Some(text.split(',').filter(|path| !path.is_empty()).map(snake).collect()),
        _ => mask["paths"].as_array().and_then(|paths| paths.iter().map(|path| path.as_str().map(snake)).collect()),
    };
    paths.filter(|paths| !paths.is_empty()).ok_or_else(|| {
        Refusal::invalid(
            "update_mask: it names no field; it is {\"paths\":[\"redirect_metadata\"]} or \"redirectMetadata\"",
        )
    })
}

fn set<T: Changeable>(entity: &mut T, key: &str, value: Value) -> Result<(), Refusal> {
    if T::TEXTS.contains(&key) && !(value.is_string() || value.is_null()) {
        return Err(Refusal::invalid(format!("{key}: it must be a string")));
    }
    // The zero value, which protobuf's JSON leaves out.
    let empty = match &value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(entries) => entries.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    };
    if T::TEXTS.contains(&key) || T::OTHERS.contains(&key) {
        if empty {
            entity.rest().remove(key);
        } else {
            entity.given(key);
            entity.rest().insert(key.to_owned(), value);
        }
        return Ok(());
    }
    // Somebody who sends back the whole of it as it was read changes nothing by that.
    match json!(entity).get(key) {
        Some(standing) if *standing == value || key.starts_with("time_") => Ok(()),
        Some(_) => Err(Refusal::invalid(format!("{key}: it cannot be changed here"))),
        None if empty => Ok(()),
        None => Err(Refusal::invalid(format!("{key}: {} has no such field", T::NAME))),
    }
}

/// Protobuf's JSON takes both spellings of a field's name.
fn snake(key: &str) -> String {
    let mut name = String::with_capacity(key.len());
    for letter in key.chars() {
        if letter.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}
