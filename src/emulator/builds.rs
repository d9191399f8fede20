//! Builds: images of model versions. Their ids are numbers, since the deployment API is no protobuf service.

use std::sync::Arc;

use actix_web::web::{Data, Json, Path};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::{Answer, Body, Refusal};
use super::date;
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
    model_version: Uint64,
    external_location: Option<String>,
    pub scan: Scan,
    /// A scan was asked for before there was anything to scan.
    pub scan_waits: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Building,
    Finished,
}

impl Build {
    /// Where the image is, once there is one.
    pub fn location(&self) -> Option<String> {
        let made = || format!("registry.example.com/verta/build-{}:latest", self.id);
        (self.status == Status::Finished).then(|| self.external_location.clone().unwrap_or_else(made))
    }

    fn to_json(&self) -> Value {
        let mut build = json!({
            "id": self.id,
            "status": self.status,
            "message": "",
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
}

pub async fn create(registry: Data<Registry>, workspace: Path<String>, Body(asked): Body<Create>) -> Answer {
    let mut state = registry.state();
    let model_version = state.version(asked.model_version_id)?.id;
    let external_location = asked.external_location.filter(|location| !location.is_empty());
    let workspace_name = workspace.into_inner();
    let (id, now) = (state.next_build(), date::now());
    let build = Build {
        id,
        workspace: state.workspace(&workspace_name),
        workspace_name,
        status: if external_location.is_some() { Status::Finished } else { Status::Building },
        created: now,
        updated: now,
        model_version,
        external_location,
        scan: Scan::new(state.next_id(), now),
        scan_waits: false,
    };
    let answer = build.to_json();
    if build.status == Status::Building {
        let later = Arc::clone(&registry);
        registry.later(async move {
            tokio::time::sleep(later.options.build_time).await;
            finish(&mut later.state(), id);
        });
    }
    state.builds.insert(id, build);
    Ok(Json(answer))
}

pub async fn get(registry: Data<Registry>, path: Path<(String, u64)>) -> Answer {
    Ok(Json(of_workspace(&mut registry.state(), &path)?.to_json()))
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
    build.updated = date::now();
    if build.scan_waits {
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
