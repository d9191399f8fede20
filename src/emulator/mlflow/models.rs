//! Registered models: made, looked at, searched and deleted.

use actix_web::web::{Data, Json};
use serde_json::{Value, json};
use tracing::info;

use super::answer::{Answer, Refusal};
use super::asked::{Asked, Tags};
use super::event::Happening;
use super::filter::Filter;
use super::state::{Model, add_list};
use super::{names, pages};
use crate::emulator::date;
use crate::emulator::registry::Registry;

/// As many on a page where nobody says how many, and at most.
const USUAL: usize = 100;
const MOST: usize = 1000;

pub async fn create(registry: Data<Registry>, asked: Asked) -> Answer {
    let (name, tags) = (asked.text("name")?, asked.tags()?);
    let description = asked.maybe("description")?.unwrap_or_default();
    names::model(name)?;
    no_prompt(&tags)?;
    let mut state = registry.state();
    if state.mlflow.models.contains_key(name) {
        return Err(Refusal::taken(format!("Registered Model (name={name}) already exists.")));
    }
    let now = date::now().0;
    let model = Model {
        name: name.to_owned(),
        description: description.to_owned(),
        tags: tags.clone(),
        versions: std::collections::BTreeMap::new(),
        aliases: std::collections::BTreeMap::new(),
        given: 0,
        created: now,
        updated: now,
    };
    let told = model.to_json();
    state.mlflow.models.insert(name.to_owned(), model);
    info!(model = name, "MLflow: model registered");
    Happening::Model { name, tags: &tags, description }.tell(&mut state);
    Ok(Json(json!({ "registered_model": told })))
}

/// MLflow keeps prompts as models with such a tag, and tells of them by other events.
pub fn no_prompt(tags: &Tags) -> Result<(), Refusal> {
    if tags.get("mlflow.prompt.is_prompt").is_some_and(|is| is.eq_ignore_ascii_case("true")) {
        return Err(Refusal::invalid("this registry keeps no prompts"));
    }
    Ok(())
}

pub async fn get(registry: Data<Registry>, asked: Asked) -> Answer {
    let model = registry.state().mlflow.model(asked.text("name")?)?.to_json();
    Ok(Json(json!({ "registered_model": model })))
}

/// By name.
pub async fn search(registry: Data<Registry>, asked: Asked) -> Answer {
    let filter = Filter::parse(asked.maybe("filter")?.unwrap_or_default())?;
    let state = registry.state();
    let found = state.mlflow.models.values().filter(|model| filter.takes(&model.name, &model.tags));
    let found: Vec<Value> = found.map(Model::to_json).collect();
    pages::page(&asked, "registered_models", found, USUAL, MOST).map(Json)
}

pub async fn latest(registry: Data<Registry>, asked: Asked) -> Answer {
    let mut answer = json!({});
    add_list(&mut answer, "model_versions", registry.state().mlflow.model(asked.text("name")?)?.latest());
    Ok(Json(answer))
}

/// With its versions; nobody hears of it.
pub async fn delete(registry: Data<Registry>, asked: Asked) -> Answer {
    let name = asked.text("name")?;
    let mut state = registry.state();
    state.mlflow.model(name)?;
    state.mlflow.models.remove(name);
    Ok(Json(json!({})))
}
