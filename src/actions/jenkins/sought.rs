//! What is a run's own in Jenkins: an item or a build of its job, with its id as a parameter.

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::place;

/// What a run is known by.
pub struct Sought<'a> {
    /// The folders and the job, as the address has them.
    pub job: Vec<String>,
    pub parameter: &'a str,
    pub id: &'a str,
    /// The lowest number that its build can have.
    pub next: u64,
    /// Whether it may have come without its id: a webhook gives on what its job maps, and nothing else.
    pub nameless: bool,
}

/// Of an item or a build; some say nothing.
#[derive(Deserialize)]
pub struct Action {
    #[serde(default)]
    parameters: Vec<Parameter>,
}

#[derive(Deserialize)]
struct Parameter {
    name: String,
    #[serde(default)]
    value: Value,
}

/// What the queue says an item is for.
#[derive(Deserialize)]
pub struct Task {
    url: Option<String>,
}

/// A build, as an item that has left the queue names it.
#[derive(Deserialize)]
pub struct Executable {
    pub number: u64,
    url: Option<String>,
}

impl Sought<'_> {
    /// Whether that is to build the job. What its builds start, and each step that waits for a node, is in the same queue.
    pub fn is_task(&self, task: Option<&Task>) -> bool {
        let url = task.and_then(|task| Url::parse(task.url.as_deref()?).ok());
        url.is_some_and(|url| place::of_job(&url) == self.job)
    }

    /// Whether that can be its build.
    pub fn is_build(&self, build: &Executable) -> bool {
        let url = build.url.as_deref().and_then(|url| Url::parse(url).ok());
        build.number >= self.next && url.is_some_and(|url| place::of_build(&url) == self.job)
    }

    /// Whether it was given the run's id.
    pub fn is_in(&self, actions: &[Option<Action>]) -> bool {
        self.given(actions).any(|value| value == self.id)
    }

    /// Whether it was given no id, and may be the run's all the same.
    pub fn may_be(&self, actions: &[Option<Action>]) -> bool {
        self.nameless && self.given(actions).all(|value| value.as_str().is_none_or(str::is_empty))
    }

    fn given<'v>(&self, actions: &'v [Option<Action>]) -> impl Iterator<Item = &'v Value> {
        let parameters = actions.iter().flatten().flat_map(|action| &action.parameters);
        parameters.filter(|each| each.name == self.parameter).map(|each| &each.value)
    }
}
