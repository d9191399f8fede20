//! Registered models.

use actix_web::web::{Data, Json, Path, ReqData};
use serde::Deserialize;
use serde_json::json;

use super::answer::{Answer, Body, Refusal};
use super::date;
use super::entity::{RegisteredModel, Uint64};
use super::event::Happening;
use super::registry::Registry;
use super::routes::Email;

#[derive(Deserialize)]
pub struct Create {
    name: String,
}

pub async fn create(
    registry: Data<Registry>,
    caller: ReqData<Email>,
    workspace: Path<String>,
    Body(asked): Body<Create>,
) -> Answer {
    if asked.name.is_empty() {
        return Err(Refusal::invalid("name: a registered model needs one"));
    }
    let mut state = registry.state();
    let workspace_id = state.workspace(&workspace);
    if state.models.values().any(|model| model.workspace_id == workspace_id && model.name == asked.name) {
        return Err(Refusal::taken(format!("there is a registered model {:?} in {workspace}", asked.name)));
    }
    let (id, now) = (state.next_id(), date::now());
    let owner = caller.into_inner().0;
    let model = RegisteredModel { id, workspace_id, name: asked.name, time_created: now, time_updated: now, owner };
    state.models.insert(id, model.clone());
    state.fire(workspace_id, &Happening::ModelCreated(&model));
    Ok(Json(json!({ "registered_model": model })))
}

pub async fn get(registry: Data<Registry>, id: Path<u64>) -> Answer {
    Ok(Json(json!({ "registered_model": registry.state().model(Uint64(*id))? })))
}
