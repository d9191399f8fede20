//! Aliases of versions. Setting one that is there is told as if it were new.

use actix_web::web::{Data, Json};
use serde_json::json;

use super::answer::{Answer, Refusal};
use super::asked::Asked;
use super::event::Happening;
use super::names;
use crate::emulator::registry::Registry;

pub async fn set(registry: Data<Registry>, asked: Asked) -> Answer {
    let (name, alias, version) = (asked.text("name")?, asked.text("alias")?, asked.text("version")?);
    names::alias(alias)?;
    let mut state = registry.state();
    let number = state.mlflow.version(name, version)?.1.number;
    state.mlflow.model_mut(name)?.aliases.insert(alias.to_owned(), number);
    Happening::AliasSet { name, alias, version }.tell(&mut state);
    Ok(Json(json!({})))
}

pub async fn get(registry: Data<Registry>, asked: Asked) -> Answer {
    let (name, alias) = (asked.text("name")?, asked.text("alias")?);
    let state = registry.state();
    let model = state.mlflow.model(name)?;
    let version = model.aliases.get(alias).and_then(|number| model.versions.get(number));
    let version = version.ok_or_else(|| Refusal::invalid(format!("Registered model alias {alias} not found.")))?;
    Ok(Json(json!({ "model_version": model.version_json(version) })))
}

/// One that is not there is told of, too.
pub async fn delete(registry: Data<Registry>, asked: Asked) -> Answer {
    let (name, alias) = (asked.text("name")?, asked.text("alias")?);
    let mut state = registry.state();
    state.mlflow.model_mut(name)?.aliases.remove(alias);
    Happening::AliasDeleted { name, alias }.tell(&mut state);
    Ok(Json(json!({})))
}
