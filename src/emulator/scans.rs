//! Scans of builds: asked for with `POST`, answered with `PUT`.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::web::{Data, Json, Path};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::{Answer, Body, Refusal};
use super::builds::{Plan, latest, make, of_workspace, request_scan};
use super::date;
use super::dev::Write;
use super::entity::Uint64;
use super::registry::{Registry, State};

const NO_SCANNER: &str = "scan_external: it must be true, this registry has no scanner of its own";

/// What is known of a build's scan. Every build has one, so that there is always something to ask for.
pub struct Scan {
    id: Uint64,
    status: ScanStatus,
    safety: Safety,
    pub updated: Uint64,
    /// Whether somebody else was asked to scan.
    pub external: bool,
    pub results: Option<Results>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ScanStatus {
    Unscanned,
    Scanning,
    Scanned,
    Error,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Safety {
    #[default]
    Unknown,
    Safe,
    Unsafe,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Results {
    #[serde(default)]
    safety_status: Safety,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

impl Scan {
    pub fn new(id: Uint64, now: Uint64) -> Self {
        Self {
            id,
            status: ScanStatus::Unscanned,
            safety: Safety::Unknown,
            updated: now,
            external: false,
            results: None,
        }
    }

    /// Somebody was asked, and has not answered.
    pub fn awaited(&self) -> bool {
        self.status == ScanStatus::Scanning || (self.external && self.status == ScanStatus::Unscanned)
    }

    /// How it stands, in a word or two.
    pub fn word(&self) -> &'static str {
        match (self.status, self.safety) {
            (ScanStatus::Unscanned, _) if self.external => "requested…",
            (ScanStatus::Unscanned, _) => "not scanned",
            (ScanStatus::Scanning, _) => "scanning…",
            (ScanStatus::Error, _) => "error",
            (ScanStatus::Scanned, Safety::Safe) => "safe",
            (ScanStatus::Scanned, Safety::Unsafe) => "unsafe",
            (ScanStatus::Scanned, Safety::Unknown) => "no verdict",
        }
    }

    /// Where more is said.
    pub fn url(&self) -> Option<&str> {
        self.results.as_ref()?.url.as_deref()
    }

    fn to_json(&self) -> Value {
        let mut scan = json!({
            "id": self.id.0,
            "scan_status": self.status,
            "safety_status": self.safety,
            "scanner": if self.external { "external" } else { "" },
            "date_updated": date::iso(self.updated),
            "details": [],
            "creator_request": { "scan_external": self.external },
        });
        if let Some(results) = &self.results {
            scan["scan_external_results"] = json!(results);
        }
        scan
    }
}

#[derive(Deserialize)]
pub struct Ask {
    #[serde(default)]
    scan_external: bool,
}

/// Asks for a scan by somebody else. An old verdict does not stand for the new request.
pub async fn ask(registry: Data<Registry>, path: Path<(String, u64)>, Body(asked): Body<Ask>) -> Answer {
    if !asked.scan_external {
        return Err(Refusal::unprocessable(NO_SCANNER));
    }
    let mut state = registry.state();
    begin(&mut state, &path)?;
    Ok(Json(of_workspace(&mut state, &path)?.scan.to_json()))
}

#[derive(Deserialize)]
pub struct AskVersion {
    #[serde(default)]
    scan_external: bool,
    #[serde(default)]
    fail: bool,
}

/// Asks for a scan of a version's newest build, which is made first if there is none; answers with the build. Verta has
/// such a button, and how it calls is not documented: this path is this registry's own.
pub async fn ask_of_version(
    registry: Data<Registry>,
    path: Path<(String, u64)>,
    Body(asked): Body<AskVersion>,
) -> Answer {
    if !asked.scan_external {
        return Err(Refusal::unprocessable(NO_SCANNER));
    }
    let (workspace, version) = path.into_inner();
    let mut state = registry.state();
    let build = of_version(&registry, &mut state, &workspace, Uint64(version), asked.fail)?;
    Ok(Json(of_workspace(&mut state, &(workspace, build))?.to_json()))
}

/// Asks for a scan of a version: the id of the build that it is of.
pub fn of_version(
    registry: &Arc<Registry>,
    state: &mut State,
    workspace: &str,
    version: Uint64,
    fails: bool,
) -> Result<u64, Refusal> {
    let version = state.version(version)?.id;
    let build = latest(state, version, workspace)
        .unwrap_or_else(|| make(registry, state, version, workspace, Plan { fails, ..Plan::default() }));
    begin(state, &(workspace.to_owned(), build))?;
    Ok(build)
}

fn begin(state: &mut State, path: &(String, u64)) -> Result<(), Refusal> {
    let build = of_workspace(state, path)?;
    if build.failed() {
        return Err(Refusal::unprocessable(format!("build {} failed: there is nothing to scan", build.id)));
    }
    build.scan = Scan { external: true, ..Scan::new(build.scan.id, date::now()) };
    request_scan(state, path.1);
    Ok(())
}

/// The nested results had another name in older servers.
#[derive(Deserialize)]
struct Update {
    scan_status: ScanStatus,
    #[serde(default, alias = "scan_external_status")]
    scan_external_results: Option<Results>,
}

/// Takes results, on any build. What a new status does not say does not stand any more.
pub async fn put(
    registry: Data<Registry>,
    request: HttpRequest,
    path: Path<(String, u64)>,
    Body(body): Body<Value>,
) -> Answer {
    let update = Update::deserialize(&body).map_err(|error| Refusal::unprocessable(error.to_string()))?;
    let mut state = registry.state();
    let scan = &mut of_workspace(&mut state, &path)?.scan;
    let found = update.scan_external_results.as_ref().map(|results| results.safety_status);
    scan.safety = found.filter(|_| update.scan_status == ScanStatus::Scanned).unwrap_or_default();
    scan.status = update.scan_status;
    scan.results = update.scan_external_results;
    scan.updated = date::now();
    let answer = scan.to_json();
    state.writes.push(Write::new(&request, body));
    Ok(Json(answer))
}

pub async fn get(registry: Data<Registry>, path: Path<(String, u64)>) -> Answer {
    Ok(Json(of_workspace(&mut registry.state(), &path)?.scan.to_json()))
}

pub async fn get_of_build(registry: Data<Registry>, id: Path<u64>) -> Answer {
    let state = registry.state();
    let build = state.builds.get(&id).ok_or_else(|| Refusal::unknown("build", id))?;
    Ok(Json(build.scan.to_json()))
}
