//! The status of a commit: read, and set where it says something else.
//!
//! A commit keeps every status that it was given and shows the last of each context, so that setting one twice does no harm
//! but for a row more; it is read first all the same.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{GitHub, decode};
use crate::Event;
use crate::plugin::{Status, Verdict};
use crate::registry::answer::{object, segment};
use crate::registry::object::Object;
use crate::registry::{Exchange, Outcome, Request, Step};

/// GitHub cuts nothing: it refuses a longer description.
const MAX_DESCRIPTION: usize = 140;

/// The combined status of a commit: the last one of each context.
#[derive(Deserialize)]
struct Combined {
    statuses: Vec<Object<Standing>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Standing {
    context: Option<String>,
    state: Option<String>,
    description: Option<String>,
    target_url: Option<String>,
}

pub(super) fn next(github: &GitHub, event: &Event, outcome: &Outcome, seen: &[Exchange]) -> Step {
    let Some((repository, sha)) = place(event) else {
        return Step::Refused(
            "the event names no repository and commit: give client_payload the commit's sha".to_owned(),
        );
    };
    let wanted = wanted(github, outcome);
    let [read, rest @ ..] = seen else {
        // The combined status has 30 contexts on a page unless told.
        return Step::Send(Request {
            method: "GET".to_owned(),
            path: format!("/repos/{repository}/commits/{sha}/status?per_page=100"),
            body: None,
            writes: Vec::new(),
        });
    };
    let standing = match object::<Combined>(read) {
        Ok(combined) => combined.statuses,
        Err(step) => return step,
    };
    match rest {
        [] if standing.iter().any(|Object(standing)| wanted.stands(standing)) => Step::Done,
        [] => Step::Send(Request {
            method: "POST".to_owned(),
            path: format!("/repos/{repository}/statuses/{sha}"),
            body: Some(wanted.body().to_string()),
            writes: Vec::new(),
        }),
        [written, ..] => match object::<Standing>(written) {
            Err(step) => step,
            Ok(standing) if wanted.stands(&standing) => Step::Done,
            Ok(_) => Step::Retry("GitHub answered 2xx, but the status does not stand as written".to_owned()),
        },
    }
}

/// `OWNER/REPOSITORY` and the commit, as a path holds them.
fn place(event: &Event) -> Option<(String, &str)> {
    let (owner, repository) = event.workspace.as_deref()?.split_once('/')?;
    let sha = event.version.id.as_deref().filter(|sha| decode::is_sha(sha))?;
    Some((format!("{}/{}", segment(owner)?, segment(repository)?), sha))
}

struct Wanted {
    context: String,
    state: &'static str,
    description: String,
    url: Option<String>,
}

impl Wanted {
    fn stands(&self, standing: &Standing) -> bool {
        standing.context.as_deref() == Some(&self.context)
            && standing.state.as_deref() == Some(self.state)
            && standing.description.as_deref() == Some(&self.description)
            && standing.target_url.as_deref().filter(|url| !url.is_empty()) == self.url.as_deref()
    }

    fn body(&self) -> Value {
        let mut body = json!({ "context": self.context, "state": self.state, "description": self.description });
        if let Some(url) = &self.url {
            body["target_url"] = Value::from(url.as_str());
        }
        body
    }
}

/// `error` and `inconclusive` are GitHub's `error`, which is no success to a rule of a branch either.
fn wanted(github: &GitHub, outcome: &Outcome) -> Wanted {
    let (part, state, word, summary, url) = match outcome {
        Outcome::Scanning => ("scan", "pending", "scanning", &None, &None),
        Outcome::Scanned { verdict, summary, url, .. } => {
            let (state, word) = match verdict {
                Verdict::Safe => ("success", "safe"),
                Verdict::Unsafe => ("failure", "unsafe"),
                Verdict::Inconclusive => ("error", "inconclusive"),
                Verdict::Error => ("error", "no result"),
            };
            ("scan", state, word, summary, url)
        }
        Outcome::InProgress => ("promotion", "pending", "in progress", &None, &None),
        Outcome::Promoted { status: Status::Complete, summary, url } => {
            ("promotion", "success", "complete", summary, url)
        }
        Outcome::Promoted { summary, url, .. } => ("promotion", "failure", "failed", summary, url),
    };
    let description = summary.as_ref().map_or_else(|| word.to_owned(), |summary| format!("{word}: {summary}"));
    Wanted {
        context: format!("{}/{part}", github.context),
        state,
        description: description.chars().take(MAX_DESCRIPTION).collect(),
        url: url.clone(),
    }
}
