//! The way back: details → metadata → comment → status, each read before it is written.
//!
//! Whether a write of some metadata keeps the other keys is not documented, so it is looked at afterwards, and what was
//! lost is written again. The answer to a write is not documented either: an empty one is taken for one only after what
//! it was about has been read again.

use serde_json::{Value, json};

use super::comment::merged;
use super::details::{self, Item, Missing};
use super::metadata::{self, Metadata, differing};
use super::{Comet, Statuses, post};
use crate::Event;
use crate::Stage;
use crate::event::Fact;
use crate::plugin::{Status, Verdict};
use crate::registry::answer::{object, segment};
use crate::registry::told::line;
use crate::registry::{Exchange, Outcome, Request, Step};

pub(super) fn next(comet: &Comet, event: &Event, outcome: &Outcome, seen: &[Exchange]) -> Step {
    Telling { event, outcome, seen: seen.iter() }.all(comet).unwrap_or_else(|step| step)
}

struct Telling<'a> {
    event: &'a Event,
    outcome: &'a Outcome,
    /// Answers that are still to be read, in the order of their requests.
    seen: std::slice::Iter<'a, Exchange>,
}

/// Whether a write that was taken is proven.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Proof {
    Said,
    /// The answer was empty.
    Wanted,
}

impl<'a> Telling<'a> {
    /// `Err` is the step that comes before the end.
    fn all(mut self, comet: &Comet) -> Result<Step, Step> {
        let item = self.item()?;
        let id = segment(&item.registry_model_item_id);
        let id = id.ok_or_else(|| Step::Refused("the version's id is none that a path can hold".to_owned()))?;
        if comet.write_back.metadata {
            self.metadata(&id)?;
        }
        let comment = line(self.outcome).filter(|_| comet.write_back.comment);
        let status = status_for(&comet.write_back.status, self.outcome);
        let mut proof = Proof::Said;
        if let Some(line) = &comment {
            let old = item.comment.as_deref().unwrap_or_default();
            let new = merged(old, line);
            if new != old {
                proof = self.write(|| comment_request(&item, &new))?;
            }
        }
        if let Some(status) = status
            && item.status != status
        {
            let subject = self.event.subject();
            let taken =
                self.write(|| status_request(&item, status, subject)).map_err(|step| not_allowed(step, status))?;
            proof = if taken == Proof::Wanted { taken } else { proof };
        }
        if proof == Proof::Said {
            return Ok(Step::Done);
        }
        let now = self.item()?;
        let said = comment.is_none_or(|line| {
            now.comment.as_deref().unwrap_or_default().split('\n').any(|old| old.trim_end() == line)
        });
        if said && status.is_none_or(|status| now.status == status) {
            return Ok(Step::Done);
        }
        Err(Step::Retry("the registry answered 2xx, but the version does not stand as written".to_owned()))
    }

    fn item(&mut self) -> Result<Item, Step> {
        let request = details::ask(self.event).ok_or_else(|| Step::Refused(details::nameless()))?;
        let asked = self.ask(|| request)?;
        details::read(asked).map_err(|missing| match missing {
            Missing::Unknown => {
                Step::Refused(format!("the registry does not know the version: it answered {}", asked.status))
            }
            Missing::Otherwise(step) => step,
        })
    }

    fn metadata(&mut self, id: &str) -> Result<(), Step> {
        let standing = object::<Metadata>(self.ask(|| metadata::read(id))?)?.entries();
        let ours = differing(self.outcome, &standing);
        if ours.is_empty() {
            return Ok(());
        }
        let proof = self.write(|| metadata::write(id, &ours))?;
        let others = standing.keys().any(|key| !ours.contains_key(key));
        if proof == Proof::Said && !others {
            return Ok(());
        }
        let now = object::<Metadata>(self.ask(|| metadata::read(id))?)?.entries();
        if !differing(self.outcome, &now).is_empty() {
            return Err(Step::Retry(
                "the registry answered 2xx, but the metadata does not stand as written".to_owned(),
            ));
        }
        let mut lost = standing;
        lost.retain(|key, _| !now.contains_key(key));
        if !lost.is_empty() {
            let mut all = now;
            all.append(&mut lost);
            self.write(|| metadata::write(id, &all))?;
        }
        Ok(())
    }

    fn write(&mut self, request: impl FnOnce() -> Request) -> Result<Proof, Step> {
        let written = self.ask(request)?;
        if (200..=299).contains(&written.status) && written.body.trim_ascii().is_empty() {
            return Ok(Proof::Wanted);
        }
        object::<Value>(written).map(|_| Proof::Said)
    }

    /// The answer to the next request, or the request.
    fn ask(&mut self, request: impl FnOnce() -> Request) -> Result<&'a Exchange, Step> {
        self.seen.next().ok_or_else(|| Step::Send(request()))
    }
}

fn comment_request(item: &Item, comment: &str) -> Request {
    // Never with `stages`: they would replace those of the version.
    let body = json!({ "registryModelItemId": item.registry_model_item_id, "comment": comment });
    post("write/registry-model/item/update", &body, Vec::new())
}

fn status_request(item: &Item, status: &str, subject: String) -> Request {
    let body = json!({ "status": status, "modelItemId": item.registry_model_item_id });
    post("write/registry-model/item/status", &body, vec![Fact::new(subject, "stage", Stage::new(status).as_str())])
}

/// Each workspace has statuses of its own.
fn not_allowed(step: Step, status: &str) -> Step {
    match step {
        Step::Refused(reason) => {
            Step::Refused(format!("{reason}: {status:?} of write_back.status may be none that the workspace allows"))
        }
        step => step,
    }
}

fn status_for<'a>(statuses: &'a Statuses, outcome: &Outcome) -> Option<&'a str> {
    let status = match outcome {
        Outcome::Scanned { verdict: Verdict::Safe, .. } => &statuses.safe,
        Outcome::Scanned { verdict: Verdict::Unsafe, .. } => &statuses.is_unsafe,
        Outcome::Scanned { .. } => &statuses.error,
        Outcome::Promoted { status: Status::Complete, .. } => &statuses.complete,
        Outcome::Promoted { .. } => &statuses.failed,
        _ => &None,
    };
    status.as_deref()
}
