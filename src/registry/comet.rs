//! Comet.

use std::borrow::Cow;

use serde::de::IgnoredAny;

use super::{ArtifactStep, Exchange, Outcome, Reading, Step, other};
use crate::{BodyError, Caller, Event, Secret, body};

/// How it is spoken to.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Comet {}

impl Comet {
    pub(super) fn read(&self, name: &str, _caller: &Caller<'_>, body: &[u8]) -> Result<Reading, BodyError> {
        body::read::<IgnoredAny>(body).map(|_| Reading::of(other(name, "unknown")))
    }

    pub(super) fn next(&self, _event: &Event, _outcome: &Outcome, _seen: &[Exchange]) -> Step {
        Step::Refused("it is not told anything".to_owned())
    }

    pub(super) fn confirm(&self, _event: &Event, _seen: &[Exchange]) -> Step {
        Step::Retry("it cannot be asked: set confirm = false".to_owned())
    }

    pub(super) fn is_doubtful(&self, _event: &Event) -> bool {
        false
    }

    pub(super) fn artifacts(&self, _event: &Event, _seen: &[Exchange]) -> ArtifactStep {
        ArtifactStep::Refused("it keeps no files".to_owned())
    }

    pub(super) fn credentials(&self) -> Vec<(Cow<'static, str>, Secret)> {
        Vec::new()
    }
}
