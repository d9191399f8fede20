//! Weights & Biases: automations in; metadata and a tag of the artifact out, over GraphQL.
//!
//! Sources: W&B's pages on automations and webhooks, and the queries of its own client. The body is whatever the
//! administrator typed as a template; [`TEMPLATE`] is the one that is read here, and so is the one of W&B's documentation.
//!
//! A body has neither id nor time, so that an alias that goes from one artifact to another and back gives equal bodies. It is a
//! hint, though its signature is good: what it says is asked again before anything is done.

mod artifact;
mod decode;
mod files;
mod tell;

use std::borrow::Cow;

use serde_json::{Value, json};

use super::Request;
use super::login::{AUTHORIZATION, basic};
use crate::Secret;
use crate::event::Fact;

pub(super) use artifact::confirm;
pub(super) use decode::read;
pub(super) use files::next as artifacts;
pub(super) use tell::next;

/// The payload to type into an automation.
pub const TEMPLATE: &str = r#"{"scanrelay":1,"event_type":"${event_type}","author":"${event_author}","alias":"${alias}","tag":"${tag}","collection":"${artifact_collection_name}","artifact_id":"${artifact_version}","artifact":"${artifact_version_string}","project":"${project_name}","entity":"${entity_name}"}"#;

/// How W&B is spoken to.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Wandb {
    /// Who we are.
    pub api_key: Option<Secret>,
}

impl Wandb {
    /// The user `api` with the key for a password.
    pub(super) fn credentials(&self) -> Vec<(Cow<'static, str>, Secret)> {
        self.api_key.iter().map(|key| (AUTHORIZATION.into(), basic("api", key))).collect()
    }
}

/// One GraphQL operation with its variables. No value ever stands in the query's text.
fn graphql(query: &str, variables: &Value, writes: Vec<Fact>) -> Request {
    let body = json!({ "query": query, "variables": variables });
    Request { method: "POST".to_owned(), path: "/graphql".to_owned(), body: Some(body.to_string()), writes }
}

#[cfg(test)]
mod tests;
