//! Registered models.

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::web::{Data, Json, Path, ReqData};
use serde_json::{Map, Value, json};

use super::answer::{Answer, Body, Refusal};
use super::date;
use super::dev::Write;
use super::entity::{RegisteredModel, Uint64};
use super::event::Happening;
use super::patch;
use super::registry::Registry;
use super::routes::Email;
use super::search::by_name;

pub async fn create(
    registry: Data<Registry>,
    caller: ReqData<Email>,
    workspace: Path<String>,
    Body(mut asked): Body<Map<String, Value>>,
) -> Answer {
    let Some(Value::String(name)) = asked.remove("name").filter(|name| name != "") else {
        return Err(Refusal::invalid("name: a registered model needs one"));
    };
    let mut state = registry.state();
    let workspace_id = state.workspace(&workspace);
    if state.models.values().any(|model| model.workspace_id == workspace_id && model.name == name) {
        return Err(Refusal::taken(format!("there is a registered model {name:?} in {workspace}")));
    }
    let (id, now) = (state.next_id(), date::now());
    let owner = caller.into_inner().0;
    let mut model =
        RegisteredModel { id, workspace_id, name, time_created: now, time_updated: now, owner, rest: Map::new() };
    patch::unmasked(&mut model, asked)?;
    state.models.insert(id, model.clone());
    state.fire(workspace_id, &Happening::ModelCreated(&model));
    Ok(Json(json!({ "registered_model": model })))
}

pub async fn get(registry: Data<Registry>, id: Path<u64>) -> Answer {
    Ok(Json(json!({ "registered_model": registry.state().model(Uint64(*id))? })))
}

pub async fn get_named(registry: Data<Registry>, path: Path<(String, String)>) -> Answer {
    let (workspace, name) = path.into_inner();
    Ok(Json(json!({ "registered_model": by_name(&registry.state(), &workspace, &name)? })))
}

/// `PATCH` sets what is there, `PUT` empties what is not.
pub async fn change(
    registry: Data<Registry>,
    request: HttpRequest,
    id: Path<u64>,
    Body(body): Body<Map<String, Value>>,
) -> Answer {
    let mut state = registry.state();
    let mut model = state.model(Uint64(*id))?.clone();
    let put = request.method() == Method::PUT;
    if put { patch::replaced(&mut model, body.clone()) } else { patch::unmasked(&mut model, body.clone()) }?;
    model.time_updated = date::now();
    state.models.insert(model.id, model.clone());
    state.writes.push(Write::new(&request, Value::Object(body)));
    Ok(Json(json!({ "registered_model": model })))
}
