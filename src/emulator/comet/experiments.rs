//! Experiments, as far as a model needs one to be registered from: somebody logs files there.

use actix_web::web::{Bytes, Data, Json, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::json;

use super::answer::{Answer, Refusal, Told};
use super::state::{Asset, Experiment};
use super::upload;
use crate::emulator::registry::Registry;

#[derive(Deserialize)]
pub struct Create {
    #[serde(rename = "workspaceName")]
    workspace: String,
    #[serde(rename = "projectName")]
    project: String,
    #[serde(rename = "experimentName")]
    name: Option<String>,
}

/// A workspace exists once it is named.
pub async fn create(registry: Data<Registry>, Told(asked): Told<Create>) -> Answer {
    let mut state = registry.state();
    let key = state.next_comet_id();
    let name = asked.name.unwrap_or_else(|| key.clone());
    let (workspace, project) = (asked.workspace, asked.project);
    state.comet.experiments.insert(key.clone(), Experiment { name, workspace, project, assets: Vec::new() });
    Ok(Json(json!({ "experimentKey": key })))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OfExperiment {
    experiment_key: String,
}

pub async fn metadata(registry: Data<Registry>, Query(of): Query<OfExperiment>) -> Answer {
    let state = registry.state();
    let Experiment { name, workspace, project, .. } = state.comet.experiment(&of.experiment_key)?;
    Ok(Json(json!({
        "experimentKey": of.experiment_key, "experimentName": name, "workspaceName": workspace, "projectName": project,
        "projectId": project, "archived": false,
    })))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Upload {
    experiment_key: String,
    file_name: String,
    #[serde(default, rename = "type")]
    kind: String,
}

pub async fn upload(
    registry: Data<Registry>,
    request: HttpRequest,
    Query(asked): Query<Upload>,
    body: Bytes,
) -> Answer {
    let bytes = upload::file(&request, &body)?;
    let mut state = registry.state();
    if state.comet.bytes() + bytes.len() > registry.options.artifacts_limit {
        return Err(Refusal::invalid("this registry keeps no more assets"));
    }
    let id = state.next_comet_id();
    let experiment = state.comet.experiments.get_mut(&asked.experiment_key);
    let experiment = experiment.ok_or_else(|| Refusal::unknown("experiment with that key"))?;
    experiment.assets.push(Asset { id: id.clone(), name: asked.file_name, kind: asked.kind, bytes });
    Ok(Json(json!({ "assetId": id })))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OfAsset {
    experiment_key: String,
    asset_id: String,
}

pub async fn asset(registry: Data<Registry>, Query(of): Query<OfAsset>) -> Result<HttpResponse, Refusal> {
    let state = registry.state();
    let experiment = state.comet.experiment(&of.experiment_key)?;
    let asset = experiment.assets.iter().find(|asset| asset.id == of.asset_id);
    let asset = asset.ok_or_else(|| Refusal::unknown("asset with that id"))?;
    Ok(HttpResponse::Ok().content_type("application/octet-stream").body(asset.bytes.clone()))
}
