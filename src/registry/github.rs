//! GitHub: `repository_dispatch` and `registry_package` in, commit statuses out.
//!
//! Sources: GitHub's "Webhook events and payloads" and REST API of commit statuses (version 2022-11-28). Which event it is
//! stands in `X-GitHub-Event`, which is outside the signature; so it is told by the body, where the object of that name is.

mod decode;
mod status;

use std::borrow::Cow;

use super::login::{AUTHORIZATION, bearer};
use super::{ArtifactStep, Exchange, Outcome, Step};
use crate::{Event, Secret};

pub(super) use decode::read;

/// How GitHub is spoken to.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct GitHub {
    /// Who we are: a token that may write commit statuses.
    pub token: Option<Secret>,
    /// What the status is called: `scanrelay`, with `/scan` or `/promotion` behind it.
    pub context: String,
}

impl Default for GitHub {
    fn default() -> Self {
        Self { token: None, context: "scanrelay".into() }
    }
}

impl GitHub {
    pub(super) fn next(&self, event: &Event, outcome: &Outcome, seen: &[Exchange]) -> Step {
        status::next(self, event, outcome, seen)
    }

    pub(super) fn credentials(&self) -> Vec<(Cow<'static, str>, Secret)> {
        let Some(token) = &self.token else { return Vec::new() };
        let headers = [(AUTHORIZATION, Ok(bearer(token))), ("X-GitHub-Api-Version", Secret::new("2022-11-28"))];
        headers.into_iter().filter_map(|(name, value)| Some((name.into(), value.ok()?))).collect()
    }
}

pub(super) fn confirm() -> Step {
    Step::Retry("GitHub cannot be asked whether a promotion stands: set confirm = false".to_owned())
}

pub(super) fn artifacts() -> ArtifactStep {
    let reason = "GitHub names a package or a commit and no files of a model: the plugin fetches what it scans, set artifact = false";
    ArtifactStep::Refused(reason.to_owned())
}

#[cfg(test)]
mod tests;
