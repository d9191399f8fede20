//! Builds: images of model versions. Their ids are numbers, since the deployment API is no protobuf service.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::web::{Data, Json, Path, Query};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::{Answer, Body, Refusal};
use super::date;
use super::dev::Write;
use super::entity::Uint64;
use super::event::Happening;
use super::registry::{Registry, State};
use super::scans::Scan;

pub struct Build {
    pub id: u64,
    pub workspace: Uint64,
    /// As paths have it.
    workspace_name: String,
    status: Status,
    created: Uint64,
    updated: Uint64,
    pub model_version: Uint64,
    external_location: Option<String>,
    pub scan: Scan,
    /// A scan was asked for before there was anything to scan.
    pub scan_waits: bool,
    /// As it was asked to.
    fails: bool,
    /// What somebody said of it.
    message: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Building,
    Finished,
    Error,
}

impl Build {
    /// Where the image is, once there is one.
    pub fn location(&self) -> Option<String> {
        let made = || format!("registry.example.com/verta/build-{}:latest", self.id);
        (self.status == Status::Finished).then(|| self.external_location.clone().unwrap_or_else(made))
    }

    /// There is no image and there will be none.
    pub fn failed(&self) -> bool {
        self.status == Status::Error
    }

    pub fn in_progress(&self) -> bool {
        self.status == Status::Building
    }

    pub fn to_json(&self) -> Value {
        let mut build = json!({
            "id": self.id,
            "status": self.status,
            "message": self.message,
            "date_created": date::iso(self.created),
            "date_updated": date::iso(self.updated),
            "creator_request": { "model_version_id": self.model_version.0, "scan_external": self.scan.external },
        });
        if let Some(location) = &self.external_location {
            build["creator_request"]["external_location"] = json!(location);
        }
        if let Some(location) = self.location() {
            build["location"] = json!(location);
        }
        if let Some(results) = &self.scan.results {
            build["scan_external_results"] = json!(results);
        }
        build
    }
}

#[derive(Deserialize)]
pub struct Create {
    model_version_id: Uint64,
    #[serde(default)]
    external_location: Option<String>,
    /// A switch for development: the build will fail.
    #[serde(default)]
    fail: bool,
}

pub async fn create(registry: Data<Registry>, workspace: Path<String>, Body(asked): Body<Create>) -> Answer {
    let external_location = asked.external_location.filter(|location| !location.is_empty());
    if asked.fail && external_location.is_some() {
        return Err(Refusal::unprocessable("fail: an image that is somewhere already cannot fail to be built"));
    }
    let mut state = registry.state();
    let model_version = state.version(asked.model_version_id)?.id;
    let id = make(&registry, &mut state, model_version, &workspace, Plan { external_location, fails: asked.fail });
    Ok(Json(state.builds.get(&id).map(Build::to_json).unwrap_or_default()))
}

/// What becomes of a build: an image that is somewhere already, or one that is made, or is not.
#[derive(Default)]
pub struct Plan {
    pub external_location: Option<String>,
    pub fails: bool,
}

/// Begins a build: its id.
pub fn make(registry: &Arc<Registry>, state: &mut State, model_version: Uint64, workspace: &str, plan: Plan) -> u64 {
    let Plan { external_location, fails } = plan;
    let (id, now) = (state.next_build(), date::now());
    let build = Build {
        id,
        workspace: state.workspace(workspace),
        workspace_name: workspace.to_owned(),
        status: if external_location.is_some() { Status::Finished } else { Status::Building },
        created: now,
        updated: now,
        model_version,
        external_location,
        scan: Scan::new(state.next_id(), now),
        scan_waits: false,
        fails,
        message: String::new(),
    };
    if build.status == Status::Building {
        let later = Arc::clone(registry);
        registry.later(async move {
            tokio::time::sleep(later.options.build_time).await;
            finish(&mut later.state(), id);
        });
    }
    state.builds.insert(id, build);
    id
}

/// The version's newest build that did not fail.
pub fn latest(state: &State, model_version: Uint64, workspace: &str) -> Option<u64> {
    let own = |build: &&Build| build.model_version == model_version && build.workspace_name == workspace;
    state.builds.values().rev().filter(own).find(|build| !build.failed()).map(|build| build.id)
}

pub async fn get(registry: Data<Registry>, path: Path<(String, u64)>) -> Answer {
    Ok(Json(of_workspace(&mut registry.state(), &path)?.to_json()))
}

#[derive(Deserialize)]
pub struct Of {
    #[serde(default)]
    model_version_id: Option<Uint64>,
}

/// Newest first; of a workspace where the path names one.
pub async fn list(registry: Data<Registry>, request: HttpRequest, Query(of): Query<Of>) -> Answer {
    let (state, workspace) = (registry.state(), request.match_info().get("ws"));
    let wanted = |build: &&Build| {
        of.model_version_id.is_none_or(|version| build.model_version == version)
            && workspace.is_none_or(|workspace| build.workspace_name == workspace)
    };
    let found: Vec<Value> = state.builds.values().rev().filter(wanted).map(Build::to_json).collect();
    Ok(Json(json!({ "builds": found })))
}

/// Free text, as a JSON string.
pub async fn message(registry: Data<Registry>, request: HttpRequest, Body(text): Body<String>) -> Answer {
    let path = request.match_info();
    let id: u64 = path.get("build").and_then(|id| id.parse().ok()).ok_or_else(Refusal::no_path)?;
    let mut state = registry.state();
    let build = state.builds.get_mut(&id);
    let build = build.filter(|build| path.get("ws").is_none_or(|workspace| build.workspace_name == workspace));
    let build = build.ok_or_else(|| Refusal::unknown("build", id))?;
    build.message.clone_from(&text);
    let answer = build.to_json();
    state.writes.push(Write::new(&request, json!(text)));
    Ok(Json(answer))
}

/// The build, if it is in that workspace.
pub fn of_workspace<'a>(state: &'a mut State, path: &(String, u64)) -> Result<&'a mut Build, Refusal> {
    let (workspace, id) = path;
    let build = state.builds.get_mut(id).filter(|build| build.workspace_name == *workspace);
    build.ok_or_else(|| Refusal::unknown(&format!("build in {workspace} with the id"), id))
}

fn finish(state: &mut State, id: u64) {
    let Some(build) = state.builds.get_mut(&id) else { return };
    build.status = Status::Finished;
    if build.fails {
        build.status = Status::Error;
        "the build failed, as it was asked to".clone_into(&mut build.message);
    }
    build.updated = date::now();
    if build.scan_waits && !build.failed() {
        request_scan(state, id);
    }
}

/// Fires `REQUEST_SCAN`, or remembers to do so when the build is finished.
pub fn request_scan(state: &mut State, id: u64) {
    let Some(build) = state.builds.get_mut(&id) else { return };
    let location = build.location();
    build.scan_waits = location.is_none();
    let workspace = build.workspace;
    if let Some(image) = location {
        state.fire(workspace, &Happening::ScanRequested { build: id, image: &image });
    }
}
