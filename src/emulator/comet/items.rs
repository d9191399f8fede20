//! Versions: registered from an experiment, and looked at.

use std::collections::BTreeMap;

use actix_web::HttpRequest;
use actix_web::web::{Data, Json, Path, Query};
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::info;

use super::answer::{Answer, Refusal, Told};
use super::deliver::Happening;
use super::state::{Item, Model, NO_STATUS, OfVersion};
use super::{ROOT, changes};
use crate::emulator::registry::Registry;
use crate::emulator::{date, origin};

/// Assets of this type are files of a model.
const MODEL_FILE: &str = "model-element";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Create {
    experiment_key: String,
    experiment_model_name: String,
    registry_model_name: Option<String>,
    registry_model_description: Option<String>,
    version: Option<String>,
    version_comment: Option<String>,
    tags: Option<Vec<String>>,
    status: Option<String>,
    public_model: Option<bool>,
}

pub async fn create(registry: Data<Registry>, Told(asked): Told<Create>) -> Answer {
    let status = asked.status.unwrap_or_else(|| NO_STATUS.to_owned());
    changes::is_allowed(&status)?;
    let mut state = registry.state();
    let workspace = state.comet.experiment(&asked.experiment_key)?.workspace.clone();
    let name = asked.registry_model_name.unwrap_or_else(|| asked.experiment_model_name.clone());
    let version = asked.version.unwrap_or_else(|| "1.0.0".to_owned());
    let (model_id, id, at) = (state.next_comet_id(), state.next_comet_id(), date::now().0);
    let known = state.comet.models.iter().position(|model| model.workspace == workspace && model.name == name);
    let place = known.unwrap_or_else(|| {
        state.comet.models.push(Model {
            id: model_id,
            workspace: workspace.clone(),
            name: name.clone(),
            description: asked.registry_model_description.unwrap_or_default(),
            public: asked.public_model.unwrap_or_default(),
            items: Vec::new(),
        });
        state.comet.models.len() - 1
    });
    let model = &mut state.comet.models[place];
    if model.items.iter().any(|item| item.version == version) {
        return Err(Refusal::invalid(format!("there is a version {version:?} of model {name:?}")));
    }
    let item = Item {
        id: id.clone(),
        version,
        comment: asked.version_comment.unwrap_or_default(),
        status,
        tags: asked.tags.unwrap_or_default(),
        metadata: BTreeMap::new(),
        experiment: asked.experiment_key,
        logged_as: asked.experiment_model_name,
        created: at,
        updated: at,
    };
    info!(workspace, model = name, version = item.version, "version registered");
    let answer = json!({ "registryModelId": model.id, "registryModelItemId": id });
    let (tagged, has_status) = (!item.tags.is_empty(), item.status != NO_STATUS);
    model.items.push(item);
    state.comet.tell(&id, &Happening::Created);
    if tagged {
        state.comet.tell(&id, &Happening::Tags);
    }
    if has_status {
        state.comet.tell(&id, &Happening::Status { before: NO_STATUS.to_owned() });
    }
    Ok(Json(answer))
}

pub async fn details(registry: Data<Registry>, Query(of): Query<OfVersion>) -> Answer {
    let state = registry.state();
    Ok(Json(state.comet.version(&of)?.to_json()))
}

pub async fn metadata(registry: Data<Registry>, id: Path<String>) -> Answer {
    let state = registry.state();
    let metadata = &state.comet.item(&id)?.metadata;
    let list: Vec<Value> = metadata.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
    Ok(Json(json!({ "metadata": list })))
}

/// Where the files of a version are: each at this registry itself.
pub async fn instructions(registry: Data<Registry>, request: HttpRequest, Query(of): Query<OfVersion>) -> Answer {
    let state = registry.state();
    let item = state.comet.version(&of)?;
    let experiment = &item.experiment;
    let files = state.comet.experiment(experiment)?.assets.iter().filter(|asset| asset.kind == MODEL_FILE);
    let at = format!("{}{ROOT}/experiment/asset/get-asset", origin::of(&request));
    let assets: Vec<Value> = files
        .map(|asset| {
            let link = format!("{at}?assetId={}&experimentKey={experiment}", asset.id);
            json!({
                "fileName": asset.name, "fileSize": asset.bytes.len(), "assetId": asset.id, "type": asset.kind,
                "remote": false, "link": link, "s3Link": Value::Null, "metadata": Value::Null,
                "dir": format!("models/{}", item.logged_as), "experimentKey": experiment,
            })
        })
        .collect();
    let version = json!({ "version": item.version, "registryModelItemId": item.id, "assets": assets });
    Ok(Json(json!({ "versions": [version], "s3DownloadEnabled": false })))
}
