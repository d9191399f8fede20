//! Model versions.

use actix_web::HttpRequest;
use actix_web::web::{Data, Json, Path, ReqData};
use serde_json::{Map, Value, json};

use super::answer::{Answer, Body, Refusal};
use super::date;
use super::dev::Write;
use super::entity::{ModelVersion, Stage, Uint64};
use super::event::Happening;
use super::patch;
use super::registry::{Registry, State};
use super::routes::Email;

pub async fn create(
    registry: Data<Registry>,
    caller: ReqData<Email>,
    model: Path<u64>,
    Body(mut asked): Body<Map<String, Value>>,
) -> Answer {
    let Some(Value::String(name)) = asked.remove("version").filter(|name| name != "") else {
        return Err(Refusal::invalid("version: a model version needs a name"));
    };
    let mut state = registry.state();
    let model = state.model(Uint64(*model))?;
    let (registered_model_id, workspace) = (model.id, model.workspace_id);
    if state.versions.values().any(|other| other.registered_model_id == registered_model_id && other.version == name) {
        return Err(Refusal::taken(format!("there is a version {name:?} of this model")));
    }
    let now = date::now();
    let mut version = ModelVersion {
        id: state.next_id(),
        registered_model_id,
        version: name,
        time_created: now,
        time_updated: now,
        owner: caller.into_inner().0,
        stage: Stage::Unassigned,
        promoting: false,
        rest: Map::new(),
    };
    patch::unmasked(&mut version, asked)?;
    state.versions.insert(version.id, version.clone());
    state.fire(workspace, &Happening::VersionCreated(&version));
    Ok(Json(json!({ "model_version": version })))
}

pub async fn get(registry: Data<Registry>, id: Path<u64>) -> Answer {
    Ok(Json(json!({ "model_version": registry.state().version(Uint64(*id))? })))
}

pub async fn get_of_model(registry: Data<Registry>, ids: Path<(u64, u64)>) -> Answer {
    Ok(Json(json!({ "model_version": of_model(&registry.state(), *ids)? })))
}

/// `PATCH` with the bare fields.
pub async fn change(
    registry: Data<Registry>,
    request: HttpRequest,
    ids: Path<(u64, u64)>,
    Body(body): Body<Value>,
) -> Answer {
    let changes = object(&body)?;
    write(&registry, &request, *ids, body, |version| patch::unmasked(version, changes))
}

/// `PUT` with the whole version: what it leaves out is emptied.
pub async fn put(
    registry: Data<Registry>,
    request: HttpRequest,
    ids: Path<(u64, u64)>,
    Body(body): Body<Value>,
) -> Answer {
    let whole = object(&body)?;
    write(&registry, &request, *ids, body, |version| patch::replaced(version, whole))
}

/// `PATCH …/full_body` with fields and a mask.
pub async fn change_masked(
    registry: Data<Registry>,
    request: HttpRequest,
    ids: Path<(u64, u64)>,
    Body(body): Body<Value>,
) -> Answer {
    let either = |snake: &str, camel: &str| body.get(snake).or_else(|| body.get(camel)).cloned().unwrap_or_default();
    let changes = object(&either("model_version", "modelVersion"))?;
    let mask = either("update_mask", "updateMask");
    write(&registry, &request, *ids, body, |version| patch::masked(version, changes, &mask))
}

fn write(
    registry: &Registry,
    request: &HttpRequest,
    ids: (u64, u64),
    body: Value,
    change: impl FnOnce(&mut ModelVersion) -> Result<(), Refusal>,
) -> Answer {
    let mut state = registry.state();
    let old = of_model(&state, ids)?.clone();
    let mut new = old.clone();
    change(&mut new)?;
    let new = replace(&mut state, new);
    let workspace = state.workspace_of(&new)?;
    state.writes.push(Write::new(request, body));
    state.fire(workspace, &Happening::VersionUpdated { old: &old, new: &new });
    Ok(Json(json!({ "model_version": new })))
}

/// Puts a changed version in the place of what was there, dated now.
pub fn replace(state: &mut State, mut version: ModelVersion) -> ModelVersion {
    version.time_updated = date::now();
    state.versions.insert(version.id, version.clone());
    version
}

fn of_model(state: &State, (model, id): (u64, u64)) -> Result<&ModelVersion, Refusal> {
    let version = state.version(Uint64(id))?;
    if version.registered_model_id != Uint64(model) {
        return Err(Refusal::unknown(&format!("version of model {model} with the id"), id));
    }
    Ok(version)
}

fn object(value: &Value) -> Result<Map<String, Value>, Refusal> {
    value.as_object().cloned().ok_or_else(|| Refusal::invalid("a model version must be a JSON object"))
}
