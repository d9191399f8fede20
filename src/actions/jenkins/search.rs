//! Finds what a run has started, in the queue and among the builds, by the run's id or by the item of the queue.

use serde::Deserialize;
use serde_json::Value;

use super::server::{Server, with_tree};
use crate::http::Answer;

/// Builds that are looked at in one request.
const PAGE: usize = 100;
/// A job that has been built more often since is not searched any further.
const MOST_PAGES: usize = 20;

/// What was looked for.
#[derive(Clone, Copy)]
pub enum Sought<'a> {
    /// Whatever has this value of this parameter.
    Run { parameter: &'a str, id: &'a str },
    /// Whatever was this item of the queue.
    Item(u64),
}

/// What one search saw.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    Queued(u64),
    Building(u64),
    /// Nothing of it, and everything was looked at.
    Nothing,
    /// Nothing of it, but builds since then are no longer there to be looked at.
    Unclear,
}

#[derive(Deserialize)]
struct Queue {
    #[serde(default)]
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    id: u64,
    #[serde(default)]
    actions: Vec<Option<Action>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Builds {
    next_build_number: Option<u64>,
    #[serde(default)]
    all_builds: Vec<Build>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Build {
    number: u64,
    queue_id: Option<u64>,
    #[serde(default)]
    actions: Vec<Option<Action>>,
}

#[derive(Deserialize)]
struct Action {
    #[serde(default)]
    parameters: Vec<Parameter>,
}

#[derive(Deserialize)]
struct Parameter {
    name: String,
    #[serde(default)]
    value: Value,
}

impl Sought<'_> {
    fn is(&self, id: Option<u64>, actions: &[Option<Action>]) -> bool {
        match *self {
            Self::Item(sought) => id == Some(sought),
            Self::Run { parameter, id } => actions
                .iter()
                .flatten()
                .flat_map(|action| &action.parameters)
                .any(|each| each.name == parameter && each.value == *id),
        }
    }
}

/// Looks once, at the queue first: what leaves it meanwhile is among the builds then. `next` is the lowest number that the build
/// can have.
pub async fn look(server: &Server<'_>, sought: Sought<'_>, next: u64) -> Result<Found, String> {
    let url = with_tree(server.own(&["queue", "api", "json"]), "items[id,actions[parameters[name,value]]]");
    let queue: Queue = good(&server.get(url).await.map_err(|error| error.to_string())?)?;
    if let Some(item) = queue.items.iter().find(|item| sought.is(Some(item.id), &item.actions)) {
        return Ok(Found::Queued(item.id));
    }
    let (mut seen, mut upcoming) = (0, None);
    for page in 0..MOST_PAGES {
        let (from, to) = (page * PAGE, (page + 1) * PAGE);
        let tree = format!("nextBuildNumber,allBuilds[number,queueId,actions[parameters[name,value]]]{{{from},{to}}}");
        let builds: Builds = good(
            &server.get(with_tree(server.job(&["api", "json"]), &tree)).await.map_err(|error| error.to_string())?,
        )?;
        let upcoming = *upcoming.get_or_insert(builds.next_build_number.unwrap_or(u64::MAX));
        let recent: Vec<&Build> = builds.all_builds.iter().filter(|build| build.number >= next).collect();
        if let Some(build) = recent.iter().find(|build| sought.is(build.queue_id, &build.actions)) {
            return Ok(Found::Building(build.number));
        }
        seen += recent.len() as u64;
        if recent.len() < PAGE {
            return Ok(if seen >= upcoming.saturating_sub(next) { Found::Nothing } else { Found::Unclear });
        }
    }
    Ok(Found::Unclear)
}

fn good<T: serde::de::DeserializeOwned>(answer: &Answer) -> Result<T, String> {
    match answer.status {
        200 => answer.json(),
        status => Err(format!("Jenkins answered {status}")),
    }
}
