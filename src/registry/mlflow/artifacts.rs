//! The files of a version: where they are, and, where MLflow itself keeps them, a list of each folder.
//!
//! Sources: `model-versions/get-download-uri`, and the artifact service of `mlflow server --serve-artifacts`
//! (`mlflow-artifacts:/…` is its name for a path of its own).

use serde::Deserialize;

use super::{API, get, version};
use crate::Event;
use crate::registry::answer::{encoded, object, query};
use crate::registry::object::Object;
use crate::registry::{ArtifactSource, ArtifactStep, Exchange, Location};

const SERVICE: &str = "/api/2.0/mlflow-artifacts/artifacts";
/// Folders of one model. Each costs a request.
const MAX_FOLDERS: usize = 1000;
const MAX_FILES: usize = 100_000;

#[derive(Deserialize)]
struct DownloadUri {
    artifact_uri: String,
}

#[derive(Deserialize)]
struct GetRun {
    run: Object<Run>,
}

#[derive(Deserialize)]
struct Run {
    info: Object<DownloadUri>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Listing {
    files: Vec<Object<File>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct File {
    /// Relative to the folder that was listed.
    path: String,
    is_dir: bool,
}

pub(super) fn next(event: &Event, seen: &[Exchange]) -> ArtifactStep {
    seek(event, seen).unwrap_or_else(|step| step)
}

/// `Err` is the step that ends it early.
fn seek(event: &Event, seen: &[Exchange]) -> Result<ArtifactStep, ArtifactStep> {
    let (Some(name), Some(number)) = (&event.model.name, &event.version.name) else {
        return Err(ArtifactStep::Refused(version::nameless()));
    };
    let Some((asked, mut listings)) = seen.split_first() else {
        let query = query(&[("name", name), ("version", number)]);
        return Ok(ArtifactStep::Send(get([API, "model-versions/get-download-uri", &query].concat())));
    };
    let mut uri = object::<DownloadUri>(asked)?.artifact_uri;
    if let Some((ask, below)) = of_a_run(&uri) {
        let Some((asked, rest)) = listings.split_first() else { return Ok(ArtifactStep::Send(get(ask))) };
        let Object(place) = object::<GetRun>(asked)?.run.0.info;
        uri = if below.is_empty() {
            place.artifact_uri
        } else {
            [place.artifact_uri.trim_end_matches('/'), "/", below].concat()
        };
        listings = rest;
    }
    let Some(root) = own(&uri) else {
        let location = Location::Path(uri);
        return Ok(ArtifactStep::Found(vec![ArtifactSource::new("model", None, location)]));
    };
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    let mut answers = listings.iter();
    let mut nth = 0;
    while let Some(folder) = folders.get(nth).cloned() {
        let Some(answer) = answers.next() else { return Ok(ArtifactStep::Send(get(list(&folder)))) };
        for Object(file) in object::<Listing>(answer)?.files {
            let path = joined(&folder, &file.path).ok_or_else(|| {
                ArtifactStep::Refused("the registry lists a file whose name leads out of its folder".to_owned())
            })?;
            if file.is_dir {
                folders.push(path);
            } else {
                found.push(source(&root, &path));
            }
        }
        if folders.len() > MAX_FOLDERS || found.len() > MAX_FILES {
            return Err(ArtifactStep::Refused(format!(
                "the model has more than {MAX_FOLDERS} folders or {MAX_FILES} files"
            )));
        }
        nth += 1;
    }
    if found.is_empty() && folders.len() == 1 && !root.is_empty() {
        // The list of a file is empty, too: then the folder that it is in has it.
        let (folder, name) = root.rsplit_once('/').unwrap_or(("", &root));
        let Some(answer) = answers.next() else { return Ok(ArtifactStep::Send(get(list(folder)))) };
        let is_it = |Object(file): &Object<File>| file.path == name && !file.is_dir;
        found.extend(object::<Listing>(answer)?.files.iter().find(|file| is_it(file)).map(|_| source(folder, &root)));
    }
    if found.is_empty() {
        // What is there later, such as a model that is still being logged, is a scan later.
        return Err(ArtifactStep::Retry("the registry has no file of the model yet".to_owned()));
    }
    Ok(ArtifactStep::Found(found))
}

/// `runs:/ID/PATH`: who is asked where the files of a run are, and the path there.
fn of_a_run(uri: &str) -> Option<(String, &str)> {
    let rest = uri.strip_prefix("runs:/")?.trim_matches('/');
    let (id, below) = rest.split_once('/').unwrap_or((rest, ""));
    Some(([API, "runs/get", &query(&[("run_id", id)])].concat(), below))
}

/// The path in the registry's own artifact service. With a host it may be another server, which is asked by nobody here.
fn own(uri: &str) -> Option<String> {
    let path = uri.strip_prefix("mlflow-artifacts:")?;
    let path = match path.strip_prefix("//") {
        Some(rest) => rest.strip_prefix('/')?,
        None => path,
    };
    let path = path.trim_matches('/');
    is_plain(path).then(|| path.to_owned())
}

fn joined(folder: &str, name: &str) -> Option<String> {
    let path = if folder.is_empty() { name.to_owned() } else { [folder, "/", name].concat() };
    (!name.is_empty() && is_plain(name)).then_some(path)
}

/// No part of it goes elsewhere than down.
fn is_plain(path: &str) -> bool {
    path.is_empty() || path.split('/').all(|part| !["", ".", ".."].contains(&part))
}

fn list(folder: &str) -> String {
    if folder.is_empty() { SERVICE.to_owned() } else { [SERVICE, &query(&[("path", folder)])].concat() }
}

fn source(root: &str, path: &str) -> ArtifactSource {
    let name = path.strip_prefix(root).unwrap_or(path).trim_start_matches('/');
    let last = name.rsplit('/').next().unwrap_or_default();
    let extension = last.rsplit_once('.').map(|(_, extension)| extension.to_owned());
    let parts: Vec<String> = path.split('/').map(encoded).collect();
    ArtifactSource::new(name, extension, Location::Own([SERVICE, "/", &parts.join("/")].concat()))
}
