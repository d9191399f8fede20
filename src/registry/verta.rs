//! Verta: `CreateEventRequest` in, build scans and `redirect_metadata` out.
//!
//! Sources: Verta's documentation of webhooks, the protobuf definitions of `ai.verta.events`, and Verta's public client.
//! Where those are silent (which key, which method, what the redirect metadata looks like) the setting is configurable:
//! see [`WriteBack`].

mod artifacts;
mod decode;
mod redeliver;
mod redirect;
mod scan;
mod survey;

use std::collections::BTreeMap;

use super::{ArtifactStep, Exchange, Outcome, Request, Step, SurveyStep};
use crate::{Event, Secret};

pub(super) use decode::{parse, read};
pub(super) use redeliver::next as redeliver;
pub(super) use redirect::confirm;

/// How a Verta registry is spoken to.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Verta {
    /// The workspace's name, a part of every path under which scans are reported.
    pub workspace: Option<String>,
    /// Who we are.
    pub credentials: Option<Credentials>,
    /// What the documentation leaves open.
    pub write_back: WriteBack,
}

/// A developer key and the address it belongs to.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Credentials {
    /// The address of the account.
    pub email: String,
    /// Its developer key.
    pub developer_key: Secret,
    /// The organization, for accounts with several.
    pub organization: Option<String>,
}

impl Credentials {
    /// Without an organization.
    pub fn new(email: impl Into<String>, developer_key: Secret) -> Self {
        Self { email: email.into(), developer_key, organization: None }
    }
}

/// What Verta's documentation leaves open about the way back.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WriteBack {
    /// The method that posts a scan result: `PUT`.
    pub scan_method: String,
    /// The key of the nested result: `scan_external_results`, in older servers `scan_external_status`.
    pub scan_results_key: String,
    /// The method that changes a version: `PATCH`. Never `PUT`, which would replace it whole.
    pub redirect_method: String,
    /// Whether the change goes to `…/full_body` with a mask, or unmasked to the version itself.
    pub masked: bool,
    /// The mask's form.
    pub mask: Mask,
    /// Keys of the redirect metadata, each with its text: `{status}`, `{url}` and `{summary}` are replaced, and a key
    /// whose text needs a value that is not there is left out.
    pub redirect: BTreeMap<String, String>,
    /// The word for `{status}` while actions run.
    pub in_progress: String,
    /// The word for `{status}` when they are complete.
    pub complete: String,
    /// The word for `{status}` when they failed.
    pub failed: String,
}

/// How an update mask is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mask {
    /// `{"paths":["redirect_metadata"]}`, as Verta's own client sends it.
    Paths,
    /// `"redirectMetadata"`, as protobuf's JSON mapping has it.
    Text,
}

impl Default for WriteBack {
    fn default() -> Self {
        let redirect = [("status", "{status}"), ("url", "{url}"), ("summary", "{summary}")];
        Self {
            scan_method: "PUT".into(),
            scan_results_key: "scan_external_results".into(),
            redirect_method: "PATCH".into(),
            masked: true,
            mask: Mask::Paths,
            redirect: redirect.map(|(key, text)| (key.to_owned(), text.to_owned())).into(),
            in_progress: "in_progress".into(),
            complete: "complete".into(),
            failed: "failed".into(),
        }
    }
}

impl Verta {
    pub(super) fn next(&self, event: &Event, outcome: &Outcome, seen: &[Exchange]) -> Step {
        match outcome {
            Outcome::Scanning | Outcome::Scanned { .. } => scan::next(self, event, outcome, seen),
            Outcome::InProgress | Outcome::Promoted { .. } => redirect::next(self, event, outcome, seen),
        }
    }

    pub(super) fn artifacts(&self, event: &Event, seen: &[Exchange]) -> ArtifactStep {
        artifacts::next(self, event, seen)
    }

    pub(super) fn survey(&self, name: &str, seen: &[Exchange]) -> SurveyStep {
        survey::next(self, name, seen)
    }

    /// Each key in both spellings: proxies such as nginx drop header names with an underscore, servers read those.
    pub(super) fn credentials(&self) -> Vec<(&'static str, Secret)> {
        let Some(credentials) = &self.credentials else { return Vec::new() };
        let plain = |text: &str| Secret::new(text).ok();
        let headers = [
            ("Grpc-Metadata-source", plain("PythonClient")),
            ("Grpc-Metadata-email", plain(&credentials.email)),
            ("Grpc-Metadata-developer_key", Some(credentials.developer_key.clone())),
            ("Grpc-Metadata-developer-key", Some(credentials.developer_key.clone())),
            ("Grpc-Metadata-organization-id", credentials.organization.as_deref().and_then(plain)),
        ];
        headers.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

fn request(method: &str, path: String, body: Option<&serde_json::Value>) -> Request {
    Request { method: method.to_owned(), path, body: body.map(ToString::to_string), writes: Vec::new() }
}

#[cfg(test)]
mod tests;
