//! Requests that stand in the configuration: one that tells, one that asks.

use serde_json::Value;

use super::mapping::{Pointer, scalar};
use super::template::{BodyTemplate, PathTemplate, Template, TemplateError};
use crate::plugin::{Status, Verdict};
use crate::registry::answer::{object, settled};
use crate::registry::{Exchange, Outcome, Request, Step};
use crate::{Event, Stage};

/// What an event says.
const EVENT: [&str; 11] =
    ["id", "workspace", "model", "model_id", "version", "version_id", "stage", "alias", "tag", "build", "image"];
/// What an outcome says, too.
const TOLD: [&str; 14] = [
    "id",
    "workspace",
    "model",
    "model_id",
    "version",
    "version_id",
    "stage",
    "alias",
    "tag",
    "build",
    "image",
    "word",
    "summary",
    "url",
];

/// The methods that tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Method {
    /// `POST`.
    Post,
    /// `PUT`.
    Put,
    /// `PATCH`.
    Patch,
}

impl Method {
    /// The method of that name, in capitals.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "POST" => Some(Self::Post),
            "PUT" => Some(Self::Put),
            "PATCH" => Some(Self::Patch),
            _ => None,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
        }
    }
}

/// The words for `{word}`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Words {
    /// A scan has begun.
    pub scanning: String,
    /// The verdict is safe.
    pub safe: String,
    /// The verdict is unsafe.
    pub unsafe_: String,
    /// No scanner could say.
    pub inconclusive: String,
    /// There is no result. It is never the word for safe.
    pub error: String,
    /// Actions have begun.
    pub in_progress: String,
    /// Actions are complete.
    pub complete: String,
    /// An action failed.
    pub failed: String,
}

impl Default for Words {
    /// Our own.
    fn default() -> Self {
        Self {
            scanning: "scanning".into(),
            safe: "safe".into(),
            unsafe_: "unsafe".into(),
            inconclusive: "inconclusive".into(),
            error: "error".into(),
            in_progress: "in_progress".into(),
            complete: "complete".into(),
            failed: "failed".into(),
        }
    }
}

/// One request that tells an outcome. Any 2xx is its end: it has to be harmless when it comes twice.
#[derive(Clone, Debug, PartialEq)]
pub struct Tell {
    method: Method,
    path: PathTemplate,
    body: BodyTemplate,
    words: Words,
    progress: bool,
}

impl Tell {
    /// Path and body with the values `{word}`, `{summary}`, `{url}` of the outcome and `{id}`, `{workspace}`, `{model}`,
    /// `{model_id}`, `{version}`, `{version_id}`, `{stage}`, `{alias}`, `{tag}`, `{build}`, `{image}` of the event.
    pub fn new(method: Method, path: &str, body: &str, words: Words) -> Result<Self, TemplateError> {
        let (path, body) = (PathTemplate::parse(path, &TOLD)?, BodyTemplate::parse(body, &TOLD)?);
        Ok(Self { method, path, body, words, progress: false })
    }

    /// Tells beginnings as well as ends.
    #[must_use]
    pub fn with_progress(self) -> Self {
        Self { progress: true, ..self }
    }

    pub(super) fn next(&self, event: &Event, outcome: &Outcome, seen: &[Exchange]) -> Step {
        if !outcome.is_final() && !self.progress {
            return Step::Done;
        }
        if let Some(told) = seen.first() {
            return settled(told);
        }
        let (word, summary, url) = self.outcome(outcome);
        let values = |name: &str| match name {
            "word" => Some(word.to_owned()),
            "summary" => summary.cloned(),
            "url" => url.cloned(),
            name => value(event, name),
        };
        let Some(path) = self.path.filled(&values) else {
            return Step::Refused("the event lacks a value that the path of the request needs".to_owned());
        };
        let body = Some(self.body.filled(&values).to_string());
        Step::Send(Request { method: self.method.word().to_owned(), path, body, writes: Vec::new() })
    }

    fn outcome<'a>(&'a self, outcome: &'a Outcome) -> (&'a str, Option<&'a String>, Option<&'a String>) {
        let words = &self.words;
        match outcome {
            Outcome::Scanning => (&words.scanning, None, None),
            Outcome::Scanned { verdict, summary, url, .. } => {
                let word = match verdict {
                    Verdict::Safe => &words.safe,
                    Verdict::Unsafe => &words.unsafe_,
                    Verdict::Inconclusive => &words.inconclusive,
                    Verdict::Error => &words.error,
                };
                (word, summary.as_ref(), url.as_ref())
            }
            Outcome::InProgress => (&words.in_progress, None, None),
            Outcome::Promoted { status: Status::Complete, summary, url } => {
                (&words.complete, summary.as_ref(), url.as_ref())
            }
            Outcome::Promoted { summary, url, .. } => (&words.failed, summary.as_ref(), url.as_ref()),
        }
    }
}

/// One request that asks whether a promotion stands: the answer has, at a place, a value, or a list with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    path: PathTemplate,
    pointer: Pointer,
    equals: Template,
}

impl Ask {
    /// Path and expected value with the values of an event, as [`Tell::new`] has them.
    pub fn new(path: &str, pointer: Pointer, equals: &str) -> Result<Self, TemplateError> {
        Ok(Self { path: PathTemplate::parse(path, &EVENT)?, pointer, equals: Template::parse(equals, &EVENT)? })
    }

    pub(super) fn next(&self, event: &Event, seen: &[Exchange]) -> Step {
        let values = |name: &str| value(event, name);
        let (Some(path), Some(wanted)) = (self.path.filled(&values), self.equals.filled(&values)) else {
            return Step::Refused("the event lacks a value that is needed to ask".to_owned());
        };
        let Some(asked) = seen.first() else {
            return Step::Send(Request { method: "GET".to_owned(), path, body: None, writes: Vec::new() });
        };
        if asked.status == 404 {
            return Step::Refused("the registry does not know it any more".to_owned());
        }
        let answer = match object::<serde_json::Map<String, Value>>(asked) {
            Ok(answer) => Value::Object(answer),
            // Whatever it says instead, it does not say that the promotion was taken back.
            Err(Step::Refused(reason)) => return Step::Retry(reason),
            Err(step) => return step,
        };
        // A stage is compared as stages are.
        let same = |value: &Value| {
            scalar(value).is_some_and(|text| text == wanted || Stage::new(&text) == Stage::new(&wanted))
        };
        let stands = match self.pointer.find(&answer) {
            Some(Value::Array(items)) => items.iter().any(same),
            Some(value) => same(value),
            None => false,
        };
        if stands {
            Step::Done
        } else {
            Step::Refused(format!("{} of the answer does not say so any more", self.pointer))
        }
    }
}

fn value(event: &Event, name: &str) -> Option<String> {
    match name {
        "id" => event.id.clone(),
        "workspace" => event.workspace.clone(),
        "model" => event.model.name.clone().or_else(|| event.model.id.clone()),
        "model_id" => event.model.id.clone(),
        "version" => event.version.name.clone().or_else(|| event.version.id.clone()),
        "version_id" => event.version.id.clone(),
        "stage" => event.change.stage_to.as_ref().map(|stage| stage.as_str().to_owned()),
        "alias" => event.change.alias.clone(),
        "tag" => event.change.tag.as_ref().map(|tag| tag.key.clone()),
        "build" => event.build.id.clone(),
        "image" => event.build.image.clone(),
        _ => None,
    }
}
