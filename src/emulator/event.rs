//! Event bodies: `CreateEventRequest` in the `snake_case` form of protobuf's JSON mapping.

use std::hash::{BuildHasher, RandomState};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::entity::{ModelVersion, RegisteredModel, Uint64};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EventType {
    Create,
    Read,
    Update,
    Delete,
    Promote,
    RequestScan,
}

impl EventType {
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Read => "READ",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Promote => "PROMOTE",
            Self::RequestScan => "REQUEST_SCAN",
        }
    }
}

/// What an event is about: one of four enums of Verta's services, by its name in there.
///
/// Some names are in two of the enums, such as `BUILD`, and both mean the same: the name alone counts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ResourceType {
    #[serde(rename = "modeldb_service_resource_type", alias = "modeldbServiceResourceType")]
    Modeldb(String),
    #[serde(rename = "deployment_service_resource_type", alias = "deploymentServiceResourceType")]
    Deployment(String),
    #[serde(rename = "role_service_resource_type", alias = "roleServiceResourceType")]
    Role(String),
    #[serde(rename = "authz_service_resource_type", alias = "authzServiceResourceType")]
    Authz(String),
}

impl ResourceType {
    fn name(&self) -> &str {
        match self {
            Self::Modeldb(name) | Self::Deployment(name) | Self::Role(name) | Self::Authz(name) => name,
        }
    }
}

impl PartialEq for ResourceType {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

/// What happened to what.
pub enum Happening<'a> {
    ModelCreated(&'a RegisteredModel),
    VersionCreated(&'a ModelVersion),
    VersionUpdated { old: &'a ModelVersion, new: &'a ModelVersion },
    Promoted { old: &'a ModelVersion, new: &'a ModelVersion },
    ScanRequested { build: u64, image: &'a str },
}

impl Happening<'_> {
    pub fn event_type(&self) -> EventType {
        match self {
            Self::ModelCreated(_) | Self::VersionCreated(_) => EventType::Create,
            Self::VersionUpdated { .. } => EventType::Update,
            Self::Promoted { .. } => EventType::Promote,
            Self::ScanRequested { .. } => EventType::RequestScan,
        }
    }

    pub fn resource_type(&self) -> ResourceType {
        let modeldb = |name: &str| ResourceType::Modeldb(name.to_owned());
        match self {
            Self::ModelCreated(_) => modeldb("REGISTERED_MODEL"),
            Self::ScanRequested { .. } => ResourceType::Deployment("BUILD".to_owned()),
            _ => modeldb("REGISTERED_MODEL_VERSION"),
        }
    }

    pub fn body(&self, uuid: &str, workspace: Uint64, now: Uint64) -> Value {
        let mut body = json!({ "event_uuid": uuid, "workspace_id": workspace, "timestamp": now });
        // CREATE is the zero value, which protobuf's JSON leaves out.
        if self.event_type() != EventType::Create {
            body["event_type"] = json!(self.event_type());
        }
        let version = |version| json!({ "model_version": version, "entity_workspace_id": workspace });
        body["resource_type"] = json!(self.resource_type());
        body["new_entity"] = match self {
            Self::ModelCreated(model) => json!({ "registered_model": model, "entity_workspace_id": workspace }),
            Self::VersionCreated(new) | Self::VersionUpdated { new, .. } | Self::Promoted { new, .. } => version(new),
            // These names are camelCase in the protobuf definition itself.
            Self::ScanRequested { build, image } => json!({
                "scan_request": { "buildId": build.to_string(), "imageUrl": image }, "entity_workspace_id": workspace,
            }),
        };
        if let Self::VersionUpdated { old, .. } | Self::Promoted { old, .. } = self {
            body["original_entity"] = version(old);
        }
        body
    }
}

/// What `triggerTest` sends: an event that says nothing, and by its missing type is a CREATE.
pub fn test(uuid: &str, workspace: Option<Uint64>, now: Uint64) -> Value {
    let mut body = json!({ "event_uuid": uuid, "timestamp": now });
    if let Some(workspace) = workspace {
        body["workspace_id"] = json!(workspace);
    }
    body
}

/// Version 4 UUIDs from one random seed.
pub struct Uuids {
    seed: [u8; 32],
    given: u64,
}

impl Uuids {
    /// From the keys that the standard library draws for its maps: random enough for a registry that lives an afternoon.
    pub fn new() -> Self {
        let mut seed = [0; 32];
        for (nth, piece) in seed.chunks_exact_mut(8).enumerate() {
            piece.copy_from_slice(&RandomState::new().hash_one(nth).to_be_bytes());
        }
        Self { seed, given: 0 }
    }

    pub fn next(&mut self) -> String {
        self.given += 1;
        let digest = Sha256::new().chain_update(self.seed).chain_update(self.given.to_be_bytes()).finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        let bits = u128::from_be_bytes(bytes) & !(0xf << 76) & !(0b11 << 62) | (4 << 76) | (0b10 << 62);
        let hex = format!("{bits:032x}");
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}
