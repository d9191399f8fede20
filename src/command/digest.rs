//! `scanrelay digest`: what verdicts call a model's files.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use scanrelay::plugin::{Artifact, ArtifactFile};

use super::output::{json, line};
use super::{Failure, Outcome};
use crate::daemon::Digest;

#[derive(Debug, Args)]
pub struct Arguments {
    /// A file, or the folder with all files of the model and no others. Where it lies and what it is called does not matter;
    /// the names of the files in it do.
    path: PathBuf,
    /// One JSON document, with the digest of each file.
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let artifact = tree(&arguments.path).map_err(Failure::Failed)?;
    if artifact.files.is_empty() {
        return Err(Failure::Failed(format!("{}: there is no file in it", arguments.path.display())));
    }
    if !arguments.json {
        return line(&artifact.sha256);
    }
    let files = artifact
        .files
        .iter()
        .map(|file| serde_json::json!({ "name": file.name, "sha256": file.sha256, "size": file.size }));
    let files: Vec<_> = files.collect();
    json(&serde_json::json!({ "sha256": artifact.sha256, "size": artifact.size, "files": files }))
}

/// The files beneath a path, named as they lie there.
fn tree(path: &Path) -> Result<Artifact, String> {
    let mut files = Vec::new();
    let mut folders = Vec::new();
    if fs::metadata(path).map_err(|error| named(path, &error))?.is_dir() {
        folders.push((path.to_owned(), String::new()));
    } else {
        files.push(file(path, "model".to_owned())?);
    }
    while let Some((folder, name)) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|error| named(&folder, &error))? {
            let entry = entry.map_err(|error| named(&folder, &error))?;
            let path = entry.path();
            let own =
                entry.file_name().into_string().map_err(|_| format!("{}: its name is not UTF-8", path.display()))?;
            let name = if name.is_empty() { own } else { format!("{name}/{own}") };
            // A link to a file is what a download cache has in a file's place; one to a folder may lead in a circle.
            let kind = entry.file_type().map_err(|error| named(&path, &error))?;
            let found = fs::metadata(&path).map_err(|error| named(&path, &error))?;
            if found.is_file() {
                files.push(file(&path, name)?);
            } else if kind.is_dir() {
                folders.push((path, name));
            } else {
                let cure = "copy the model into a folder of its own";
                return Err(format!("{}: it is neither a file nor a folder: {cure}", path.display()));
            }
        }
    }
    Ok(Artifact::of(files))
}

fn file(path: &Path, name: String) -> Result<ArtifactFile, String> {
    let hashed = File::open(path).and_then(Digest::of);
    let (digest, size) = hashed.map_err(|error| named(path, &error))?;
    Ok(ArtifactFile::new(path.to_string_lossy(), name, digest.hex(), size))
}

fn named(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}
