//! Changes of a version. What people hear of is posted; what is written beside it is not.

use actix_web::HttpRequest;
use actix_web::web::{Data, Json, Path, Query};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, Refusal, Told};
use super::deliver::Happening;
use super::state::ALLOWED;
use crate::emulator::date;
use crate::emulator::dev::Write;
use crate::emulator::registry::{Registry, State};

pub fn is_allowed(status: &str) -> Result<(), Refusal> {
    if ALLOWED.contains(&status) {
        return Ok(());
    }
    Err(Refusal::invalid(format!("status {status:?} is not one of {}", ALLOWED.join(", "))))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stage {
    model_item_id: String,
    stage: String,
}

pub async fn add_stage(registry: Data<Registry>, Query(asked): Query<Stage>) -> Answer {
    if asked.stage.is_empty() {
        return Err(Refusal::invalid("stage: it is empty"));
    }
    set_tags(&mut registry.state(), &asked.model_item_id, |tags| {
        if !tags.contains(&asked.stage) {
            tags.push(asked.stage.clone());
        }
    })
}

pub async fn delete_stage(registry: Data<Registry>, Query(asked): Query<Stage>) -> Answer {
    set_tags(&mut registry.state(), &asked.model_item_id, |tags| tags.retain(|tag| *tag != asked.stage))
}

/// What stays as it was is no change.
fn set_tags(state: &mut State, id: &str, change: impl FnOnce(&mut Vec<String>)) -> Answer {
    let item = state.comet.item_mut(id)?;
    let before = item.tags.clone();
    change(&mut item.tags);
    if item.tags != before {
        item.updated = date::now().0;
        state.comet.tell(id, &Happening::Tags);
    }
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Update {
    registry_model_item_id: String,
    comment: Option<String>,
    stages: Option<Vec<String>>,
}

/// What is named takes the place of what is there.
pub async fn update(registry: Data<Registry>, request: HttpRequest, Told(body): Told<Value>) -> Answer {
    let asked = Update::deserialize(&body).map_err(|error| Refusal::invalid(format!("the body: {error}")))?;
    let mut state = registry.state();
    let item = state.comet.item_mut(&asked.registry_model_item_id)?;
    if let Some(comment) = asked.comment {
        item.comment = comment;
        item.updated = date::now().0;
    }
    if let Some(stages) = asked.stages {
        set_tags(&mut state, &asked.registry_model_item_id, |tags| *tags = stages)?;
    }
    state.writes.push(Write::new(&request, body));
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    model_item_id: String,
    status: String,
}

pub async fn status(registry: Data<Registry>, request: HttpRequest, Told(body): Told<Value>) -> Answer {
    let asked = Status::deserialize(&body).map_err(|error| Refusal::invalid(format!("the body: {error}")))?;
    is_allowed(&asked.status)?;
    let mut state = registry.state();
    let item = state.comet.item_mut(&asked.model_item_id)?;
    let before = std::mem::replace(&mut item.status, asked.status);
    if item.status != before {
        item.updated = date::now().0;
        state.comet.tell(&asked.model_item_id, &Happening::Status { before });
    }
    state.writes.push(Write::new(&request, body));
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
pub struct Metadata {
    metadata: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    key: String,
    value: Value,
}

/// Keys that are not named stay. Nobody hears of it.
pub async fn metadata(
    registry: Data<Registry>,
    request: HttpRequest,
    id: Path<String>,
    Told(body): Told<Value>,
) -> Answer {
    let asked = Metadata::deserialize(&body).map_err(|error| Refusal::invalid(format!("the body: {error}")))?;
    let mut state = registry.state();
    let item = state.comet.item_mut(&id)?;
    for Entry { key, value } in asked.metadata {
        item.metadata.insert(key, value);
    }
    item.updated = date::now().0;
    state.writes.push(Write::new(&request, body));
    Ok(Json(json!({})))
}
