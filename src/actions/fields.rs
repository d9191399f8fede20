//! What the event says, by the names that settings use; and settings that map it to something else.

use std::collections::BTreeMap;
use std::fmt;

use scanrelay::plugin::Invocation;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::settings::{Fault, Pattern};

/// Every fact that settings can name, and where it stands in the input. Of several places the first that says something counts.
const FACTS: &[(&str, &[&str])] = &[
    ("kind", &["/event/kind"]),
    ("registry", &["/event/registry"]),
    ("workspace", &["/event/workspace"]),
    ("id", &["/event/id"]),
    ("occurred_at", &["/event/occurred_at"]),
    ("actor", &["/event/actor"]),
    ("artifact_uri", &["/event/artifact_uri"]),
    ("change_key", &["/event/change_key"]),
    ("model", &["/event/model/name", "/event/model/id"]),
    ("model.id", &["/event/model/id"]),
    ("model.name", &["/event/model/name"]),
    ("version", &["/event/version/name", "/event/version/id"]),
    ("version.id", &["/event/version/id"]),
    ("version.name", &["/event/version/name"]),
    ("build.id", &["/event/build/id"]),
    ("build.image", &["/event/build/image"]),
    ("change.stage_from", &["/event/change/stage_from"]),
    ("change.stage_to", &["/event/change/stage_to"]),
    ("change.alias", &["/event/change/alias"]),
    ("change.tag.key", &["/event/change/tag/key"]),
    ("change.tag.value", &["/event/change/tag/value"]),
    ("change.comment", &["/event/change/comment"]),
    ("artifact.sha256", &["/artifact/sha256"]),
    ("run.id", &["/run/id"]),
    ("run.attempt", &["/run/attempt"]),
    ("plugin", &["/plugin"]),
];
/// Before a JSON pointer into the payload as the registry sent it.
const RAW: &str = "raw:";

/// The name of a fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    pub fn new(name: &str) -> Result<Self, String> {
        let pointer = name.strip_prefix(RAW);
        if pointer.is_some_and(|pointer| pointer.starts_with('/')) || FACTS.iter().any(|(known, _)| *known == name) {
            return Ok(Self(name.to_owned()));
        }
        let known: Vec<&str> = FACTS.iter().map(|(known, _)| *known).collect();
        Err(format!(
            "{name:?} is no fact of an event: write one of {}, or raw:/JSON/POINTER into the payload",
            known.join(", ")
        ))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an event says.
pub struct Facts {
    input: Value,
    payload: Value,
}

impl Facts {
    pub fn of(invocation: &Invocation) -> Self {
        let mut event = invocation.event.clone();
        let payload = event.raw.take().and_then(|raw| serde_json::from_str(raw.as_str()).ok()).unwrap_or(Value::Null);
        let input = serde_json::json!({
            "event": event, "run": invocation.run, "plugin": invocation.plugin, "artifact": invocation.artifact,
        });
        Self { input, payload }
    }

    /// What stands under that name, where it is a text, a number or a truth value.
    pub fn get(&self, name: &Name) -> Option<String> {
        if let Some(pointer) = name.0.strip_prefix(RAW) {
            return self.payload.pointer(pointer).and_then(scalar);
        }
        let (_, places) = FACTS.iter().find(|(known, _)| *known == name.0)?;
        places.iter().find_map(|place| self.input.pointer(place).and_then(scalar))
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// One value that settings ask for: `"model.name"`, `{ from = "model.name", pattern = "…", default = "…" }` or `{ value = "…" }`.
#[derive(Clone, Debug)]
pub struct Field {
    what: What,
    pattern: Option<Pattern>,
}

#[derive(Clone, Debug)]
enum What {
    Fact {
        name: Name,
        default: Option<String>,
    },
    /// The operator's own word.
    Fixed(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    from: Option<String>,
    value: Option<String>,
    default: Option<String>,
    pattern: Option<Pattern>,
}

impl Field {
    fn of(written: Written) -> Result<Self, String> {
        let what = match (written.from, written.value, written.default) {
            (Some(name), None, default) => What::Fact { name: Name::new(&name)?, default },
            (None, Some(value), None) => What::Fixed(value),
            _ => return Err("write from = \"FACT\" (and default = \"…\" if you like), or value = \"…\"".to_owned()),
        };
        Ok(Self { what, pattern: written.pattern })
    }

    /// The value for this event. What the payload says is not repeated in a fault.
    fn value(&self, key: &str, facts: &Facts) -> Result<String, Fault> {
        let (name, value) = match &self.what {
            What::Fixed(value) => ("it".to_owned(), Some(value.clone())),
            What::Fact { name, default } => (name.to_string(), facts.get(name).or_else(|| default.clone())),
        };
        let value = value.ok_or_else(|| Fault::at(key, format!("the event has no {name}: give it a default")))?;
        let given = match (&self.pattern, &self.what) {
            (Some(pattern), _) => Some(pattern.clone()),
            (None, What::Fact { .. }) => Some(Pattern::new(Pattern::DEFAULT).map_err(|cause| Fault::at(key, cause))?),
            // What the operator wrote is theirs.
            (None, What::Fixed(_)) => None,
        };
        if let Some(pattern) = given.filter(|pattern| !pattern.takes(&value)) {
            let pattern = pattern.as_str();
            return Err(Fault::at(
                key,
                format!("{name} is not what {pattern} takes: rename it there, or give the key a pattern of its own"),
            ));
        }
        Ok(value)
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Field;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a fact, or a table with from or value")
            }
            fn visit_str<E: Error>(self, name: &str) -> Result<Field, E> {
                let what = What::Fact { name: Name::new(name).map_err(E::custom)?, default: None };
                Ok(Field { what, pattern: None })
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Field, A::Error> {
                Field::of(Written::deserialize(MapAccessDeserializer::new(map))?).map_err(A::Error::custom)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// What each key is to become.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Fields(BTreeMap<String, Field>);

impl Fields {
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The values for this event; `setting` is where they stand below `settings`.
    pub fn values(&self, setting: &str, facts: &Facts) -> Result<Vec<(String, String)>, Fault> {
        let value =
            |(key, field): (&String, &Field)| Ok((key.clone(), field.value(&format!("{setting}.{key}"), facts)?));
        self.0.iter().map(value).collect()
    }
}

#[cfg(test)]
mod tests {
    use scanrelay::plugin::Run;
    use scanrelay::{Event, EventKind, Timestamp};
    use serde_json::json;

    use super::*;

    fn facts() -> Facts {
        let mut event = Event::new(EventKind::Promotion, "verta");
        event.model.name = Some("fraud".into());
        event.version.id = Some("7".into());
        event.actor = Some("$(id)".into());
        event.raw = scanrelay::event::Payload::from_body(br#"{"a":{"n":5,"list":[]}}"#);
        Facts::of(&Invocation::new(Run::new("r1", 2, Timestamp::default()), "jenkins", event))
    }

    fn check(field: &Value, expected: Result<&str, &str>) {
        let fields: Result<Fields, _> = serde_json::from_value(json!({ "X": field }));
        let values = fields.map_err(|error| error.to_string());
        let values = values.and_then(|fields| fields.values("parameters", &facts()).map_err(|fault| fault.to_string()));
        match (values, expected) {
            (Ok(values), Ok(expected)) => assert_eq!(values, [("X".to_owned(), expected.to_owned())], "{field}"),
            (Err(said), Err(words)) => assert!(said.contains(words) && !said.contains("$(id)"), "{field}: {said}"),
            (values, _) => panic!("{field}: {values:?}"),
        }
    }

    #[test]
    fn facts_become_values_that_match() {
        check(&json!("model.name"), Ok("fraud"));
        check(&json!("model"), Ok("fraud"));
        check(&json!("version"), Ok("7"));
        check(&json!("run.id"), Ok("r1"));
        check(&json!("run.attempt"), Ok("2"));
        check(&json!("kind"), Ok("promotion"));
        check(&json!("raw:/a/n"), Ok("5"));
        check(&json!({ "from": "version.name", "default": "none" }), Ok("none"));
        check(&json!({ "from": "actor", "pattern": r"\$\(id\)" }), Ok("$(id)"));
        check(&json!({ "value": "two words" }), Ok("two words"));
    }

    #[test]
    fn what_does_not_match_is_refused_with_the_cure() {
        check(&json!("actor"), Err("settings.parameters.X: actor is not what [A-Za-z0-9"));
        check(&json!("version.name"), Err("settings.parameters.X: the event has no version.name: give it a default"));
        check(&json!("raw:/a/list"), Err("has no raw:/a/list"));
        check(&json!("modle.name"), Err("is no fact of an event: write one of kind, registry"));
        check(&json!("raw:a"), Err("is no fact"));
        check(&json!({ "from": "model", "value": "x" }), Err("write from"));
        check(&json!({ "from": "model", "patern": "x" }), Err("unknown field `patern`"));
        check(&json!({ "from": "model", "pattern": "[0-9]+" }), Err("is not what [0-9]+ takes"));
    }
}
