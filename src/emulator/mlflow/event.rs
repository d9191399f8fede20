//! What webhooks are told of, and how it is worded.

use actix_web::web::Bytes;
use scanrelay::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::Refusal;
use super::asked::Tags;
use super::deliver::{Letter, Post};
use super::python;
use crate::emulator::date;
use crate::emulator::registry::State;

/// An event as a webhook asks for it; in the order of MLflow's lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    VersionCreated,
    AliasCreated,
    AliasDeleted,
    TagDeleted,
    TagSet,
    ModelCreated,
}

impl Kind {
    const ALL: [Self; 6] = [
        Self::VersionCreated,
        Self::AliasCreated,
        Self::AliasDeleted,
        Self::TagDeleted,
        Self::TagSet,
        Self::ModelCreated,
    ];

    /// Entity and action, as they stand in a delivery; in the API they are in capitals.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::VersionCreated => ("model_version", "created"),
            Self::AliasCreated => ("model_version_alias", "created"),
            Self::AliasDeleted => ("model_version_alias", "deleted"),
            Self::TagDeleted => ("model_version_tag", "deleted"),
            Self::TagSet => ("model_version_tag", "set"),
            Self::ModelCreated => ("registered_model", "created"),
        }
    }

    pub fn to_json(self) -> Value {
        let (entity, action) = self.words();
        json!({ "entity": entity.to_uppercase(), "action": action.to_uppercase() })
    }

    pub fn parse(event: &Value) -> Result<Self, Refusal> {
        #[derive(Deserialize)]
        struct Words {
            entity: String,
            action: String,
        }
        let refused = || {
            Refusal::invalid(format!(
                "Invalid event {event}: this registry tells of models, versions, aliases and tags"
            ))
        };
        let Words { entity, action } = Words::deserialize(event).map_err(|_| refused())?;
        let known = Self::ALL.into_iter().find(|kind| {
            let (known, does) = kind.words();
            known.to_uppercase() == entity && does.to_uppercase() == action
        });
        known.ok_or_else(refused)
    }
}

/// What happened, with the fields that a delivery has of it.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Happening<'a> {
    Model {
        name: &'a str,
        tags: &'a Tags,
        description: &'a str,
    },
    Version {
        name: &'a str,
        version: &'a str,
        source: &'a str,
        run_id: Option<&'a str>,
        tags: &'a Tags,
        description: Option<&'a str>,
    },
    TagSet {
        name: &'a str,
        version: &'a str,
        key: &'a str,
        value: &'a str,
    },
    TagDeleted {
        name: &'a str,
        version: &'a str,
        key: &'a str,
    },
    AliasSet {
        name: &'a str,
        alias: &'a str,
        version: &'a str,
    },
    AliasDeleted {
        name: &'a str,
        alias: &'a str,
    },
}

impl Happening<'_> {
    fn kind(&self) -> Kind {
        match self {
            Self::Model { .. } => Kind::ModelCreated,
            Self::Version { .. } => Kind::VersionCreated,
            Self::TagSet { .. } => Kind::TagSet,
            Self::TagDeleted { .. } => Kind::TagDeleted,
            Self::AliasSet { .. } => Kind::AliasCreated,
            Self::AliasDeleted { .. } => Kind::AliasDeleted,
        }
    }

    /// Queues it for everybody who hears of it, for each with an id of its own.
    pub fn tell(&self, state: &mut State) {
        for (target, posts) in state.mlflow.hooks.hearing(self.kind()) {
            let letter = self.letter(state.next_uuid());
            // The other end is gone only when the registry ends.
            let _ = posts.send(Post { target, letter });
        }
    }

    fn letter(&self, id: String) -> Letter {
        #[derive(Serialize)]
        struct Envelope<'a> {
            entity: &'a str,
            action: &'a str,
            timestamp: String,
            data: &'a Happening<'a>,
        }
        let now = date::micros();
        let (entity, action) = self.kind().words();
        let envelope = Envelope { entity, action, timestamp: date::python_iso(now), data: self };
        let at = Timestamp::from_millis(i64::try_from(now / 1000).unwrap_or(i64::MAX));
        Letter { id, at, body: Bytes::from(python::dumps(&envelope)) }
    }
}

/// What MLflow sends to try a webhook: nothing in it says that it is a test but the model's name.
pub fn example(kind: Kind, id: String) -> Letter {
    let (name, version, alias, key) = ("example_model", "1", "example_alias", "example_key");
    let tags = Tags::from([(key.to_owned(), "example_value".to_owned())]);
    let happening = match kind {
        Kind::ModelCreated => Happening::Model { name, tags: &tags, description: "An example registered model" },
        Kind::VersionCreated => Happening::Version {
            name,
            version,
            source: "models:/123",
            run_id: Some("abcd1234abcd5678"),
            tags: &tags,
            description: Some("An example model version"),
        },
        Kind::TagSet => Happening::TagSet { name, version, key, value: "example_value" },
        Kind::TagDeleted => Happening::TagDeleted { name, version, key },
        Kind::AliasCreated => Happening::AliasSet { name, alias, version },
        Kind::AliasDeleted => Happening::AliasDeleted { name, alias },
    };
    happening.letter(id)
}
