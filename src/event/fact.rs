//! What is so of a subject, in words that an event and a write-back share.

use super::{Change, Event};

/// One thing that is so of a subject now: of `version:fraud/3`, that `tag:status` is `approved`.
///
/// What a registry tells of and what we write into it are compared as facts: a change that says what we wrote is our own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Fact {
    /// As [`Event::subject`] names it.
    pub subject: String,
    /// `tag:KEY`, `alias:NAME`, `stage`, `comment:TEXT`, or another word of the registry's file.
    pub key: String,
    /// What it is.
    pub value: String,
}

impl Fact {
    /// That somebody commented this.
    pub fn of_comment(subject: impl Into<String>, text: &str) -> Self {
        Self::new(subject, ["comment:", text].concat(), "said")
    }

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
            // A comment changes nothing that stood: each is a thing of its own.
            Change { comment: Some(comment), .. } => return Some(Fact::of_comment(self.subject(), comment)),
            Change { tag: Some(tag), .. } => (["tag:", &tag.key].concat(), tag.value.clone().unwrap_or_default()),
            Change { alias: Some(alias), .. } => (["alias:", alias].concat(), version().unwrap_or_default()),
            Change { stage_to: Some(stage), .. } => ("stage".to_owned(), stage.as_str().to_owned()),
            _ => return None,
        };
        Some(Fact::new(self.subject(), key, value))
    }
}
