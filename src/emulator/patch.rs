//! Changes to a model version: what may be changed, and what a mask means.

use serde_json::{Map, Value, json};

use super::answer::Refusal;
use super::entity::ModelVersion;

/// Fields of `ModelVersion` that are plain strings.
const TEXTS: [&str; 5] = ["redirect_metadata", "description", "readme_text", "input_description", "experiment_run_id"];
/// Its other fields that people may change; they are kept as they come.
const OTHERS: [&str; 13] = [
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

/// Sets every field that `changes` has.
pub fn unmasked(version: &mut ModelVersion, changes: Map<String, Value>) -> Result<(), Refusal> {
    changes.into_iter().try_for_each(|(key, value)| set(version, &snake(&key), value))
}

/// Sets the fields that the mask names; one that `changes` does not have is emptied.
pub fn masked(version: &mut ModelVersion, changes: Map<String, Value>, mask: &Value) -> Result<(), Refusal> {
    let mut changes: Map<String, Value> = changes.into_iter().map(|(key, value)| (snake(&key), value)).collect();
    for path in paths(mask)? {
        set(version, &path, changes.remove(&path).unwrap_or_default())?;
    }
    Ok(())
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

fn set(version: &mut ModelVersion, key: &str, value: Value) -> Result<(), Refusal> {
    if TEXTS.contains(&key) && !(value.is_string() || value.is_null()) {
        return Err(Refusal::invalid(format!("{key}: it must be a string")));
    }
    if TEXTS.contains(&key) || OTHERS.contains(&key) {
        if value.is_null() || value == "" {
            // The zero value, which protobuf's JSON leaves out.
            version.rest.remove(key);
        } else {
            version.promoting &= key != "redirect_metadata";
            version.rest.insert(key.to_owned(), value);
        }
        return Ok(());
    }
    // Somebody who sends back the whole version as it was read changes nothing by that.
    match json!(version).get(key) {
        Some(standing) if *standing == value || key.starts_with("time_") => Ok(()),
        Some(_) => Err(Refusal::invalid(format!("{key}: it cannot be changed here"))),
        None => Err(Refusal::invalid(format!("{key}: a model version has no such field"))),
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
