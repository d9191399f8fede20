//! The neutral event: what happened in a registry, in the same words for every registry.
//!
//! Source: the mapping table of each registry's file in [`registry`](crate::registry). Absent facts are absent, never
//! guessed: a Verta scan request, for instance, names a build and no model.

mod date;
mod fact;
mod kind;
mod payload;
mod timestamp;

use serde::{Deserialize, Serialize};

pub use fact::Fact;
pub use kind::EventKind;
pub use payload::Payload;
pub use timestamp::Timestamp;

/// A registered model, as far as the event names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Model {
    /// The registry's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The name people use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A model version, as far as the event names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Version {
    /// The registry's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The name people use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A tag and its value; a deleted tag has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Tag {
    /// The tag's key.
    pub key: String,
    /// Its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// What changed about the version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Change {
    /// The stage before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage_from: Option<Stage>,
    /// The stage now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage_to: Option<Stage>,
    /// The alias that was set or deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// The tag that was set or deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<Tag>,
    /// What somebody commented.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// The name of a stage. Compared without regard to case, since registries spell it `PRODUCTION`, `Production` and
/// `production`; shown in lower case.
///
/// ```
/// use scanrelay::Stage;
///
/// assert_eq!(Stage::new("PRODUCTION"), Stage::new("Production"));
/// assert_eq!(Stage::new("PRODUCTION").as_str(), "production");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Stage(String);

impl Stage {
    /// The stage of that name.
    pub fn new(name: &str) -> Self {
        Self(name.to_lowercase())
    }

    /// Its name, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A build: a model version made into an image, which is what some registries scan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Build {
    /// The registry's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The image's reference. Data to a scanner; the daemon asks only registries that
    /// its configuration names which image it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

/// Something that happened in a registry, in neutral words.
///
/// Made by [`Registry::parse`](crate::Registry::parse) from a body that has been verified. Its JSON form is the `event`
/// of a plugin's input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The registry's own id of this event, where the payload has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The configured name of the registry that told us.
    pub registry: String,
    /// The registry's own time of the change, where it tells one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<Timestamp>,
    /// The workspace, as the registry names or numbers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    /// The model.
    #[serde(default)]
    pub model: Model,
    /// The version.
    #[serde(default)]
    pub version: Version,
    /// What changed.
    #[serde(default)]
    pub change: Change,
    /// The build.
    #[serde(default)]
    pub build: Build,
    /// Where the model's files are, where the event says so. Data, never called as it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_uri: Option<String>,
    /// Who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Subject and new state, with the registry's own time where a survey knows it too: what a webhook and a later catch-up agree on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_key: Option<String>,
    /// The payload it was made from: one JSON object, as it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Payload>,
}

impl Event {
    /// An event of that kind about which nothing else is known yet.
    pub fn new(kind: EventKind, registry: impl Into<String>) -> Self {
        Self {
            kind,
            id: None,
            registry: registry.into(),
            occurred_at: None,
            workspace: None,
            model: Model::default(),
            version: Version::default(),
            change: Change::default(),
            build: Build::default(),
            artifact_uri: None,
            actor: None,
            change_key: None,
            raw: None,
        }
    }

    /// What the event is about, for reports and listings: the build, else the version, else the model.
    ///
    /// Two events of one subject are two words about the same thing: a later report replaces an earlier one.
    ///
    /// ```
    /// use scanrelay::{Event, EventKind};
    ///
    /// let mut event = Event::new(EventKind::Promotion, "verta");
    /// assert_eq!(event.subject(), "none");
    /// event.model.id = Some("77".into());
    /// event.version.id = Some("1001".into());
    /// assert_eq!(event.subject(), "version:77/1001");
    /// ```
    pub fn subject(&self) -> String {
        let version = || self.version.id.as_ref().or(self.version.name.as_ref());
        let model = || self.model.id.as_ref().or(self.model.name.as_ref());
        match (&self.build.id, version(), model()) {
            (Some(build), _, _) => ["build:", build].concat(),
            (None, Some(version), Some(model)) => ["version:", model, "/", version].concat(),
            (None, Some(version), None) => ["version:", version].concat(),
            (None, None, Some(model)) => ["model:", model].concat(),
            (None, None, None) => "none".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(event: &Event, json: &str) {
        assert_eq!(serde_json::to_string(event).unwrap(), json);
        assert_eq!(&serde_json::from_str::<Event>(json).unwrap(), event);
    }

    #[test]
    fn an_event_says_only_what_is_known() {
        let mut event = Event::new(EventKind::Promotion, "verta");
        event.model.id = Some("77".into());
        event.change.stage_to = Some(Stage::new("PRODUCTION"));
        check(
            &event,
            r#"{"kind":"promotion","registry":"verta","model":{"id":"77"},"version":{},"change":{"stage_to":"production"},"build":{}}"#,
        );
        check(
            &Event::new(EventKind::Other("CREATE".into()), "v"),
            r#"{"kind":"other(CREATE)","registry":"v","model":{},"version":{},"change":{},"build":{}}"#,
        );
    }

    #[test]
    fn the_subject_is_the_narrowest_thing_named() {
        let mut event = Event::new(EventKind::ScanRequest, "verta");
        assert_eq!(event.subject(), "none");
        event.model.name = Some("fraud".into());
        assert_eq!(event.subject(), "model:fraud");
        event.version.id = Some("3".into());
        assert_eq!(event.subject(), "version:fraud/3");
        event.build.id = Some("5150".into());
        assert_eq!(event.subject(), "build:5150");
    }
}
