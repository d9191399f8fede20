//! Finds what a run has started, in the queue and among the builds, by the run's id.

use serde::Deserialize;

use super::server::{Server, with_tree};
use super::sought::{Action, Sought, Task};
use super::words;
use crate::http::Answer;

/// Builds that are looked at in one request.
const PAGE: usize = 100;
/// A job that has been built more often since is not searched any further.
const MOST_PAGES: usize = 20;

/// What one search found.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    Queued(u64),
    Building(u64),
    /// Nothing of it, and everything was looked at. What comes of it later has this number or a higher one.
    Nothing {
        next: u64,
    },
    /// Nothing of it, but builds since then are no longer there to be looked at.
    Unclear,
    /// Something that has no run's id, and may be it.
    Nameless,
}

/// Everything that is there.
#[derive(Debug, Default)]
pub struct Seen {
    /// The run's own, by number.
    pub builds: Vec<u64>,
    /// The run's own that wait, by number.
    pub items: Vec<u64>,
    nameless: bool,
    /// The number that the job's next build will have, if all builds since were looked at.
    next: Option<u64>,
}

#[derive(Deserialize)]
struct Queue {
    #[serde(default)]
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    id: u64,
    task: Option<Task>,
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

impl Seen {
    /// The first of what is the run's own. Whoever rebuilds a build in Jenkins gives it the same parameters.
    pub fn found(&self) -> Found {
        match (self.builds.first(), self.items.first(), self.next) {
            (Some(build), ..) => Found::Building(*build),
            (None, Some(item), _) => Found::Queued(*item),
            (None, None, _) if self.nameless => Found::Nameless,
            (None, None, Some(next)) => Found::Nothing { next },
            (None, None, None) => Found::Unclear,
        }
    }
}

/// Looks once, at the queue first: what leaves it meanwhile is among the builds then. `name` is the job's, for what is told.
pub async fn look(server: &Server<'_>, name: &str, sought: &Sought<'_>) -> Result<Seen, String> {
    let ask = async |url| server.get(url).await.map_err(|error| error.to_string());
    let tree = "items[id,task[url],actions[parameters[name,value]]]";
    let queue: Queue = good(name, &ask(with_tree(server.own(&["queue", "api", "json"]), tree)).await?)?;
    let waiting: Vec<&Item> = queue.items.iter().filter(|item| sought.is_task(item.task.as_ref())).collect();
    let mut seen = Seen { nameless: waiting.iter().any(|item| sought.may_be(&item.actions)), ..Seen::default() };
    let (mut looked_at, mut next, mut left) = (0, None, Vec::new());
    for page in 0..MOST_PAGES {
        let (from, to) = (page * PAGE, (page + 1) * PAGE);
        let tree = format!("nextBuildNumber,allBuilds[number,queueId,actions[parameters[name,value]]]{{{from},{to}}}");
        let builds: Builds = good(name, &ask(with_tree(server.job(&["api", "json"]), &tree)).await?)?;
        // As it was when the youngest of them were looked at.
        let next = *next.get_or_insert(builds.next_build_number.unwrap_or(u64::MAX));
        let recent: Vec<&Build> = builds.all_builds.iter().filter(|build| build.number >= sought.next).collect();
        for build in &recent {
            seen.nameless |= sought.may_be(&build.actions);
            if sought.is_in(&build.actions) {
                seen.builds.push(build.number);
                left.extend(build.queue_id);
            }
        }
        looked_at += recent.len() as u64;
        if recent.len() < PAGE {
            let all = looked_at >= next.saturating_sub(sought.next);
            seen.next = all.then_some(next.max(sought.next));
            break;
        }
    }
    let own = waiting.into_iter().filter(|item| sought.is_in(&item.actions) && !left.contains(&item.id));
    seen.items = own.map(|item| item.id).collect();
    seen.items.sort_unstable();
    seen.builds.sort_unstable();
    Ok(seen)
}

fn good<T: serde::de::DeserializeOwned>(name: &str, answer: &Answer) -> Result<T, String> {
    match answer.status {
        200 => answer.json(),
        _ => Err(words::refused_later(name, answer)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_build_counts_and_then_the_first_item() {
        let check = |builds: &[u64], items: &[u64], nameless: bool, next: Option<u64>, expected: Found| {
            let seen = Seen { builds: builds.to_vec(), items: items.to_vec(), nameless, next };
            assert_eq!(seen.found(), expected);
        };
        check(&[7, 9], &[25], true, Some(10), Found::Building(7));
        check(&[], &[25, 26], true, Some(10), Found::Queued(25));
        check(&[], &[], true, Some(10), Found::Nameless);
        check(&[], &[], false, Some(10), Found::Nothing { next: 10 });
        check(&[], &[], false, None, Found::Unclear);
    }
}
