//! The files of a commit: a list of names, each at an address of the Hub's own.

use serde::Deserialize;

use super::{decode, nameless, repository, revision};
use crate::Event;
use crate::registry::answer::{encoded, object};
use crate::registry::object::Object;
use crate::registry::{ArtifactSource, ArtifactStep, Exchange, Location};

#[derive(Deserialize)]
struct Revision {
    sha: String,
    #[serde(default)]
    siblings: Vec<Object<Sibling>>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
}

pub(in crate::registry) fn next(event: &Event, seen: &[Exchange]) -> ArtifactStep {
    seek(event, seen).unwrap_or_else(|step| step)
}

/// `Err` is the step that ends it early.
fn seek(event: &Event, seen: &[Exchange]) -> Result<ArtifactStep, ArtifactStep> {
    let repository = repository(event).ok_or_else(|| ArtifactStep::Refused(nameless()))?;
    let Some(asked) = seen.first() else {
        return Ok(ArtifactStep::Send(revision::ask(&repository, event.version.id.as_deref())));
    };
    let Revision { sha, siblings } = object(asked)?;
    // The commit that was listed is the one that is fetched, whatever is pushed meanwhile.
    let sha = Some(sha).filter(|sha| decode::is_sha(sha));
    let sha = sha.ok_or_else(|| ArtifactStep::Retry("the Hub's answer names no commit".to_owned()))?;
    let mut found = Vec::with_capacity(siblings.len());
    for Object(Sibling { rfilename }) in siblings {
        let plain = rfilename.split('/').all(|part| !["", ".", ".."].contains(&part));
        if !plain {
            return Err(ArtifactStep::Refused("the Hub lists a file whose name leads out of its folder".to_owned()));
        }
        let parts: Vec<String> = rfilename.split('/').map(encoded).collect();
        let path = format!("/{repository}/resolve/{sha}/{}", parts.join("/"));
        let last = rfilename.rsplit('/').next().unwrap_or_default();
        let extension = last.rsplit_once('.').map(|(_, extension)| extension.to_owned());
        found.push(ArtifactSource::new(rfilename, extension, Location::Own(path)));
    }
    if found.is_empty() {
        return Err(ArtifactStep::Refused("the commit has no files".to_owned()));
    }
    Ok(ArtifactStep::Found(found))
}
