//! The endpoint of the Generic Webhook Trigger plugin. Who has a job's token needs no login.

use actix_web::HttpResponse;
use actix_web::http::Method;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Map, Value, json};
use sha2::Sha256;

use super::answer::{empty, not_found, raw};
use super::paths::Asked;
use super::state::{How, Jenkins};
use super::trigger::declared;
use crate::emulator::registry::Registry;

pub fn invoke(registry: &Registry, asked: &Asked) -> HttpResponse {
    if asked.method != Method::POST {
        return not_found();
    }
    let mut state = registry.state();
    let jenkins = &mut state.jenkins;
    let token = token(asked);
    let has_it = |how: &How| token.is_some() && how.token == token;
    let names: Vec<String> =
        jenkins.jobs.iter().filter(|(_, job)| has_it(&job.how)).map(|(name, _)| name.clone()).collect();
    if names.is_empty() {
        let message = "Did not find any jobs with GenericTrigger configured! A token was supplied.";
        return with_status(404, &json!({ "jobs": null, "message": message }));
    }
    if !names.iter().all(|name| is_signed(&jenkins.jobs[name].how, asked)) {
        return with_status(403, &json!({ "jobs": null, "message": "HMAC verification failed" }));
    }
    if names.iter().any(|name| jenkins.jobs[name].how.silent) {
        for name in &names {
            trigger(jenkins, name, asked);
        }
        return empty(200);
    }
    let jobs: Map<String, Value> = names.iter().map(|name| (name.clone(), trigger(jenkins, name, asked))).collect();
    raw(&json!({ "jobs": jobs, "message": "Triggered jobs." }))
}

fn with_status(status: u16, body: &Value) -> HttpResponse {
    let mut answer = raw(body);
    *answer.status_mut() = actix_web::http::StatusCode::from_u16(status).unwrap_or_default();
    answer
}

/// Where the plugin looks for it, in that order.
fn token(asked: &Asked) -> Option<String> {
    let query = asked.query.iter().find(|(name, _)| name == "token").map(|(_, token)| token.clone());
    let bearer = || asked.header("Authorization")?.strip_prefix("Bearer ");
    query
        .or_else(|| asked.header("token").or_else(bearer).or_else(|| asked.header("X-Gitlab-Token")).map(str::to_owned))
}

fn is_signed(how: &How, asked: &Asked) -> bool {
    let Some(key) = &how.hmac_key else { return true };
    let given = asked.header("X-Hub-Signature-256").and_then(|given| given.strip_prefix("sha256="));
    let given = given.and_then(|given| base16ct::mixed::decode_vec(given).ok()).unwrap_or_default();
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else { return false };
    mac.update(&asked.body);
    mac.verify_slice(&given).is_ok()
}

fn trigger(jenkins: &mut Jenkins, name: &str, asked: &Asked) -> Value {
    let body: Map<String, Value> = serde_json::from_slice(&asked.body).unwrap_or_default();
    let how = &jenkins.jobs[name].how;
    // What no variable takes comes to nothing, and a parameter that none fills has its default.
    let is_mapped = |name: &String| how.mapped.as_ref().is_none_or(|mapped| mapped.contains(name));
    let body: Map<String, Value> = body.into_iter().filter(|(name, _)| is_mapped(name)).collect();
    let given: Vec<(String, String)> =
        body.iter().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect();
    let parameters = declared(how, &given).unwrap_or_default();
    let stays_out = how.filtered || how.disabled;
    let id = if stays_out { 0 } else { jenkins.queue(name, parameters).0 };
    json!({
        "regexpFilterExpression": "", "regexpFilterText": "", "resolvedVariables": body, "triggered": id > 0, "id": id,
        "url": if id > 0 { format!("queue/item/{id}/") } else { String::new() },
    })
}
