//! The files of an artifact, page by page, each with the address that W&B gives for it.

use serde::Deserialize;
use serde_json::json;

use super::artifact::{self, answered};
use super::graphql;
use crate::Event;
use crate::registry::object::Object;
use crate::registry::{ArtifactSource, ArtifactStep, Exchange, Location, Request};

const QUERY: &str = "query ArtifactFiles($id: ID!, $cursor: String, $perPage: Int) { artifact(id: $id) { files(after: $cursor, first: $perPage) { pageInfo { hasNextPage endCursor } edges { node { name directUrl } } } } }";
const PER_PAGE: u32 = 500;

#[derive(Deserialize)]
struct Data {
    artifact: Option<Object<Artifact>>,
}

#[derive(Deserialize)]
struct Artifact {
    files: Object<Files>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Files {
    page_info: Object<PageInfo>,
    edges: Vec<Object<Edge>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageInfo {
    has_next_page: bool,
    end_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Edge {
    node: Object<Node>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    name: String,
    direct_url: Option<String>,
}

pub(in crate::registry) fn next(event: &Event, seen: &[Exchange]) -> ArtifactStep {
    seek(event, seen).unwrap_or_else(|step| step)
}

/// `Err` is the step that ends it early.
fn seek(event: &Event, seen: &[Exchange]) -> Result<ArtifactStep, ArtifactStep> {
    let id = event.version.id.as_deref().ok_or_else(|| ArtifactStep::Refused(artifact::nameless()))?;
    let mut found = Vec::new();
    let mut cursor: Option<String> = None;
    for page in seen {
        let Some(Object(artifact)) = answered::<Data>(page)?.artifact else {
            return Err(ArtifactStep::Refused("W&B does not know the artifact".to_owned()));
        };
        let Object(Files { page_info: Object(info), edges }) = artifact.files;
        for Object(Edge { node: Object(node) }) in edges {
            let url = node.direct_url.filter(|url| !url.is_empty());
            let url = url.ok_or_else(|| ArtifactStep::Retry("W&B gives no address for a file".to_owned()))?;
            let last = node.name.rsplit('/').next().unwrap_or_default();
            let extension = last.rsplit_once('.').map(|(_, extension)| extension.to_owned());
            found.push(ArtifactSource::new(node.name, extension, Location::Url(url)));
        }
        match info.end_cursor.filter(|_| info.has_next_page) {
            // A cursor that stays would be a list without an end.
            Some(next) if Some(&next) != cursor.as_ref() => cursor = Some(next),
            Some(_) => return Err(ArtifactStep::Retry("W&B's list of files does not go on".to_owned())),
            None if found.is_empty() => return Err(ArtifactStep::Refused("the artifact has no files".to_owned())),
            None => return Ok(ArtifactStep::Found(found)),
        }
    }
    Ok(ArtifactStep::Send(ask(id, cursor.as_deref())))
}

fn ask(id: &str, cursor: Option<&str>) -> Request {
    graphql(QUERY, &json!({ "id": id, "cursor": cursor, "perPage": PER_PAGE }), Vec::new())
}
