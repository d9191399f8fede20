//! How things stand: every version of every model, with all that counts as its stages.

use serde::Deserialize;

use super::decode::{stands, to};
use super::details::{Item, unknown};
use super::{Comet, get};
use crate::registry::answer::{object, query};
use crate::registry::identity::identity;
use crate::registry::object::Object;
use crate::registry::survey::{Answers, survey};
use crate::registry::{Exchange, Reading, Roll, SurveyStep};
use crate::{Event, EventKind};

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Workspaces {
    workspace_names: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Models {
    registry_models: Vec<Object<Model>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Model {
    model_name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Details {
    versions: Vec<Object<Item>>,
}

/// Workspaces, where the configuration names none → their models → the versions of each.
pub(in crate::registry) fn next(comet: &Comet, name: &str, seen: &[Exchange]) -> SurveyStep {
    survey(seen, |answers, found| seek(comet, name, answers, found))
}

fn seek(comet: &Comet, name: &str, answers: &mut Answers<'_>, found: &mut Vec<Reading>) -> Result<(), SurveyStep> {
    let workspaces = match &comet.workspace {
        Some(workspace) => vec![workspace.clone()],
        None => answers.to::<Workspaces>(|| get("workspaces"))?.workspace_names,
    };
    for workspace in workspaces {
        let of_workspace = query(&[("workspaceName", &workspace)]);
        let Models { registry_models } = answers.to(|| get(&["registry-model", &of_workspace].concat()))?;
        for Object(Model { model_name }) in registry_models {
            let of_model = query(&[("workspaceName", &workspace), ("modelName", &model_name)]);
            let answer = answers.exchange(|| get(&["registry-model/details", &of_model].concat()))?;
            // It was deleted since.
            if unknown(answer) {
                continue;
            }
            let mut event = Event::new(EventKind::VersionCreated, name);
            event.workspace = Some(workspace.clone());
            event.model.id = identity(Some(&workspace), Some(&model_name));
            event.model.name = Some(model_name);
            for Object(item) in object::<Details>(answer)?.versions {
                found.extend(says(event.clone(), &item)?);
            }
        }
    }
    Ok(())
}

/// That it was made, and each stage that it has.
fn says(mut event: Event, item: &Item) -> Result<Vec<Reading>, SurveyStep> {
    let (Some(version), Some(stages)) = (&item.version, item.words()) else {
        let model = event.model.name.unwrap_or_default();
        return Err(SurveyStep::Refused(format!(
            "the registry does not say which stages the versions of {model} have"
        )));
    };
    event.version.name = Some(version.clone());
    let roll = Roll::of(&event, Some(item.listed()), Some(item.status.as_str().unwrap_or_default()));
    let mut readings = vec![Reading { roll, ..Reading::of(event.clone()) }];
    event.kind = EventKind::StageChanged;
    let mut known = Vec::new();
    for stage in stages.into_iter().map(to) {
        if !known.contains(&stage.stage_to) {
            known.push(stage.stage_to.clone());
            readings.push(Reading::of(stands(&event, stage)));
        }
    }
    Ok(readings)
}
