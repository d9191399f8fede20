//! How things stand: the aliases of every registered model, and the tags of every version, page by page.

use std::collections::HashSet;

use serde::Deserialize;

use crate::event::Tag;
use crate::registry::answer::query;
use crate::registry::survey::{Answers, survey};
use crate::registry::{Exchange, Reading, Request, SurveyStep};
use crate::{Event, EventKind, Timestamp};

const MODELS: &str = "/api/2.0/mlflow/registered-models/search";
const VERSIONS: &str = "/api/2.0/mlflow/model-versions/search";
/// An answer is read up to a bound, and a model may have many versions and tags in it.
const PER_PAGE: &str = "100";

#[derive(Default, Deserialize)]
#[serde(default)]
struct Models {
    registered_models: Vec<Model>,
    next_page_token: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Model {
    name: String,
    aliases: Vec<Alias>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Alias {
    alias: String,
    version: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Versions {
    model_versions: Vec<Version>,
    next_page_token: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Version {
    name: String,
    #[serde(rename = "version")]
    number: String,
    creation_timestamp: Option<i64>,
    source: Option<String>,
    tags: Vec<Tag>,
}

/// Models first, then versions: an alias that was set in between is found the next time.
pub(in crate::registry) fn next(name: &str, seen: &[Exchange]) -> SurveyStep {
    survey(seen, |answers, found| {
        pages(answers, MODELS, |Models { registered_models, next_page_token }| {
            for model in &registered_models {
                aliases(name, model, found);
            }
            next_page_token
        })?;
        pages(answers, VERSIONS, |Versions { model_versions, next_page_token }| {
            for version in &model_versions {
                version.says(name, found);
            }
            next_page_token
        })
    })
}

/// Page by page. `take` reads one and says what the next is asked for by.
fn pages<'a, T: Deserialize<'a>>(
    answers: &mut Answers<'a>,
    path: &str,
    mut take: impl FnMut(T) -> Option<String>,
) -> Result<(), SurveyStep> {
    let mut tokens = HashSet::new();
    let mut token = None;
    loop {
        let next = take(answers.to(|| page(path, token.as_deref()))?).filter(|token| !token.is_empty());
        // A registry that gives one token twice would be asked for ever.
        match next.filter(|next| tokens.insert(next.clone())) {
            Some(next) => token = Some(next),
            None => return Ok(()),
        }
    }
}

fn page(path: &str, token: Option<&str>) -> Request {
    let mut pairs = vec![("max_results", PER_PAGE)];
    pairs.extend(token.map(|token| ("page_token", token)));
    Request { method: "GET".to_owned(), path: [path, &query(&pairs)].concat(), body: None, writes: Vec::new() }
}

fn aliases(registry: &str, model: &Model, found: &mut Vec<Reading>) {
    if model.name.is_empty() {
        return;
    }
    found.extend(model.aliases.iter().filter(|alias| !alias.alias.is_empty() && !alias.version.is_empty()).map(
        |Alias { alias, version }| {
            let mut event = Event::new(EventKind::AliasSet, registry);
            event.model.name = Some(model.name.clone());
            event.version.name = Some(version.clone());
            event.change.alias = Some(alias.clone());
            Reading::of(event)
        },
    ));
}

impl Version {
    /// That it was made, and each of its tags.
    fn says(&self, registry: &str, found: &mut Vec<Reading>) {
        if self.name.is_empty() || self.number.is_empty() {
            return;
        }
        let event = |kind| {
            let mut event = Event::new(kind, registry);
            event.model.name = Some(self.name.clone());
            event.version.name = Some(self.number.clone());
            event
        };
        let mut created = event(EventKind::VersionCreated);
        created.occurred_at = self.creation_timestamp.map(Timestamp::from_millis);
        created.artifact_uri.clone_from(&self.source);
        found.push(Reading::of(created));
        found.extend(self.tags.iter().filter(|tag| !tag.key.is_empty()).map(|tag| {
            let mut set = event(EventKind::TagSet);
            set.change.tag = Some(tag.clone());
            Reading::of(set)
        }));
    }
}
