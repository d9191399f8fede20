//! The tools for development: jobs to order, what becomes of them, and bad weather.

use actix_web::web::{Data, Json};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::gate::Posts;
use super::state::{How, Outcome, Phase};
use crate::emulator::answer::{Answer, Body, Refusal};
use crate::emulator::registry::Registry;

/// How things are: every job with its queue and its builds, how many requests are held, and how many have come.
pub async fn all(registry: Data<Registry>) -> Answer {
    let mut state = registry.state();
    let jenkins = &mut state.jenkins;
    jenkins.go_on(registry.options.build_time);
    let given = |parameters: &[(String, String)]| -> Map<String, Value> {
        parameters.iter().map(|(name, value)| (name.clone(), json!(value))).collect()
    };
    let jobs: Map<String, Value> = jenkins
        .jobs
        .iter()
        .map(|(name, job)| {
            let queue =
                jenkins.waiting(Some(name)).map(|item| json!({ "id": item.id, "parameters": given(&item.parameters) }));
            let builds = job.builds.values().map(|build| {
                json!({
                    "number": build.number, "queue": build.queue, "parameters": given(&build.parameters),
                    "in_progress": build.in_progress(), "result": build.result().map(Outcome::word),
                })
            });
            (
                name.clone(),
                json!({ "queue": queue.collect::<Vec<_>>(), "builds": builds.collect::<Vec<_>>(), "given": job.given }),
            )
        })
        .collect();
    Ok(Json(json!({ "held": jenkins.gate.held(), "asked": jenkins.asked, "jobs": jobs })))
}

/// A job of that full name is as that says from now on, and keeps its builds.
#[derive(Deserialize)]
pub struct Made {
    name: String,
    #[serde(flatten)]
    how: Map<String, Value>,
}

pub async fn job(registry: Data<Registry>, Body(made): Body<Made>) -> Answer {
    let how: How =
        serde_json::from_value(Value::Object(made.how)).map_err(|error| Refusal::invalid(error.to_string()))?;
    if made.name.split('/').any(str::is_empty) {
        return Err(Refusal::invalid("name: write it as folder/job"));
    }
    registry.state().jenkins.jobs.entry(made.name.clone()).or_default().how = how;
    Ok(Json(json!({ "name": made.name })))
}

/// What becomes of a job's items and builds, all that is named in this order.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Steer {
    job: String,
    /// What waits in the queue starts.
    #[serde(default)]
    start: bool,
    /// What runs says that, line by line.
    #[serde(default)]
    say: Vec<String>,
    /// The build proper is over, and what comes after it is not.
    post_production: Option<Outcome>,
    /// What runs ends so.
    finish: Option<Outcome>,
    /// Items that have left the queue are no longer known.
    #[serde(default)]
    forget: bool,
    /// Builds are deleted.
    #[serde(default)]
    delete: bool,
}

pub async fn steer(registry: Data<Registry>, Body(asked): Body<Steer>) -> Answer {
    let mut state = registry.state();
    let jenkins = &mut state.jenkins;
    if asked.start {
        let waiting: Vec<u64> = jenkins.waiting(Some(&asked.job)).map(|item| item.id).collect();
        for id in waiting {
            jenkins.start(id);
        }
    }
    if asked.forget {
        jenkins.items.retain(|_, item| item.job != asked.job || item.place == super::state::Place::Waiting);
    }
    let job = jenkins.jobs.get_mut(&asked.job).ok_or_else(|| Refusal::unknown("job", &asked.job))?;
    for build in job.builds.values_mut().filter(|build| build.in_progress()) {
        for line in &asked.say {
            build.console.push_str(line);
            build.console.push('\n');
        }
        if let Some(result) = asked.post_production {
            build.phase = Phase::PostProduction(result);
        }
        if let Some(result) = asked.finish {
            build.end(result);
        }
    }
    if asked.delete {
        job.builds.clear();
    }
    Ok(Json(json!({})))
}

/// How the server as a whole behaves from now on; what is not named stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    posts: Option<Posts>,
    shutting_down: Option<bool>,
    crumbs: Option<bool>,
    coalesce: Option<bool>,
    /// 0 ends it.
    refuse: Option<u16>,
    /// 0 ends it.
    proxy: Option<u16>,
    login_pages: Option<bool>,
    hide_items: Option<bool>,
    /// What is in the queue is no longer there, and numbers of items begin again.
    #[serde(default)]
    lose_queue: bool,
    /// Nothing ends it.
    inner: Option<String>,
    /// Crumbs that were given are good no longer.
    #[serde(default)]
    drop_sessions: bool,
}

pub async fn server(registry: Data<Registry>, Body(asked): Body<Server>) -> Answer {
    let mut state = registry.state();
    let jenkins = &mut state.jenkins;
    if let Some(posts) = asked.posts {
        jenkins.gate.set(posts);
    }
    let weather = &mut jenkins.weather;
    weather.shutting_down = asked.shutting_down.unwrap_or(weather.shutting_down);
    weather.coalesce = asked.coalesce.unwrap_or(weather.coalesce);
    weather.no_crumbs = asked.crumbs.map_or(weather.no_crumbs, |crumbs| !crumbs);
    if let Some(status) = asked.refuse {
        weather.refuse = Some(status).filter(|status| (400..600).contains(status));
    }
    if let Some(status) = asked.proxy {
        weather.proxy = Some(status).filter(|status| (400..600).contains(status));
    }
    weather.login_pages = asked.login_pages.unwrap_or(weather.login_pages);
    weather.hide_items = asked.hide_items.unwrap_or(weather.hide_items);
    if let Some(inner) = asked.inner {
        weather.inner = Some(inner).filter(|inner| !inner.is_empty());
    }
    if asked.lose_queue {
        jenkins.lose_queue();
    }
    if asked.drop_sessions {
        jenkins.sessions.clear();
    }
    Ok(Json(json!({})))
}
