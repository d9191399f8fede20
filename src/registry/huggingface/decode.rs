//! The body of a delivery.

use serde::Deserialize;

use crate::registry::object::Object;
use crate::registry::rule::change_key;
use crate::registry::scalar::Scalar;
use crate::registry::{Reading, other};
use crate::{BodyError, Event, EventKind, body};

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Delivery {
    event: Option<Object<What>>,
    repo: Option<Object<Repository>>,
    updated_refs: Option<Vec<Object<Reference>>>,
    comment: Option<Object<Comment>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct What {
    action: Scalar,
    scope: Scalar,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Repository {
    #[serde(rename = "type")]
    kind: Scalar,
    name: Scalar,
    id: Scalar,
    head_sha: Scalar,
    owner: Option<Object<Account>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Account {
    id: Scalar,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Reference {
    #[serde(rename = "ref")]
    name: Scalar,
    new_sha: Scalar,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Comment {
    content: Scalar,
    author: Option<Object<Account>>,
}

pub(in crate::registry) fn read(name: &str, body: &[u8]) -> Result<Reading, BodyError> {
    let delivery = body::read::<Delivery>(body)?;
    Ok(delivery.map_or_else(|| Reading::of(other(name, "unreadable")), |delivery| delivery.into_reading(name)))
}

impl Delivery {
    fn into_reading(self, name: &str) -> Reading {
        let what = self.event.map(|Object(what)| (what.scope.get(), what.action.get()));
        let Some((Some(scope), Some(action))) = what else { return Reading::of(other(name, "unknown")) };
        let mut event = other(name, &[scope.as_str(), ".", &action].concat());
        let repository = self.repo.map(|Object(repository)| repository).unwrap_or_default();
        let is_model = repository.kind.get().as_deref() == Some("model");
        event.model.name = repository.name.get();
        event.model.id = repository.id.get();
        event.workspace = repository.owner.and_then(|Object(owner)| owner.id.get());
        if !is_model || event.model.name.is_none() {
            return Reading::of(event);
        }
        // More scopes may come: a narrower one is an update of what it is a part of.
        let within = |part: &str| scope == part || scope.strip_prefix(part).is_some_and(|rest| rest.starts_with('.'));
        if within("repo.content") {
            let refs = self.updated_refs.unwrap_or_default();
            let mut events = refs.into_iter().filter_map(|Object(reference)| moved(&event, reference));
            if let Some(first) = events.next() {
                return Reading { also: events.collect(), ..Reading::of(first) };
            }
        }
        if let (true, "create", Some(Object(comment))) = (within("discussion.comment"), action.as_str(), self.comment) {
            event.kind = EventKind::Comment;
            event.change.comment = comment.content.text();
            event.actor = comment.author.and_then(|Object(author)| author.id.get());
            event.version.id = repository.head_sha.get().filter(|sha| is_sha(sha));
        }
        Reading::of(event)
    }
}

/// A branch or a Git tag that is elsewhere now.
fn moved(event: &Event, reference: Reference) -> Option<Event> {
    let name = reference.name.get()?;
    let sha = reference.new_sha.get().filter(|sha| is_sha(sha));
    let mut event = event.clone();
    let (kind, alias) = match (name.strip_prefix("refs/heads/"), name.strip_prefix("refs/tags/"), &sha) {
        (Some(branch), _, Some(_)) => (EventKind::VersionCreated, branch),
        (_, Some(tag), Some(_)) => (EventKind::AliasSet, tag),
        (_, Some(tag), None) => (EventKind::AliasDeleted, tag),
        // A branch that is gone, and the references of pull requests.
        _ => return None,
    };
    event.change.alias = Some(alias.to_owned());
    event.version.id = sha;
    // A branch points to a commit as a tag does: what counts as changed is where it points.
    event.kind = EventKind::AliasSet;
    let word = if kind == EventKind::VersionCreated { "branch" } else { "alias" };
    event.change_key = change_key(&event).map(|key| key.replacen("alias", word, 1));
    event.kind = kind;
    Some(event)
}

pub(super) fn is_sha(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
