//! Any other sender: what its body means, how it is told and how it is asked stand in the configuration.
//!
//! A [`Mapping`] names places in the body by JSON pointers (RFC 6901). A [`Tell`] and an [`Ask`] are requests with
//! placeholders, whose values are escaped by where they stand: a value is one path segment's part, one query value, or one
//! JSON text, and can be nothing else. Scheme and host are the registry's `url`; no value reaches them.

mod mapping;
mod request;
mod template;

use std::borrow::Cow;

use super::{ArtifactStep, Exchange, Outcome, Reading, Step};
use crate::{BodyError, Event, Secret};

pub use mapping::{Mapping, Pointer};
pub use request::{Ask, Method, Tell, Words};
pub use template::{Template, TemplateError};

/// How a sender is understood and spoken to. Without a mapping every event is `other(unknown)`.
///
/// ```
/// use scanrelay::registry::generic::{Generic, Mapping, Pointer};
///
/// let mut mapping = Mapping::new(Pointer::parse("/type").unwrap());
/// mapping.model = Pointer::parse("/data/model");
/// mapping.kinds.insert("model.promoted".into(), "promotion".to_owned().into());
/// let mut generic = Generic::default();
/// generic.mapping = Some(mapping);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Generic {
    /// What the body means.
    pub mapping: Option<Mapping>,
    /// How the end of a scan is told, and, with `progress`, its beginning.
    pub scan: Option<Tell>,
    /// How the end of a promotion is told, and, with `progress`, its beginning.
    pub promotion: Option<Tell>,
    /// How it is asked whether a promotion stands.
    pub confirm: Option<Ask>,
    /// A header of every request, with who we are.
    pub credentials: Option<(String, Secret)>,
}

impl Generic {
    pub(super) fn read(&self, name: &str, body: &[u8]) -> Result<Reading, BodyError> {
        mapping::read(self.mapping.as_ref(), name, body).map(Reading::of)
    }

    pub(super) fn next(&self, event: &Event, outcome: &Outcome, seen: &[Exchange]) -> Step {
        let tell = match outcome {
            Outcome::Scanning | Outcome::Scanned { .. } => &self.scan,
            Outcome::InProgress | Outcome::Promoted { .. } => &self.promotion,
        };
        // Nobody asked to be told.
        tell.as_ref().map_or(Step::Done, |tell| tell.next(event, outcome, seen))
    }

    pub(super) fn confirm(&self, event: &Event, seen: &[Exchange]) -> Step {
        match &self.confirm {
            Some(ask) => ask.next(event, seen),
            None => Step::Retry("there is no request that asks: set ask, or confirm = false".to_owned()),
        }
    }

    pub(super) fn credentials(&self) -> Vec<(Cow<'static, str>, Secret)> {
        let credentials = self.credentials.iter();
        credentials.map(|(header, value)| (header.clone().into(), value.clone())).collect()
    }
}

pub(super) fn artifacts(event: &Event) -> ArtifactStep {
    let Some(uri) = &event.artifact_uri else {
        let reason = "the event says no place of files: map artifact_uri, or set artifact = false for the plugin";
        return ArtifactStep::Refused(reason.to_owned());
    };
    let name = uri.rsplit('/').next().unwrap_or_default();
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_owned());
    // What a payload names is fetched by the rules for places that the registry does not keep, never with credentials.
    let location = super::Location::Path(uri.clone());
    ArtifactStep::Found(vec![super::ArtifactSource::new(name, extension, location)])
}

#[cfg(test)]
mod tests;
