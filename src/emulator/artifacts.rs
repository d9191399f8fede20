//! Artifacts: a version's files, by key. Somebody asks for an address, and puts or gets the bytes there.

use std::collections::{BTreeMap, VecDeque};

use actix_web::web::{Bytes, Data, Json, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::answer::{Answer, Body, Refusal};
use super::entity::{ModelVersion, Uint64};
use super::event::Happening;
use super::origin;
use super::registry::{Registry, State};
use super::room::Room;
use super::versions::replace;

/// The key of the model itself, which has a field of its own.
const MODEL: &str = "model";
/// Addresses that stay good; an older one is forgotten for a new one.
const KEPT_LINKS: usize = 1024;
const MAX_KEY: usize = 256;

/// All bytes that people put here, and the addresses that were given out.
#[derive(Default)]
pub struct Artifacts {
    kept: BTreeMap<(Uint64, String), Bytes>,
    /// Oldest first.
    links: VecDeque<Link>,
    /// What is kept and what is on its way, in bytes; MLflow's files too.
    pub taken: usize,
}

/// What one address is good for: whoever knows it needs to say nothing more.
#[derive(Clone)]
struct Link {
    token: String,
    version: Uint64,
    key: String,
    method: Method,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Method {
    #[serde(alias = "get")]
    Get,
    #[serde(alias = "put")]
    Put,
}

impl Artifacts {
    fn link(&self, token: &str, method: Method) -> Result<Link, Refusal> {
        let link = self.links.iter().find(|link| link.token == token && link.method == method).cloned();
        link.ok_or_else(Refusal::no_path)
    }
}

/// A caller that could send the file in parts says so with a part number, and is told not to.
#[derive(Deserialize)]
pub struct Ask {
    key: String,
    method: Method,
    #[serde(default, alias = "partNumber")]
    part_number: Option<Uint64>,
}

/// `getUrlForArtifact`: an address for one file and one way.
pub async fn url(registry: Data<Registry>, request: HttpRequest, id: Path<u64>, Body(asked): Body<Ask>) -> Answer {
    if asked.key.is_empty() || asked.key.len() > MAX_KEY {
        return Err(Refusal::invalid(format!("key: it must have 1 to {MAX_KEY} bytes")));
    }
    if asked.part_number.is_some_and(|part| part.0 > 1) {
        return Err(Refusal::invalid("part_number: this registry takes no artifact in parts"));
    }
    let mut state = registry.state();
    let version = state.version(Uint64(*id))?.id;
    let key = (version, asked.key);
    if asked.method == Method::Get && !state.artifacts.kept.contains_key(&key) {
        return Err(Refusal::unknown("uploaded artifact", format!("{:?} of model version {version}", key.1)));
    }
    let token = state.next_uuid();
    let url = format!("{}/dev/artifacts/{token}", origin::of(&request));
    if state.artifacts.links.len() == KEPT_LINKS {
        state.artifacts.links.pop_front();
    }
    state.artifacts.links.push_back(Link { token, version, key: key.1, method: asked.method });
    Ok(Json(json!({ "url": url, "multipart_upload_ok": false })))
}

/// Keeps the bytes, in the place of those that were there. A version that did not know of the artifact does now.
pub async fn put(
    registry: Data<Registry>,
    request: HttpRequest,
    token: Path<String>,
    body: Payload,
) -> Result<HttpResponse, Refusal> {
    let link = registry.state().artifacts.link(&token, Method::Put)?;
    let (room, bytes) = Room::fill(&registry, &request, body).await?;
    let mut state = registry.state();
    describe(&mut state, &link, &bytes)?;
    let old = state.artifacts.kept.insert((link.version, link.key), bytes);
    room.keep(&mut state, old.as_ref());
    Ok(HttpResponse::Ok().finish())
}

pub async fn get(registry: Data<Registry>, token: Path<String>) -> Result<HttpResponse, Refusal> {
    let state = registry.state();
    let link = state.artifacts.link(&token, Method::Get)?;
    let bytes = state.artifacts.kept.get(&(link.version, link.key)).ok_or_else(Refusal::no_path)?;
    Ok(HttpResponse::Ok().content_type("application/octet-stream").body(bytes.clone()))
}

/// Enters the artifact into its version, unless somebody has already said what it is.
fn describe(state: &mut State, link: &Link, bytes: &[u8]) -> Result<(), Refusal> {
    let old = state.version(link.version)?.clone();
    let mut artifacts = match old.rest.get("artifacts") {
        Some(Value::Array(artifacts)) => artifacts.clone(),
        _ => Vec::new(),
    };
    let named = |artifact: &Value| artifact["key"] == link.key;
    if (link.key == MODEL && old.rest.contains_key(MODEL)) || artifacts.iter().any(named) {
        return Ok(());
    }
    let mut new = old.clone();
    if link.key == MODEL {
        new.rest.insert(MODEL.to_owned(), entry(&link.key, "pkl", bytes));
    } else {
        let (_, extension) = link.key.rsplit_once('.').unwrap_or_default();
        artifacts.push(entry(&link.key, extension, bytes));
        new.rest.insert("artifacts".to_owned(), Value::Array(artifacts));
    }
    changed(state, &old, new)
}

fn changed(state: &mut State, old: &ModelVersion, new: ModelVersion) -> Result<(), Refusal> {
    let new = replace(state, new);
    let workspace = state.workspace_of(&new)?;
    state.fire(workspace, &Happening::VersionUpdated { old, new: &new });
    Ok(())
}

/// An artifact as Verta's client describes one: its path begins with the bytes' digest.
fn entry(key: &str, extension: &str, bytes: &[u8]) -> Value {
    let digest = base16ct::lower::encode_string(&Sha256::digest(bytes));
    let suffix = format!(".{extension}");
    let name = if extension.is_empty() || key.ends_with(&suffix) { key.to_owned() } else { format!("{key}{suffix}") };
    let mut entry = json!({
        "key": key, "path": format!("{digest}/{name}"), "path_only": false, "artifact_type": "BLOB",
    });
    if !extension.is_empty() {
        entry["filename_extension"] = json!(extension);
    }
    entry
}
