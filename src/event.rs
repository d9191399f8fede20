//! The neutral event: what happened in a registry, in the same words for every registry.
//!
//! Source: the mapping table of each registry's file in [`registry`](crate::registry). Absent facts are absent, never
//! guessed: a Verta scan request, for instance, names a build and no model.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer, ser};
use serde_json::value::RawValue;

/// A moment in milliseconds since 1970-01-01T00:00:00Z. Its JSON form is that number.
///
/// ```
/// use std::time::Duration;
/// use scanrelay::Timestamp;
///
/// let then = Timestamp::from_millis(1_669_852_800_000);
/// assert_eq!(then.as_secs(), 1_669_852_800);
/// assert_eq!(then.after(Duration::from_secs(60)).since(then), Duration::from_secs(60));
/// assert_eq!(then.since(then.after(Duration::from_secs(60))), Duration::ZERO);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The moment `wait` later.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long it is from `earlier` until this moment; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(since) => Self::default().after(since),
            Err(before) => Self(i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |millis| -millis)),
        }
    }
}

/// What kind of change an [`Event`] tells of.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(from = "String")]
#[non_exhaustive]
pub enum EventKind {
    /// A model version was promoted to a stage.
    Promotion,
    /// Somebody asked for a security scan.
    ScanRequest,
    /// A model version came into being.
    VersionCreated,
    /// A model version changed its stage without being a promotion by the registry's own word or by rule.
    StageChanged,
    /// An alias now points to a version.
    AliasSet,
    /// An alias is gone.
    AliasDeleted,
    /// A tag was set.
    TagSet,
    /// A tag is gone.
    TagDeleted,
    /// A model version is gone.
    VersionDeleted,
    /// Somebody commented.
    Comment,
    /// The registry tried its webhook.
    Test,
    /// Anything else, by the registry's own name for it. Stored and shown; starts nothing.
    Other(String),
}

impl EventKind {
    /// Every kind that has a meaning of its own.
    pub const KNOWN: &[Self] = &[
        Self::Promotion,
        Self::ScanRequest,
        Self::VersionCreated,
        Self::StageChanged,
        Self::AliasSet,
        Self::AliasDeleted,
        Self::TagSet,
        Self::TagDeleted,
        Self::VersionDeleted,
        Self::Comment,
        Self::Test,
    ];

    /// The word for this kind in configuration, listings and plugin input: `promotion`, …, `other(CREATE)`.
    ///
    /// ```
    /// use scanrelay::EventKind;
    ///
    /// assert_eq!(EventKind::ScanRequest.to_string(), "scan_request");
    /// assert_eq!(EventKind::Other("UPDATE".into()).to_string(), "other(UPDATE)");
    /// ```
    pub fn word(&self) -> &'static str {
        match self {
            Self::Promotion => "promotion",
            Self::ScanRequest => "scan_request",
            Self::VersionCreated => "version_created",
            Self::StageChanged => "stage_changed",
            Self::AliasSet => "alias_set",
            Self::AliasDeleted => "alias_deleted",
            Self::TagSet => "tag_set",
            Self::TagDeleted => "tag_deleted",
            Self::VersionDeleted => "version_deleted",
            Self::Comment => "comment",
            Self::Test => "test",
            Self::Other(_) => "other",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(name) => write!(f, "other({name})"),
            _ => f.write_str(self.word()),
        }
    }
}

impl Serialize for EventKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Other(_) => serializer.collect_str(self),
            known => serializer.serialize_str(known.word()),
        }
    }
}

impl From<EventKind> for String {
    fn from(kind: EventKind) -> Self {
        kind.to_string()
    }
}

impl From<String> for EventKind {
    fn from(word: String) -> Self {
        let known = Self::KNOWN.iter().find(|kind| kind.word() == word);
        known.cloned().unwrap_or_else(|| {
            let inner = word.strip_prefix("other(").and_then(|rest| rest.strip_suffix(')'));
            Self::Other(inner.map_or(word.clone(), str::to_owned))
        })
    }
}

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
    /// The image's reference. Data to a scanner; never fetched or called by scanrelay itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

/// The payload as it was signed: one JSON document. Clones share its bytes.
///
/// `Debug` tells only its length, so that a payload reaches no log by accident.
#[derive(Clone)]
pub struct Payload(Bytes);

impl Payload {
    /// The payload of a body that is one JSON document; `None` when it is not.
    pub fn from_body(body: &[u8]) -> Option<Self> {
        serde_json::from_slice::<&RawValue>(body).ok().map(|raw| Self(Bytes::copy_from_slice(raw.get().as_bytes())))
    }

    /// The payload of a body that was found to be one JSON document in UTF-8.
    pub(crate) fn of_checked(body: Bytes) -> Self {
        Self(body)
    }

    /// The JSON text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::from_str::<&RawValue>(self.as_str()).map_err(ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Ok(Self(Bytes::copy_from_slice(raw.get().as_bytes())))
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.as_str().len())
    }
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
    /// Subject, new state and the registry's own time: what a webhook and a later catch-up agree on.
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

/// One thing that is so of a subject now: of `version:fraud/3`, that `tag:status` is `approved`.
///
/// What a registry tells of and what we write into it are compared as facts: a change that says what we wrote is our own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Fact {
    /// As [`Event::subject`] names it.
    pub subject: String,
    /// `tag:KEY`, `alias:NAME`, `stage`, or another word of the registry's file.
    pub key: String,
    /// What it is.
    pub value: String,
}

impl Fact {
    /// Of that subject, that key is that value.
    pub fn new(subject: impl Into<String>, key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { subject: subject.into(), key: key.into(), value: value.into() }
    }
}

impl Event {
    /// What the event says is so now, where it says one such thing.
    ///
    /// ```
    /// use scanrelay::event::{Fact, Tag};
    /// use scanrelay::{Event, EventKind};
    ///
    /// let mut event = Event::new(EventKind::TagSet, "mlflow");
    /// event.model.name = Some("fraud".into());
    /// event.version.name = Some("3".into());
    /// let mut tag = Tag::default();
    /// (tag.key, tag.value) = ("status".into(), Some("approved".into()));
    /// event.change.tag = Some(tag);
    /// assert_eq!(event.fact(), Some(Fact::new("version:fraud/3", "tag:status", "approved")));
    /// ```
    pub fn fact(&self) -> Option<Fact> {
        let version = || self.version.id.clone().or_else(|| self.version.name.clone());
        let (key, value) = match &self.change {
            Change { tag: Some(tag), .. } => (["tag:", &tag.key].concat(), tag.value.clone().unwrap_or_default()),
            Change { alias: Some(alias), .. } => (["alias:", alias].concat(), version().unwrap_or_default()),
            Change { stage_to: Some(stage), .. } => ("stage".to_owned(), stage.as_str().to_owned()),
            _ => return None,
        };
        Some(Fact::new(self.subject(), key, value))
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

    #[test]
    fn a_moment_before_the_epoch_is_no_panic() {
        let early = UNIX_EPOCH - Duration::from_millis(1500);
        assert_eq!(Timestamp::from(early).as_millis(), -1500);
        assert_eq!(Timestamp::from(early).as_secs(), -2);
    }
}
