//! The artifact service: files by path, in memory. A folder is there as long as something is in it.

use std::collections::BTreeMap;

use actix_web::web::{Data, Json, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::answer::{Answer, Refusal};
use super::asked::Asked;
use super::names;
use super::state::add_list;
use crate::emulator::registry::Registry;
use crate::emulator::room::Room;

fn is_path(path: &str) -> Result<(), Refusal> {
    if names::is_path(path) { Ok(()) } else { Err(Refusal::invalid("Invalid path")) }
}

/// What is in a folder, each by its name there. There is nothing in a file, and nothing in what is not there.
pub async fn list(registry: Data<Registry>, asked: Asked) -> Answer {
    let folder = match asked.maybe("path")?.unwrap_or_default() {
        "" => String::new(),
        folder => {
            is_path(folder)?;
            format!("{folder}/")
        }
    };
    let state = registry.state();
    let mut found = BTreeMap::new();
    for (path, bytes) in &state.mlflow.files {
        match path.strip_prefix(&folder).map(|rest| rest.split_once('/').ok_or(rest)) {
            Some(Ok((name, _))) => found.insert(name, json!({ "path": name, "is_dir": true })),
            Some(Err(name)) => found.insert(name, json!({ "path": name, "is_dir": false, "file_size": bytes.len() })),
            None => None,
        };
    }
    let mut answer = json!({});
    add_list(&mut answer, "files", found.into_values().collect::<Vec<Value>>());
    Ok(Json(answer))
}

pub async fn get(registry: Data<Registry>, path: Path<String>) -> Result<HttpResponse, Refusal> {
    is_path(&path)?;
    let state = registry.state();
    let below = format!("{path}/");
    if state.mlflow.files.keys().any(|file| file.starts_with(&below)) {
        return Err(Refusal::invalid(format!("Artifact path refers to a directory, not a file: '{path}'")));
    }
    let bytes = state.mlflow.files.get(path.as_str());
    let bytes = bytes.ok_or_else(|| Refusal::unknown(format!("No such artifact: '{path}'")))?;
    Ok(HttpResponse::Ok().content_type("application/octet-stream").body(bytes.clone()))
}

/// Keeps the bytes, in the place of those that were there.
pub async fn put(
    registry: Data<Registry>,
    request: HttpRequest,
    path: Path<String>,
    body: Payload,
) -> Result<HttpResponse, Refusal> {
    is_path(&path)?;
    let (room, bytes) = Room::fill(&registry, &request, body).await?;
    let mut state = registry.state();
    let files = &mut state.mlflow.files;
    let below = format!("{path}/");
    let is_above = |file: &String| path.strip_prefix(file.as_str()).is_some_and(|rest| rest.starts_with('/'));
    if files.keys().any(|file| file.starts_with(&below) || is_above(file)) {
        drop(state);
        return Err(Refusal::invalid("Invalid path: a folder is no file"));
    }
    let old = files.insert(path.into_inner(), bytes);
    room.keep(&mut state, old.as_ref());
    Ok(HttpResponse::Ok().finish())
}

/// A file, or a folder with what is in it. What is not there is gone already.
pub async fn delete(registry: Data<Registry>, path: Path<String>) -> Answer {
    is_path(&path)?;
    let below = format!("{path}/");
    let mut state = registry.state();
    let mut given_back = 0;
    state.mlflow.files.retain(|file, bytes| {
        let gone = file == path.as_str() || file.starts_with(&below);
        given_back += if gone { bytes.len() } else { 0 };
        !gone
    });
    state.artifacts.taken -= given_back;
    Ok(Json(json!({})))
}
