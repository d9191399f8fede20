//! The files of a model version: build → model version → an address for each file.
//!
//! Sources: `GET …/builds/{id}` with its `creator_request.model_version_id`, `ModelVersion.model` and `.artifacts`, and
//! `getUrlForArtifact`, all as Verta's public client calls them.

use serde::Deserialize;
use serde_json::{Value, json};

use super::redirect::text;
use super::{Verta, request};
use crate::Event;
use crate::registry::answer::{object, segment};
use crate::registry::object::Object;
use crate::registry::{ArtifactSource, ArtifactStep, Exchange, Location, Request};

/// A version has a handful of artifacts; each managed one costs a request.
const MAX_ARTIFACTS: usize = 1000;

#[derive(Deserialize)]
struct Build {
    #[serde(default, alias = "creatorRequest")]
    creator_request: Option<Object<CreatorRequest>>,
}

#[derive(Deserialize)]
struct CreatorRequest {
    #[serde(default, alias = "modelVersionId")]
    model_version_id: Value,
}

#[derive(Deserialize)]
struct GetModelVersion {
    #[serde(alias = "modelVersion")]
    model_version: Object<ModelVersion>,
}

#[derive(Deserialize)]
struct ModelVersion {
    #[serde(default)]
    model: Option<Object<Artifact>>,
    #[serde(default)]
    artifacts: Option<Vec<Object<Artifact>>>,
}

#[derive(Deserialize)]
#[serde(default)]
struct Artifact {
    key: String,
    path: String,
    /// The registry knows where the file is, and does not keep it.
    #[serde(alias = "pathOnly")]
    path_only: bool,
    #[serde(rename = "artifact_type", alias = "artifactType")]
    kind: Value,
    #[serde(alias = "filenameExtension")]
    filename_extension: Option<String>,
}

impl Default for Artifact {
    fn default() -> Self {
        Self { key: String::new(), path: String::new(), path_only: false, kind: Value::Null, filename_extension: None }
    }
}

#[derive(Deserialize)]
struct UrlForArtifact {
    #[serde(default)]
    url: Option<String>,
}

pub(super) fn next(verta: &Verta, event: &Event, seen: &[Exchange]) -> ArtifactStep {
    seek(verta, event, seen).unwrap_or_else(|step| step)
}

/// `Err` is the step that ends it early.
fn seek(verta: &Verta, event: &Event, seen: &[Exchange]) -> Result<ArtifactStep, ArtifactStep> {
    let refused = |reason: &str| ArtifactStep::Refused(reason.to_owned());
    let (id, seen) = match (&event.version.id, &event.build.id) {
        (Some(id), _) => (id.clone(), seen),
        (None, Some(build)) => {
            let Some((asked, rest)) = seen.split_first() else {
                return read_build(verta, build).map(ArtifactStep::Send).ok_or_else(|| {
                    refused("the event names no build, or the registry no workspace, that a path can hold")
                });
            };
            let made_of = object::<Build>(asked)?.creator_request;
            let id = made_of.and_then(|Object(made_of)| text(&made_of.model_version_id));
            (id.ok_or_else(|| refused("the build was made of no model version"))?, rest)
        }
        (None, None) => return Err(refused("the event names neither a model version nor a build")),
    };
    let id = segment(&id).ok_or_else(|| refused("the model version's id is none that a path can hold"))?;
    let path = format!("/api/v1/registry/model_versions/{id}");
    let Some((asked, seen)) = seen.split_first() else {
        return Ok(ArtifactStep::Send(request("GET", path, None)));
    };
    let Object(version) = object::<GetModelVersion>(asked)?.model_version;
    let model = version.model.filter(|Object(model)| !(model.key.is_empty() && model.path.is_empty()));
    // Beside other files, a missing model is still missing: whoever scanned the rest has not seen it.
    let model = model.ok_or_else(|| refused("the model version has no model: log one, then request the scan again"))?;
    let others = version.artifacts.unwrap_or_default();
    if others.len() >= MAX_ARTIFACTS {
        return Err(refused(&format!("the model version has more than {MAX_ARTIFACTS} artifacts")));
    }
    let mut answers = seen.iter();
    let mut found = Vec::with_capacity(others.len() + 1);
    for Object(artifact) in std::iter::once(model).chain(others) {
        let location = if artifact.path_only {
            Location::Path(artifact.path.clone())
        } else {
            let Some(answer) = answers.next() else {
                return Ok(ArtifactStep::Send(ask_for_url(&path, &artifact)));
            };
            match object::<UrlForArtifact>(answer)?.url {
                Some(url) if !url.is_empty() => Location::Url(url),
                _ => return Err(ArtifactStep::Retry(format!("{} was answered without an address", answer.request))),
            }
        };
        found.push(source(artifact, location));
    }
    Ok(ArtifactStep::Found(found))
}

fn read_build(verta: &Verta, build: &str) -> Option<Request> {
    let (workspace, build) = (segment(verta.workspace.as_deref()?)?, segment(build)?);
    Some(request("GET", format!("/api/v1/deployment/workspace/{workspace}/builds/{build}"), None))
}

fn ask_for_url(version: &str, artifact: &Artifact) -> Request {
    let body = json!({ "key": artifact.key, "method": "GET", "artifact_type": artifact.kind });
    request("POST", format!("{version}/getUrlForArtifact"), Some(&body))
}

fn source(artifact: Artifact, location: Location) -> ArtifactSource {
    let Artifact { key, path, filename_extension, .. } = artifact;
    let name = if key.is_empty() { path.clone() } else { key };
    let said = filename_extension.filter(|extension| !extension.is_empty());
    ArtifactSource { extension: said.or_else(|| ending(&name)).or_else(|| ending(&path)), name, location }
}

/// What stands after the last dot of a path's last name.
fn ending(path: &str) -> Option<String> {
    let name = path.rsplit('/').next()?;
    name.rsplit_once('.').map(|(_, ending)| ending.to_owned()).filter(|ending| !ending.is_empty())
}
