//! What a reference points to now: `GET api/models/{repository}/revision/{reference}`.

use serde::Deserialize;

use super::{get, nameless, repository};
use crate::registry::answer::{encoded, object};
use crate::registry::{Exchange, Request, Step};
use crate::{Event, EventKind};

#[derive(Deserialize)]
struct Revision {
    sha: String,
}

/// The reference of the event, else its commit, else the repository as it is.
pub(super) fn ask(repository: &str, reference: Option<&str>) -> Request {
    let revision = reference.map(|reference| ["/revision/", &encoded(reference)].concat());
    get(["/api/models/", repository, &revision.unwrap_or_default()].concat())
}

/// Whether the branch or the tag is still at the commit, or the repository still there.
pub(in crate::registry) fn confirm(event: &Event, seen: &[Exchange]) -> Step {
    let Some(repository) = repository(event) else { return Step::Refused(nameless()) };
    let reference = event.change.alias.as_deref();
    let Some(asked) = seen.first() else { return Step::Send(ask(&repository, reference)) };
    let gone = event.kind == EventKind::AliasDeleted;
    if asked.status == 404 {
        return if gone { Step::Done } else { Step::Refused("the Hub does not know it any more".to_owned()) };
    }
    let revision = match object::<Revision>(asked) {
        Ok(revision) => revision,
        // Whatever it says instead, it does not say that anything was taken back.
        Err(Step::Refused(reason)) => return Step::Retry(reason),
        Err(step) => return step,
    };
    match (&event.version.id, reference) {
        _ if gone => Step::Refused("it is there again".to_owned()),
        (Some(sha), Some(reference)) if *sha != revision.sha => {
            Step::Refused(format!("{reference} is at another commit now"))
        }
        _ => Step::Done,
    }
}
