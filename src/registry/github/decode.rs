//! The body of a delivery.
//!
//! `repository_dispatch` carries what its sender wrote into `client_payload`. These keys of it are read, others are for
//! plugins: `id`, `model`, `version`, `sha`, `stage`, `stage_from`, `alias`, `tag` with `value`, `build`, `image`,
//! `artifact_uri`. Its `action` is the event: one of our own words, such as `promotion` or `scan_request`, or any other, for
//! which there are rules. Two dispatches with the same bytes are one delivery: an `id` tells them apart.

use serde::Deserialize;

use crate::event::Tag;
use crate::registry::object::Object;
use crate::registry::other;
use crate::registry::scalar::Scalar;
use crate::{BodyError, Event, EventKind, Stage, Timestamp, body};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Delivery {
    action: Scalar,
    /// Of a `ping`.
    hook_id: Scalar,
    client_payload: Option<Object<ClientPayload>>,
    registry_package: Option<Object<Package>>,
    repository: Option<Object<Repository>>,
    sender: Option<Object<Account>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ClientPayload {
    id: Scalar,
    model: Scalar,
    version: Scalar,
    sha: Scalar,
    stage: Scalar,
    stage_from: Scalar,
    alias: Scalar,
    tag: Scalar,
    value: Scalar,
    build: Scalar,
    image: Scalar,
    artifact_uri: Scalar,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Package {
    name: Scalar,
    namespace: Scalar,
    #[serde(rename = "package_version")]
    version: Option<Object<PackageVersion>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PackageVersion {
    version: Scalar,
    name: Scalar,
    /// The commit that it was made of.
    target_oid: Scalar,
    package_url: Scalar,
    created_at: Scalar,
    container_metadata: Option<Object<Container>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Container {
    tag: Option<Object<ContainerTag>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ContainerTag {
    name: Scalar,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Repository {
    full_name: Scalar,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Account {
    login: Scalar,
}

pub(in crate::registry) fn read(name: &str, body: &[u8]) -> Result<Event, BodyError> {
    let delivery = body::read::<Delivery>(body)?;
    Ok(delivery.map_or_else(|| other(name, "unreadable"), |delivery| delivery.into_event(name)))
}

impl Delivery {
    fn into_event(self, name: &str) -> Event {
        let action = self.action.get().unwrap_or_default();
        let mut event = match (self.registry_package, self.client_payload) {
            (Some(Object(package)), _) => package.into_event(name, &action),
            (None, Some(Object(payload))) if !action.is_empty() => payload.into_event(name, &action),
            _ if self.hook_id.get().is_some() && action.is_empty() => Event::new(EventKind::Test, name),
            _ if action.is_empty() => other(name, "unknown"),
            _ => other(name, &action),
        };
        event.workspace = self.repository.and_then(|Object(repository)| repository.full_name.get());
        event.actor = self.sender.and_then(|Object(sender)| sender.login.get());
        event
    }
}

impl Package {
    fn into_event(self, name: &str, action: &str) -> Event {
        let mut event = match action {
            "published" => Event::new(EventKind::VersionCreated, name),
            action => other(name, &["registry_package.", action].concat()),
        };
        event.model.name = match (self.namespace.get(), self.name.get()) {
            (Some(namespace), Some(name)) => Some([namespace.as_str(), "/", &name].concat()),
            (_, name) => name,
        };
        if let Some(Object(version)) = self.version {
            event.version.id = version.target_oid.get().filter(|sha| is_sha(sha));
            event.version.name = version.version.get().or(version.name.get());
            event.occurred_at = version.created_at.get().and_then(|text| Timestamp::from_rfc3339(&text));
            let tag = version.container_metadata.and_then(|Object(container)| container.tag);
            event.change.alias = tag.and_then(|Object(tag)| tag.name.get());
            event.build.image = version.package_url.get();
        }
        event
    }
}

impl ClientPayload {
    fn into_event(self, name: &str, action: &str) -> Event {
        let mut event = Event::new(EventKind::from(action.to_owned()), name);
        event.id = self.id.get();
        event.model.name = self.model.get();
        event.version.id = self.sha.get().filter(|sha| is_sha(sha));
        event.version.name = self.version.get();
        event.change.stage_to = self.stage.get().map(|stage| Stage::new(&stage));
        event.change.stage_from = self.stage_from.get().map(|stage| Stage::new(&stage));
        event.change.alias = self.alias.get();
        let value = self.value.get();
        event.change.tag = self.tag.get().map(|key| {
            let mut tag = Tag::default();
            (tag.key, tag.value) = (key, value);
            tag
        });
        event.build.id = self.build.get();
        event.build.image = self.image.get();
        event.artifact_uri = self.artifact_uri.get();
        event
    }
}

/// SHA-1 or SHA-256 of a commit, in hex.
pub(super) fn is_sha(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
