//! Databricks' workspace model registry: events of versions, stages and tags in; tags, and perhaps a comment, out.
//!
//! Sources: Databricks' page "MLflow Model Registry Webhooks on Databricks", and the calls of its own SDK. Models of the Unity
//! Catalog have no webhooks. The way back is MLflow's ([`mlflow`](super::mlflow)); comments are Databricks' own.
//!
//! A body has no id. Its time is signed with it, so that what changed is told apart by version, new state and time: a
//! webhook for every transition and one for those to production tell of one change under one key.

mod decode;
mod tell;

use std::borrow::Cow;

use super::login::{AUTHORIZATION, bearer};
use super::{Exchange, Outcome, Step};
use crate::{Event, Secret};

pub(super) use decode::read;

/// How Databricks is spoken to.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Databricks {
    /// Who we are: a personal access token, or a service principal's.
    pub token: Option<Secret>,
    /// Whether the end of a scan or a promotion is a comment of the version, too. Comments cannot be read back: one that is
    /// written when the connection breaks is written again.
    pub comment: bool,
}

impl Databricks {
    pub(super) fn next(&self, event: &Event, outcome: &Outcome, seen: &[Exchange]) -> Step {
        tell::next(self, event, outcome, seen)
    }

    pub(super) fn credentials(&self) -> Vec<(Cow<'static, str>, Secret)> {
        self.token.iter().map(|token| (AUTHORIZATION.into(), bearer(token))).collect()
    }
}

#[cfg(test)]
mod tests;
