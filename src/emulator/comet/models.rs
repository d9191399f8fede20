//! Models of a workspace, as they are looked at.

use std::collections::BTreeSet;

use actix_web::web::{Data, Json, Query};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::Answer;
use super::state::{ALLOWED, Item, OfModel};
use crate::emulator::registry::Registry;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OfWorkspace {
    workspace_name: String,
}

pub async fn account() -> Json<Value> {
    Json(json!({ "userName": "developer", "defaultWorkspaceName": "default" }))
}

/// Those that somebody has named.
pub async fn workspaces(registry: Data<Registry>) -> Json<Value> {
    let state = registry.state();
    let names: BTreeSet<&str> =
        state.comet.experiments.values().map(|experiment| experiment.workspace.as_str()).collect();
    Json(json!({ "workspaceNames": names }))
}

pub async fn list(registry: Data<Registry>, Query(asked): Query<OfWorkspace>) -> Json<Value> {
    let state = registry.state();
    let models = state.comet.models.iter().filter(|model| model.workspace == asked.workspace_name);
    let models: Vec<Value> = models.map(super::state::Model::to_json).collect();
    Json(json!({ "registryModels": models }))
}

pub async fn count(registry: Data<Registry>, Query(asked): Query<OfWorkspace>) -> Json<Value> {
    let state = registry.state();
    let count = state.comet.models.iter().filter(|model| model.workspace == asked.workspace_name).count();
    Json(json!({ "registryModelCount": count }))
}

pub async fn compact(registry: Data<Registry>, Query(of): Query<OfModel>) -> Answer {
    let state = registry.state();
    Ok(Json(state.comet.model(&of.workspace_name, &of.model_name)?.to_json()))
}

pub async fn details(registry: Data<Registry>, Query(of): Query<OfModel>) -> Answer {
    let state = registry.state();
    let model = state.comet.model(&of.workspace_name, &of.model_name)?;
    let mut details = model.to_json();
    details["versions"] = model.items.iter().rev().map(Item::to_json).collect();
    Ok(Json(details))
}

/// What is not asked for keeps nothing out.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Search {
    workspace_name: String,
    model_name: String,
    tag: Option<String>,
    status: Option<String>,
    #[serde(default)]
    version_prefix: String,
}

/// The latest version comes first.
pub async fn items(registry: Data<Registry>, Query(asked): Query<Search>) -> Answer {
    let state = registry.state();
    let model = state.comet.model(&asked.workspace_name, &asked.model_name)?;
    let wanted = |item: &&Item| {
        item.version.starts_with(&asked.version_prefix)
            && asked.tag.as_ref().is_none_or(|tag| item.tags.contains(tag))
            && asked.status.as_ref().is_none_or(|status| item.status == *status)
    };
    let items: Vec<Value> = model.items.iter().rev().filter(wanted).map(Item::to_json).collect();
    Ok(Json(json!({ "items": items })))
}

pub async fn allowed(Query(_): Query<OfWorkspace>) -> Json<Value> {
    Json(json!({ "allowedStatus": ALLOWED }))
}
