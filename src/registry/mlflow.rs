//! MLflow, from 3.3: events of versions, aliases and tags in; tags of a model version out.
//!
//! Sources: MLflow's own server (`mlflow/webhooks`, `mlflow/server/handlers.py`) and its REST API. There is no event of a
//! change of stage, and none of its own for promotions and scans: rules name them, by alias, by tag or by event.
//!
//! The server sends its test with the name `example_model` and nothing else to tell it from a real event. So an event of
//! that name is doubted: it is a test only where the registry does not know that model.

mod artifacts;
mod decode;
mod survey;
mod tags;
mod version;

use std::borrow::Cow;

use super::login::{AUTHORIZATION, basic, bearer};
use super::{ArtifactStep, Exchange, Outcome, Request, Step};
use crate::{Event, Secret};

pub(super) use decode::read;
pub(super) use survey::next as survey;
pub(super) use tags::tell;
pub(super) use version::confirm as confirm_version;

/// Where MLflow's REST API begins.
pub(super) const API: &str = "/api/2.0/mlflow/";
/// A server with workspaces tells of all of them, and is asked in its own first one.
const ELSEWHERE: &str = "it is of another workspace of MLflow's than default, which this version does not ask";
/// The model of MLflow's test (`mlflow/webhooks/types.py`).
const EXAMPLE: &str = "example_model";

/// How MLflow is spoken to.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Mlflow {
    /// Who we are. A server without authentication needs nobody.
    pub login: Option<Login>,
}

/// What stands in `Authorization`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Login {
    /// A user of MLflow's own authentication, and the password.
    Basic(String, Secret),
    /// A token of what stands before the server.
    Bearer(Secret),
}

impl Mlflow {
    pub(super) fn credentials(&self) -> Vec<(Cow<'static, str>, Secret)> {
        let value = match &self.login {
            Some(Login::Basic(user, password)) => basic(user, password),
            Some(Login::Bearer(token)) => bearer(token),
            None => return Vec::new(),
        };
        vec![(AUTHORIZATION.into(), value)]
    }
}

pub(super) fn next(event: &Event, outcome: &Outcome, seen: &[Exchange]) -> Step {
    if is_elsewhere(event) {
        return Step::Refused(ELSEWHERE.to_owned());
    }
    tell(event, outcome, seen)
}

pub(super) fn confirm(event: &Event, seen: &[Exchange]) -> Step {
    if is_elsewhere(event) {
        return Step::Refused(ELSEWHERE.to_owned());
    }
    match version::confirm(event, seen) {
        Step::Refused(reason) if is_example(event) => {
            Step::Refused(format!("it is the registry's own test of its webhook: {reason}"))
        }
        step => step,
    }
}

pub(super) fn is_doubtful(event: &Event) -> bool {
    is_example(event) || is_elsewhere(event)
}

pub(super) fn artifacts(event: &Event, seen: &[Exchange]) -> ArtifactStep {
    if is_elsewhere(event) {
        return ArtifactStep::Refused(ELSEWHERE.to_owned());
    }
    artifacts::next(event, seen)
}

/// Whether it happened in another workspace than the one in which everything is asked here: a model of the same name is another
/// model there.
fn is_elsewhere(event: &Event) -> bool {
    event.workspace.as_deref().is_some_and(|workspace| workspace != "default")
}

fn is_example(event: &Event) -> bool {
    event.model.name.as_deref() == Some(EXAMPLE)
}

fn get(path: String) -> Request {
    Request { method: "GET".to_owned(), path, body: None, writes: Vec::new() }
}

#[cfg(test)]
mod tests;
