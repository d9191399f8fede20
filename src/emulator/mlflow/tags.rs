//! Tags of versions, of which webhooks are told, and of models, of which they are not.

use actix_web::HttpRequest;
use actix_web::web::{Data, Json};
use serde_json::{Value, json};

use super::answer::Answer;
use super::asked::Asked;
use super::event::Happening;
use super::names;
use crate::emulator::dev::Write;
use crate::emulator::registry::Registry;

pub async fn set(registry: Data<Registry>, request: HttpRequest, asked: Asked) -> Answer {
    let (name, version, key) = (asked.text("name")?, asked.text("version")?, asked.text("key")?);
    let value = asked.maybe("value")?.unwrap_or_default();
    names::tag(key, value)?;
    let mut state = registry.state();
    state.mlflow.version_mut(name, version)?.tags.insert(key.to_owned(), value.to_owned());
    Happening::TagSet { name, version, key, value }.tell(&mut state);
    state.writes.push(Write::new(&request, Value::Object(asked.0)));
    Ok(Json(json!({})))
}

/// One that is not there is told of, too.
pub async fn delete(registry: Data<Registry>, request: HttpRequest, asked: Asked) -> Answer {
    let (name, version, key) = (asked.text("name")?, asked.text("version")?, asked.text("key")?);
    let mut state = registry.state();
    state.mlflow.version_mut(name, version)?.tags.remove(key);
    Happening::TagDeleted { name, version, key }.tell(&mut state);
    state.writes.push(Write::new(&request, Value::Object(asked.0)));
    Ok(Json(json!({})))
}

pub async fn set_of_model(registry: Data<Registry>, asked: Asked) -> Answer {
    let (name, key, value) = (asked.text("name")?, asked.text("key")?, asked.maybe("value")?.unwrap_or_default());
    names::tag(key, value)?;
    registry.state().mlflow.model_mut(name)?.tags.insert(key.to_owned(), value.to_owned());
    Ok(Json(json!({})))
}

pub async fn delete_of_model(registry: Data<Registry>, asked: Asked) -> Answer {
    let (name, key) = (asked.text("name")?, asked.text("key")?);
    registry.state().mlflow.model_mut(name)?.tags.remove(key);
    Ok(Json(json!({})))
}
