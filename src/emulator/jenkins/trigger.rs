//! Builds, asked for.

use actix_web::HttpResponse;

use super::answer::{error, located, not_found};
use super::paths::Asked;
use super::state::{How, Jenkins, Parameters};

/// Names that are not the job's own.
const RESERVED: [&str; 5] = ["delay", "token", "cause", "json", "statusCode"];

pub fn trigger(jenkins: &mut Jenkins, asked: &Asked, name: &str, with_parameters: bool) -> HttpResponse {
    let Some(job) = jenkins.jobs.get(name).filter(|job| !job.how.hidden) else { return not_found() };
    if job.how.forbidden {
        return error(403, "the user is missing the Job/Build permission");
    }
    if job.how.disabled {
        return error(409, &format!("{name} is not buildable"));
    }
    if with_parameters == job.how.parameters.is_empty() {
        return error(400, if with_parameters { "it is not parameterized" } else { "Nothing is submitted" });
    }
    let Some(parameters) = declared(&job.how, &asked.parameters()) else {
        return error(500, "a simple parameter has more than one value");
    };
    let offered = |(name, value): &(String, String)| job.how.choices.get(name).is_none_or(|all| all.contains(value));
    if job.how.broken || !parameters.iter().all(offered) {
        return error(500, "Oops! A problem occurred while processing the request");
    }
    if jenkins.weather.shutting_down {
        return located(302, ".");
    }
    if jenkins.weather.coalesce {
        jenkins.queue(name, parameters.clone());
    }
    let (id, new) = jenkins.queue(name, parameters);
    let inner = jenkins.weather.inner.as_ref().map(|inner| format!("{inner}/jenkins/"));
    let base = inner.as_deref().unwrap_or(&asked.base);
    located(if new { 201 } else { 303 }, &format!("{base}queue/item/{id}/"))
}

/// What reaches the build: what the job declares, its default where nothing was given. `None`: something was given twice.
pub fn declared(how: &How, given: &[(String, String)]) -> Option<Parameters> {
    let mut parameters = Parameters::new();
    for name in &how.parameters {
        let mut values = given.iter().filter(|(given, _)| given == name && !RESERVED.contains(&given.as_str()));
        let value = values.next().map(|(_, value)| value.clone());
        if values.next().is_some() {
            return None;
        }
        let default = || how.choices.get(name).and_then(|choices| choices.first()).cloned().unwrap_or_default();
        parameters.push((name.clone(), value.unwrap_or_else(default)));
    }
    Some(parameters)
}
