//! Versions of models: made of a place, looked at, changed and deleted.

use actix_web::web::{Data, Json};
use serde_json::{Value, json};
use tracing::info;
use url::Url;

use super::answer::{Answer, Refusal};
use super::asked::Asked;
use super::event::Happening;
use super::filter::Filter;
use super::models::no_prompt;
use super::state::{ARCHIVED, NO_STAGE, STAGES, Version};
use super::{names, pages};
use crate::emulator::date;
use crate::emulator::registry::Registry;

/// As many on a page where nobody says how many, and at most.
const USUAL: usize = 10_000;
const MOST: usize = 200_000;

pub async fn create(registry: Data<Registry>, asked: Asked) -> Answer {
    let (name, source, tags) = (asked.text("name")?, asked.text("source")?, asked.tags()?);
    let (run_id, run_link, description) = (asked.said("run_id")?, asked.said("run_link")?, asked.said("description")?);
    no_prompt(&tags)?;
    is_place(source)?;
    let mut state = registry.state();
    let model = state.mlflow.model_mut(name)?;
    let now = date::now().0;
    model.given += 1;
    model.updated = now;
    let version = Version {
        number: model.given,
        description: Some(description.unwrap_or_default().to_owned()),
        source: source.to_owned(),
        run_id: run_id.unwrap_or_default().to_owned(),
        run_link: run_link.unwrap_or_default().to_owned(),
        stage: NO_STAGE,
        tags: tags.clone(),
        created: now,
        updated: now,
    };
    let (number, told) = (version.number.to_string(), model.version_json(&version));
    model.versions.insert(version.number, version);
    info!(model = name, version = number, "MLflow: version registered");
    Happening::Version { name, version: &number, source, run_id, tags: &tags, description }.tell(&mut state);
    Ok(Json(json!({ "model_version": told })))
}

/// Somewhere, and not on this machine. MLflow itself finds out what a run or another version has; here is neither.
fn is_place(source: &str) -> Result<(), Refusal> {
    let url =
        Url::parse(source).map_err(|_| "it must be a URI, such as mlflow-artifacts:/models/fraud or s3://BUCKET/KEY");
    let refused = match url.as_ref().map(Url::scheme) {
        Err(reason) => reason,
        Ok("file") => "a path of this machine is nothing that a registry may hand out",
        Ok("runs" | "models") => {
            "this registry has no runs and copies no versions: put the files to /api/2.0/mlflow-artifacts/artifacts/PATH and \
             name mlflow-artifacts:/PATH"
        }
        Ok("mlflow-artifacts") if !names::is_path(url_path(source)) => "it leads nowhere in the artifact service",
        Ok(_) if source.split('/').any(|part| part == "..") => {
            "an absolute path must be provided, without relative parts"
        }
        Ok(_) => return Ok(()),
    };
    Err(Refusal::invalid(format!("Invalid model version source: '{source}': {refused}.")))
}

/// What comes after the scheme and, where there is one, the host.
fn url_path(source: &str) -> &str {
    let rest = source.split_once(':').map_or(source, |(_, rest)| rest);
    let path = rest.strip_prefix("//").map_or(rest, |rest| rest.split_once('/').map_or("", |(_, path)| path));
    path.trim_matches('/')
}

pub async fn get(registry: Data<Registry>, asked: Asked) -> Answer {
    let state = registry.state();
    let (model, version) = state.mlflow.version(asked.text("name")?, asked.text("version")?)?;
    Ok(Json(json!({ "model_version": model.version_json(version) })))
}

pub async fn download_uri(registry: Data<Registry>, asked: Asked) -> Answer {
    let state = registry.state();
    let (_, version) = state.mlflow.version(asked.text("name")?, asked.text("version")?)?;
    Ok(Json(json!({ "artifact_uri": version.source })))
}

/// What was changed last comes first. MLflow leaves the aliases out.
pub async fn search(registry: Data<Registry>, asked: Asked) -> Answer {
    let filter = Filter::parse(asked.maybe("filter")?.unwrap_or_default())?;
    let state = registry.state();
    let all =
        state.mlflow.models.values().flat_map(|model| model.versions.values().map(move |version| (model, version)));
    let mut found: Vec<_> = all.filter(|(model, version)| filter.takes(&model.name, &version.tags)).collect();
    found.sort_by(|(model, one), (other_model, other)| {
        let (newer, name) = (other.updated.cmp(&one.updated), model.name.cmp(&other_model.name));
        newer.then(name).then(other.number.cmp(&one.number))
    });
    let found: Vec<Value> = found.into_iter().map(|(model, version)| version.to_json(&model.name)).collect();
    pages::page(&asked, "model_versions", found, USUAL, MOST).map(Json)
}

/// A description that is not named is taken away.
pub async fn update(registry: Data<Registry>, asked: Asked) -> Answer {
    let (name, version) = (asked.text("name")?, asked.text("version")?);
    let description = asked.maybe("description")?.map(str::to_owned);
    let mut state = registry.state();
    let changed = state.mlflow.version_mut(name, version)?;
    changed.description = description;
    changed.updated = date::now().0;
    let (model, version) = state.mlflow.version(name, version)?;
    Ok(Json(json!({ "model_version": model.version_json(version) })))
}

/// Nobody hears of it: MLflow has no event of stages.
pub async fn transition(registry: Data<Registry>, asked: Asked) -> Answer {
    let (name, version, stage) = (asked.text("name")?, asked.text("version")?, asked.text("stage")?);
    let archive = asked.flag("archive_existing_versions")?;
    let known = STAGES.into_iter().find(|known| known.eq_ignore_ascii_case(stage));
    let stage = known.ok_or_else(|| {
        Refusal::invalid(format!("Invalid Model Version stage: {stage}. Value must be one of {}.", STAGES.join(", ")))
    })?;
    if archive && [NO_STAGE, ARCHIVED].contains(&stage) {
        return Err(Refusal::invalid(format!(
            "existing versions cannot be archived: '{stage}' is not an active stage"
        )));
    }
    let now = date::now().0;
    let mut state = registry.state();
    let number = state.mlflow.version(name, version)?.1.number;
    let model = state.mlflow.model_mut(name)?;
    model.updated = now;
    for version in model.versions.values_mut() {
        if version.number == number {
            version.stage = stage;
        } else if archive && version.stage == stage {
            version.stage = ARCHIVED;
        } else {
            continue;
        }
        version.updated = now;
    }
    let (model, version) = state.mlflow.version(name, version)?;
    Ok(Json(json!({ "model_version": model.version_json(version) })))
}

/// With its aliases; nobody hears of it.
pub async fn delete(registry: Data<Registry>, asked: Asked) -> Answer {
    let (name, version) = (asked.text("name")?, asked.text("version")?);
    let mut state = registry.state();
    let number = state.mlflow.version(name, version)?.1.number;
    let model = state.mlflow.model_mut(name)?;
    model.versions.remove(&number);
    model.aliases.retain(|_, of| *of != number);
    model.updated = date::now().0;
    Ok(Json(json!({})))
}
