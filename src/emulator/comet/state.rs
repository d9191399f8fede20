//! What a Comet server knows: experiments with their assets, models with their versions, and who hears of changes.

use std::collections::BTreeMap;

use actix_web::web::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::Refusal;
use super::hooks::Hooks;

#[derive(Default)]
pub struct Comet {
    /// By key.
    pub experiments: BTreeMap<String, Experiment>,
    pub models: Vec<Model>,
    pub hooks: Hooks,
}

pub struct Experiment {
    pub name: String,
    pub workspace: String,
    pub project: String,
    pub assets: Vec<Asset>,
}

pub struct Asset {
    pub id: String,
    pub name: String,
    pub kind: String,
    pub bytes: Bytes,
}

pub struct Model {
    pub id: String,
    pub workspace: String,
    pub name: String,
    pub description: String,
    pub public: bool,
    /// As they came.
    pub items: Vec<Item>,
}

/// A version.
#[derive(Clone)]
pub struct Item {
    pub id: String,
    pub version: String,
    pub comment: String,
    pub status: String,
    /// Once called stages.
    pub tags: Vec<String>,
    pub metadata: BTreeMap<String, Value>,
    pub experiment: String,
    /// The model's name in the experiment.
    pub logged_as: String,
    pub created: u64,
    pub updated: u64,
}

/// The version that has not been given a status.
pub const NO_STATUS: &str = "None";
/// What a workspace allows unless its owner says otherwise.
pub const ALLOWED: [&str; 6] = [NO_STATUS, "Development", "QA", "Production", "Approved", "Rejected"];

/// How a caller names a model.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OfModel {
    pub workspace_name: String,
    pub model_name: String,
}

/// How a caller names a version.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OfVersion {
    pub workspace_name: String,
    pub model_name: String,
    pub version: String,
}

impl Comet {
    pub fn experiment(&self, key: &str) -> Result<&Experiment, Refusal> {
        self.experiments.get(key).ok_or_else(|| Refusal::unknown("experiment with that key"))
    }

    pub fn model(&self, workspace: &str, name: &str) -> Result<&Model, Refusal> {
        let found = self.models.iter().find(|model| model.workspace == workspace && model.name == name);
        found.ok_or_else(|| Refusal::unknown(format_args!("model {name:?} in workspace {workspace:?}")))
    }

    pub fn version(&self, of: &OfVersion) -> Result<&Item, Refusal> {
        let model = self.model(&of.workspace_name, &of.model_name)?;
        let found = model.items.iter().find(|item| item.version == of.version);
        found.ok_or_else(|| Refusal::unknown(format_args!("version {:?} of model {:?}", of.version, of.model_name)))
    }

    /// The version of that id.
    pub fn item(&self, id: &str) -> Result<&Item, Refusal> {
        let mut items = self.models.iter().flat_map(|model| &model.items);
        items.find(|item| item.id == id).ok_or_else(|| Refusal::unknown("version with that id"))
    }

    pub fn item_mut(&mut self, id: &str) -> Result<&mut Item, Refusal> {
        let mut items = self.models.iter_mut().flat_map(|model| &mut model.items);
        items.find(|item| item.id == id).ok_or_else(|| Refusal::unknown("version with that id"))
    }

    /// How many bytes of assets there are.
    pub fn bytes(&self) -> usize {
        self.experiments.values().flat_map(|experiment| &experiment.assets).map(|asset| asset.bytes.len()).sum()
    }
}

impl Model {
    pub fn to_json(&self) -> Value {
        json!({
            "registryModelId": self.id, "modelName": self.name, "description": self.description,
            "isPublic": self.public, "numberOfVersions": self.items.len(),
        })
    }
}

impl Item {
    pub fn to_json(&self) -> Value {
        json!({
            "registryModelItemId": self.id, "version": self.version, "comment": self.comment, "status": self.status,
            "tags": self.tags, "stages": self.tags, "experimentKey": self.experiment,
            "experimentModel": { "experimentModelName": self.logged_as, "experimentKey": self.experiment },
            "createdAt": self.created, "lastUpdated": self.updated,
        })
    }
}
