//! Comet: stage events in; metadata, a line in the comment and, where it is wanted, the status of a model version out.
//!
//! Sources: Comet's pages on webhooks (2022 and later), and the calls of its own client, `comet_ml`. An event has no id, no
//! time and no previous value, and equal bodies can be two events. So it is taken for a hint: what it says is read again in
//! the registry before anything is done about it.
//!
//! Tags were called stages once, and a status came later. All three are stages here, and a rule names any of them:
//! `promote_on = { stage = "Production" }`.

mod artifacts;
mod comment;
mod decode;
mod details;
mod metadata;
mod survey;
mod tell;

use std::borrow::Cow;

use super::{Exchange, Outcome, Reading, Request, Step, SurveyStep};
use crate::event::Fact;
use crate::{BodyError, Event, Secret};

pub(super) use artifacts::next as artifacts;
pub(super) use details::confirm;

/// Where Comet's REST API begins.
const API: &str = "/api/rest/v2/";

/// How Comet is spoken to.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Comet {
    /// The one workspace whose events count, and that of events which name none. Without it, all count.
    pub workspace: Option<String>,
    /// Who we are.
    pub api_key: Option<Secret>,
    /// Where an outcome is written.
    pub write_back: WriteBack,
}

/// Which places of a model version an outcome is written to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WriteBack {
    /// Into its metadata, under keys that begin with `scanrelay.`. It takes a backend of version 4.18.133 or later.
    pub metadata: bool,
    /// Into its comment, as one line that begins with `[scanrelay`. Other people's lines stay.
    pub comment: bool,
    /// The status that it gets, where there is one for the outcome. Which are allowed is settled in each workspace.
    pub status: Statuses,
}

/// The status for each outcome; none: it stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statuses {
    /// A scan says `safe`.
    pub safe: Option<String>,
    /// A scan says `unsafe`.
    pub is_unsafe: Option<String>,
    /// A scan has no result.
    pub error: Option<String>,
    /// The actions of a promotion are complete.
    pub complete: Option<String>,
    /// They failed, or a scanner stood before them.
    pub failed: Option<String>,
}

impl Default for WriteBack {
    fn default() -> Self {
        Self { metadata: true, comment: true, status: Statuses::default() }
    }
}

impl Comet {
    pub(super) fn read(&self, name: &str, body: &[u8]) -> Result<Reading, BodyError> {
        decode::read(self, name, body)
    }

    pub(super) fn next(&self, event: &Event, outcome: &Outcome, seen: &[Exchange]) -> Step {
        tell::next(self, event, outcome, seen)
    }

    pub(super) fn survey(&self, name: &str, seen: &[Exchange]) -> SurveyStep {
        survey::next(self, name, seen)
    }

    /// The key alone, without a scheme's word before it.
    pub(super) fn credentials(&self) -> Vec<(Cow<'static, str>, Secret)> {
        self.api_key.iter().map(|key| ("Authorization".into(), key.clone())).collect()
    }
}

/// Only reads: Comet changes things by `GET` too, and those paths are never asked for.
fn get(path: &str) -> Request {
    Request { method: "GET".to_owned(), path: [API, path].concat(), body: None, writes: Vec::new() }
}

fn post(path: &str, body: &serde_json::Value, writes: Vec<Fact>) -> Request {
    Request { method: "POST".to_owned(), path: [API, path].concat(), body: Some(body.to_string()), writes }
}

#[cfg(test)]
mod tests;
