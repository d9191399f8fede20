//! What Verta's client asks before all else: who am I, and where.

use actix_web::web::{Data, Json, Query, ReqData};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, Refusal};
use super::entity::Uint64;
use super::registry::{Registry, State};
use super::routes::Email;

/// Where somebody is who never said where.
const DEFAULT: &str = "default";

pub async fn verify_connection() -> Json<Value> {
    Json(json!({ "status": true }))
}

pub async fn current_user(registry: Data<Registry>, caller: ReqData<Email>) -> Json<Value> {
    let email = caller.into_inner().0;
    let workspace = registry.state().workspace(DEFAULT);
    let (name, _) = email.split_once('@').unwrap_or((&email, ""));
    let verta =
        json!({ "user_id": email, "username": name, "workspace_id": workspace, "default_workspace_id": workspace });
    Json(json!({ "user_id": email, "full_name": name, "email": email, "verta_info": verta }))
}

pub async fn visible_workspaces(registry: Data<Registry>) -> Json<Value> {
    let mut state = registry.state();
    state.workspace(DEFAULT);
    let all: Vec<Value> = state.workspaces().map(|(name, id)| organization(name, id)).collect();
    Json(json!({ "workspace": all }))
}

#[derive(Deserialize)]
pub struct ById {
    id: Uint64,
}

pub async fn workspace_by_id(registry: Data<Registry>, Query(asked): Query<ById>) -> Answer {
    let state = registry.state();
    let name = named(&state, asked.id).ok_or_else(|| Refusal::unknown("workspace", asked.id))?;
    Ok(Json(organization(name, asked.id)))
}

#[derive(Deserialize)]
pub struct ByName {
    name: String,
}

/// It exists from now on, as everywhere else.
pub async fn workspace_by_name(registry: Data<Registry>, Query(asked): Query<ByName>) -> Json<Value> {
    let id = registry.state().workspace(&asked.name);
    Json(organization(&asked.name, id))
}

fn named(state: &State, id: Uint64) -> Option<&str> {
    state.workspaces().find(|(_, known)| *known == id).map(|(name, _)| name)
}

fn organization(name: &str, id: Uint64) -> Value {
    json!({ "id": id, "org_id": id, "org_name": name })
}
