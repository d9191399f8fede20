//! What an MLflow server knows: models with their versions and aliases, files, and who hears of changes.

use std::collections::BTreeMap;

use actix_web::web::Bytes;
use serde_json::{Value, json};

use super::answer::Refusal;
use super::asked::Tags;
use super::hooks::Hooks;

#[derive(Default)]
pub struct Mlflow {
    /// By name.
    pub models: BTreeMap<String, Model>,
    pub hooks: Hooks,
    /// By path in the artifact service.
    pub files: BTreeMap<String, Bytes>,
}

pub struct Model {
    pub name: String,
    pub description: String,
    pub tags: Tags,
    /// By number.
    pub versions: BTreeMap<u64, Version>,
    pub aliases: BTreeMap<String, u64>,
    /// The last number that was given: none is given twice.
    pub given: u64,
    pub created: u64,
    pub updated: u64,
}

#[derive(Clone)]
pub struct Version {
    pub number: u64,
    pub description: Option<String>,
    pub source: String,
    /// Empty where there is none.
    pub run_id: String,
    pub run_link: String,
    pub stage: &'static str,
    pub tags: Tags,
    pub created: u64,
    pub updated: u64,
}

pub const NO_STAGE: &str = "None";
pub const ARCHIVED: &str = "Archived";
pub const STAGES: [&str; 4] = [NO_STAGE, "Staging", "Production", ARCHIVED];

impl Mlflow {
    pub fn model(&self, name: &str) -> Result<&Model, Refusal> {
        self.models.get(name).ok_or_else(|| no_model(name))
    }

    pub fn model_mut(&mut self, name: &str) -> Result<&mut Model, Refusal> {
        self.models.get_mut(name).ok_or_else(|| no_model(name))
    }

    /// A model that is not there has no version, which is what MLflow says then.
    pub fn version(&self, name: &str, version: &str) -> Result<(&Model, &Version), Refusal> {
        let number = number(version)?;
        let found = self.models.get(name).and_then(|model| Some((model, model.versions.get(&number)?)));
        found.ok_or_else(|| no_version(name, version))
    }

    pub fn version_mut(&mut self, name: &str, version: &str) -> Result<&mut Version, Refusal> {
        let number = number(version)?;
        let found = self.models.get_mut(name).and_then(|model| model.versions.get_mut(&number));
        found.ok_or_else(|| no_version(name, version))
    }
}

fn number(version: &str) -> Result<u64, Refusal> {
    let parsed = version.parse();
    parsed.map_err(|_| Refusal::invalid(format!("Parameter 'version' must be an integer, got '{version}'.")))
}

fn no_model(name: &str) -> Refusal {
    Refusal::unknown(format!("Registered Model with name={name} not found"))
}

fn no_version(name: &str, version: &str) -> Refusal {
    Refusal::unknown(format!("Model Version (name={name}, version={version}) not found"))
}

impl Model {
    pub fn to_json(&self) -> Value {
        let aliases =
            self.aliases.iter().map(|(alias, number)| json!({ "alias": alias, "version": number.to_string() }));
        let mut model = json!({
            "name": self.name, "creation_timestamp": self.created, "last_updated_timestamp": self.updated,
        });
        if !self.description.is_empty() {
            model["description"] = json!(self.description);
        }
        add_list(&mut model, "tags", self.tags.iter().map(tag).collect());
        add_list(&mut model, "aliases", aliases.collect());
        add_list(&mut model, "latest_versions", self.latest());
        model
    }

    /// The last version at each stage.
    pub fn latest(&self) -> Vec<Value> {
        let at = |stage: &&str| self.versions.values().rev().find(|version| version.stage == *stage);
        STAGES.iter().filter_map(at).map(|version| version.to_json(&self.name)).collect()
    }

    pub fn version_json(&self, version: &Version) -> Value {
        let mut told = version.to_json(&self.name);
        let aliases = self.aliases.iter().filter(|(_, number)| **number == version.number);
        add_list(&mut told, "aliases", aliases.map(|(alias, _)| json!(alias)).collect());
        told
    }
}

impl Version {
    /// Without its aliases.
    pub fn to_json(&self, model: &str) -> Value {
        let mut version = json!({
            "name": model, "version": self.number.to_string(), "creation_timestamp": self.created,
            "last_updated_timestamp": self.updated, "current_stage": self.stage, "source": self.source,
            "run_id": self.run_id, "run_link": self.run_link, "status": "READY",
        });
        if let Some(description) = &self.description {
            version["description"] = json!(description);
        }
        add_list(&mut version, "tags", self.tags.iter().map(tag).collect());
        version
    }
}

fn tag((key, value): (&String, &String)) -> Value {
    json!({ "key": key, "value": value })
}

/// An empty list is left out.
pub fn add_list(object: &mut Value, key: &str, list: Vec<Value>) {
    if !list.is_empty() {
        object[key] = Value::Array(list);
    }
}
