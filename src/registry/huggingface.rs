//! Hugging Face Hub: pushes, tags and comments in; comments in one discussion of the repository out.
//!
//! Sources: the Hub's page "Webhooks", and the calls of its own client, `huggingface_hub`. A delivery has neither id nor
//! time nor signature, only the secret itself: it is a hint, and what it says is asked again before anything is done.
//!
//! A commit is a version. A push to a branch makes one (`version_created`, with the branch for an alias), a Git tag is an
//! alias that is set, a comment is what it says: so `promote_on = { event = "alias_set", alias =
//! "production" }`, `scan_on = [{ event = "version_created", alias = "main" }, { comment = "/scan" }]`.

mod decode;
mod discussion;
mod files;
mod revision;

use std::borrow::Cow;

use super::Request;
use super::answer::segment;
use super::login::{AUTHORIZATION, bearer};
use crate::{Event, Secret};

pub(super) use decode::read;
pub(super) use discussion::next;
pub(super) use files::next as artifacts;
pub(super) use revision::confirm;

/// How the Hub is spoken to.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct HuggingFace {
    /// Who we are: a token that may write into discussions (`hf_…`).
    pub token: Option<Secret>,
}

impl HuggingFace {
    pub(super) fn credentials(&self) -> Vec<(Cow<'static, str>, Secret)> {
        self.token.iter().map(|token| (AUTHORIZATION.into(), bearer(token))).collect()
    }
}

/// `OWNER/NAME` as a path holds it; older repositories have a name alone.
fn repository(event: &Event) -> Option<String> {
    let name = event.model.name.as_deref()?;
    match name.split_once('/') {
        Some((owner, name)) => Some([&segment(owner)?, "/", &segment(name)?].concat()),
        None => segment(name),
    }
}

fn nameless() -> String {
    "the event names no repository that a path can hold".to_owned()
}

fn get(path: String) -> Request {
    Request { method: "GET".to_owned(), path, body: None, writes: Vec::new() }
}

#[cfg(test)]
mod tests;
