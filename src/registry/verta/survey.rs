//! How things stand in a workspace: the stage of every version, and every build whose scan was asked of somebody else.

use serde::Deserialize;
use serde_json::{Value, json};

use super::decode::{change_key, moment, stage_of};
use super::{Verta, request};
use crate::registry::answer::segment;
use crate::registry::object::Object;
use crate::registry::scalar::Scalar;
use crate::registry::survey::{Answers, survey};
use crate::registry::{Exchange, Reading, SurveyStep};
use crate::{Event, EventKind, Stage};

/// An answer is read up to a bound.
const PER_PAGE: usize = 100;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Models {
    registered_models: Vec<Object<Model>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Model {
    workspace_id: Scalar,
    /// The same, as the registry's own definition has it.
    workspace_service_id: Scalar,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Versions {
    model_versions: Vec<Object<Version>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Version {
    id: Scalar,
    registered_model_id: Scalar,
    #[serde(rename = "version")]
    name: Scalar,
    stage: Value,
    time_created: Scalar,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Builds {
    builds: Vec<Object<Build>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Build {
    id: Scalar,
    location: Scalar,
    creator_request: Option<Object<CreatorRequest>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CreatorRequest {
    scan_external: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Scan {
    scan_status: Option<String>,
}

/// A model → versions → builds → the scan of each build that somebody else is asked for.
pub(in crate::registry) fn next(verta: &Verta, name: &str, seen: &[Exchange]) -> SurveyStep {
    survey(seen, |answers, found| seek(verta, name, answers, found))
}

fn seek(verta: &Verta, name: &str, answers: &mut Answers<'_>, found: &mut Vec<Reading>) -> Result<(), SurveyStep> {
    let workspace = verta.workspace.as_deref().and_then(segment);
    let workspace = workspace
        .ok_or_else(|| SurveyStep::Refused("it takes the name of its workspace to ask how things stand".to_owned()))?;
    let of_workspace = format!("/api/v1/registry/workspaces/{workspace}");

    // Any model of it knows the number by which webhooks call the workspace.
    let one = || request("POST", format!("{of_workspace}/registered_models/find"), Some(&page(1, 1)));
    let Models { registered_models } = answers.to(one)?;
    let number = registered_models.into_iter().next().and_then(|Object(model)| {
        let Model { workspace_id, workspace_service_id } = model;
        workspace_id.get().or_else(|| workspace_service_id.get())
    });
    for at in 1.. {
        let path = format!("{of_workspace}/model_versions/find");
        let Versions { model_versions } = answers.to(|| request("POST", path, Some(&page(at, PER_PAGE))))?;
        let is_last = model_versions.len() < PER_PAGE;
        for Object(version) in model_versions {
            version.says(name, number.as_ref(), found);
        }
        if is_last {
            break;
        }
    }

    let of_builds = format!("/api/v1/deployment/workspace/{workspace}/builds");
    let Builds { builds } = answers.to(|| request("GET", of_builds.clone(), None))?;
    for Object(build) in builds {
        let is_ours = build.creator_request.is_some_and(|Object(asked)| asked.scan_external == Some(true));
        // What is not built yet cannot be scanned, and its scan is not asked for either.
        let (Some(id), Some(image), true) = (build.id.get(), build.location.get(), is_ours) else { continue };
        let Some(path) = segment(&id) else { continue };
        let scan: Scan = answers.to(|| request("GET", format!("{of_builds}/{path}/scan"), None))?;
        let mut event = Event::new(EventKind::ScanRequest, name);
        event.workspace.clone_from(&number);
        event.build.id = Some(id);
        event.build.image = Some(image);
        event.change_key = change_key(&event);
        let is_open = matches!(scan.scan_status.as_deref(), Some("unscanned" | "scanning") | None);
        found.push(if is_open { Reading::of(event) } else { Reading::settled(event) });
    }
    Ok(())
}

/// The oldest first, so that what is made meanwhile moves nothing from one page to another.
fn page(number: usize, limit: usize) -> Value {
    json!({ "pagination": { "page_number": number, "page_limit": limit }, "ascending": true })
}

impl Version {
    /// That it was made, and where it stands.
    fn says(self, registry: &str, workspace: Option<&String>, found: &mut Vec<Reading>) {
        let (Some(id), Some(model)) = (self.id.get(), self.registered_model_id.get()) else { return };
        let mut event = Event::new(EventKind::VersionCreated, registry);
        event.workspace = workspace.cloned();
        event.model.id = Some(model);
        event.version.id = Some(id);
        event.version.name = self.name.get();
        let mut made = event.clone();
        made.occurred_at = self.time_created.get().and_then(|text| moment(&text));
        made.change_key = change_key(&made);
        found.push(Reading::of(made));
        let Some(stage) = stage_of(&self.stage) else { return };
        event.kind = if stage == Stage::new("production") { EventKind::Promotion } else { EventKind::StageChanged };
        event.change.stage_to = Some(stage);
        event.change_key = change_key(&event);
        found.push(Reading::of(event));
    }
}
