//! What kinds of changes there are.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// What kind of change an [`Event`](super::Event) tells of.
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
