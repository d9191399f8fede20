//! What the registry keeps, as protobuf's JSON mapping writes it: 64-bit integers as strings, empty values left out.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

/// A `uint64`: an id, or a time in milliseconds. Written as a string, read as a string or a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Uint64(pub u64);

impl fmt::Display for Uint64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Uint64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Uint64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected an unsigned integer, as a string or a number")]
        enum Form {
            Number(u64),
            Text(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Number(number) => Ok(Self(number)),
            Form::Text(text) => text
                .parse()
                .map(Self)
                .map_err(|_| serde::de::Error::custom(format!("expected an unsigned integer, not {text:?}"))),
        }
    }
}

/// Written as a name, read as a name or a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Stage {
    Development,
    Staging,
    Production,
    Archived,
    Unassigned,
}

impl Stage {
    /// By number, from 1.
    const ALL: [Self; 5] = [Self::Development, Self::Staging, Self::Production, Self::Archived, Self::Unassigned];

    pub fn name(self) -> &'static str {
        match self {
            Self::Development => "DEVELOPMENT",
            Self::Staging => "STAGING",
            Self::Production => "PRODUCTION",
            Self::Archived => "ARCHIVED",
            Self::Unassigned => "UNASSIGNED",
        }
    }
}

impl<'de> Deserialize<'de> for Stage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Value::deserialize(deserializer)?;
        let stages = Self::ALL.into_iter().zip(1..);
        let found = stages.map(|(stage, number): (Self, u64)| (stage, written == stage.name() || written == number));
        found.filter(|(_, named)| *named).map(|(stage, _)| stage).next().ok_or_else(|| {
            let names: Vec<String> = Self::ALL.iter().map(|stage| format!("`{}`", stage.name())).collect();
            serde::de::Error::custom(format!("unknown stage {written}, expected one of {}", names.join(", ")))
        })
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct RegisteredModel {
    pub id: Uint64,
    pub workspace_id: Uint64,
    pub name: String,
    pub time_created: Uint64,
    pub time_updated: Uint64,
    pub owner: String,
    /// What people may change: `description`, `labels` and the like.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ModelVersion {
    pub id: Uint64,
    pub registered_model_id: Uint64,
    pub version: String,
    pub time_created: Uint64,
    pub time_updated: Uint64,
    pub owner: String,
    pub stage: Stage,
    /// It came to production, and nobody has said yet what became of it there.
    #[serde(skip)]
    pub promoting: bool,
    /// What people may change: `redirect_metadata`, `description`, `labels` and the like.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}
