//! The endpoint of Jenkins' Generic Webhook Trigger plugin, which knows jobs by a token of their own.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use scanrelay::Secret;
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::Sha256;

use super::settings::Settings;
use super::trigger::{Triggered, queue_id};
use crate::call::Call;
use crate::http::{Answer, Request, carried};
use crate::settings::Fault;

/// The secret that is the job's token, and the one that the body is signed with, where Jenkins checks that.
pub const TOKEN: &str = "JENKINS_WEBHOOK_TOKEN";
const KEY: &str = "JENKINS_WEBHOOK_KEY";

/// How the webhook is called.
pub struct Hook {
    token: HeaderValue,
    key: Option<Secret>,
    /// Where the signature goes.
    header: HeaderName,
}

impl Hook {
    pub fn new(header: Option<&str>) -> Result<Self, Fault> {
        let token = Call::secret(TOKEN).ok_or_else(|| {
            Fault::at("trigger", format!("its {TOKEN} is missing: give it under secrets of the plugin"))
        })?;
        let token = carried("", &token).ok_or_else(|| {
            Fault::at("trigger", format!("{TOKEN} has bytes that no header can carry: check for a line feed in it"))
        })?;
        let header = header.unwrap_or("X-Hub-Signature-256");
        let header = HeaderName::from_bytes(header.as_bytes())
            .map_err(|_| Fault::at("hmac_header", "it is no header's name"))?;
        Ok(Self { token, key: Call::secret(KEY), header })
    }
}

/// What it answers. 200 does not mean that anything was triggered.
#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    jobs: Option<BTreeMap<String, Job>>,
}

#[derive(Deserialize)]
struct Job {
    #[serde(default)]
    triggered: bool,
    #[serde(default)]
    id: u64,
    #[serde(default)]
    url: String,
    /// What its variables became.
    #[serde(rename = "resolvedVariables", default)]
    variables: Value,
}

/// The job that is followed, and by what its build is found.
#[derive(Clone, Copy)]
pub struct Followed<'a> {
    pub job: &'a str,
    pub parameter: &'a str,
    pub id: &'a str,
}

/// Calls it with those values as one JSON object.
pub async fn trigger(
    settings: &Settings,
    hook: &Hook,
    followed: Option<Followed<'_>>,
    values: &[(String, String)],
) -> Triggered {
    let body: Map<String, Value> = values.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    let body = Value::Object(body).to_string().into_bytes();
    let mut request = Request::post(settings.client.below(&["generic-webhook-trigger", "invoke"]))
        .with(CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .with(HeaderName::from_static("token"), hook.token.clone());
    if let Some(signature) = hook.key.as_ref().and_then(|key| signature(key, &body)) {
        request = request.with(hook.header.clone(), signature);
    }
    request.body = body;
    match settings.client.send(request).await {
        Ok(answer) => read(followed, &answer),
        Err(error) if error.unsent => Triggered::Later(error.to_string()),
        Err(error) => Triggered::Unknown(error.to_string()),
    }
}

fn signature(key: &Secret, body: &[u8]) -> Option<HeaderValue> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose()).ok()?;
    mac.update(body);
    let mac = base16ct::lower::encode_string(&mac.finalize().into_bytes());
    HeaderValue::from_str(&format!("sha256={mac}")).ok()
}

fn read(followed: Option<Followed<'_>>, answer: &Answer) -> Triggered {
    let job = followed.map(|followed| followed.job);
    match answer.status {
        200 => {}
        404 if answer.header("X-Jenkins").is_none() => {
            return Triggered::Refused("no Jenkins with the Generic Webhook Trigger plugin is at url (404)".to_owned());
        }
        404 => {
            return Triggered::Refused(format!("no job has the token of {TOKEN} (404): give its trigger that token"));
        }
        403 => {
            return Triggered::Refused(format!(
                "the webhook turned us away (403): check {KEY} and hmac_header, and Jenkins' list of addresses that may call it"
            ));
        }
        // It says 500 when any of several jobs was not triggered.
        status => return Triggered::Unknown(format!("the webhook answered {status}")),
    }
    let Some(jobs) = answer.json::<Said>().ok().and_then(|said| said.jobs).filter(|jobs| !jobs.is_empty()) else {
        return Triggered::Unknown(
            "the webhook does not say what it triggered: turn off silentResponse in the job".to_owned(),
        );
    };
    let wanted: Vec<(&String, &Job)> = jobs.iter().filter(|(name, _)| job.is_none_or(|job| *name == job)).collect();
    let Some(first) = wanted.first() else {
        return Triggered::Refused(format!(
            "the webhook's token is of {}, and settings.job names another job",
            names(jobs.keys())
        ));
    };
    let filtered = wanted.iter().filter(|(_, job)| !job.triggered).map(|(name, _)| *name);
    if filtered.clone().next().is_some() {
        return Triggered::Refused(format!(
            "the webhook did not trigger {}: its filter (regexpFilter) does not match",
            names(filtered)
        ));
    }
    let Some(followed) = followed else { return Triggered::Done(format!("triggered {}", names(jobs.keys()))) };
    if first.1.variables.get(followed.parameter).and_then(Value::as_str) != Some(followed.id) {
        return Triggered::Lost(unmapped(&format!("the webhook triggered {}", followed.job), followed.parameter));
    }
    match queue_id(&first.1.url).or(Some(first.1.id).filter(|id| *id > 0)) {
        Some(id) => Triggered::Queued(id),
        None => Triggered::Unknown("the webhook named no item of Jenkins' queue".to_owned()),
    }
}

/// Of what was triggered without the run's id: a parameter that no variable fills has its default.
pub fn unmapped(what: &str, parameter: &str) -> String {
    format!(
        "{what} without {parameter}, by which its build would be found: add [key: '{parameter}', value: '$.{parameter}'] to the genericVariables of the job, look there for its build, then replay the delivery"
    )
}

fn names<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names.map(String::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use reqwest::header::HeaderMap;

    use super::*;

    fn check(status: u16, body: &'static str, job: Option<&str>, expected: &str) {
        let mut headers = HeaderMap::new();
        headers.insert("X-Jenkins", HeaderValue::from_static("2.541.1"));
        let answer = Answer { status, headers, body: Bytes::from_static(body.as_bytes()), whole: true };
        let followed = job.map(|job| Followed { job, parameter: "RUN", id: "r-1" });
        let said = format!("{:?}", read(followed, &answer));
        assert!(said.starts_with(expected), "{status} {body}: {said}");
    }

    #[test]
    fn well_received_is_not_triggered() {
        const BOTH: &str = r#"{"jobs":{"a":{"id":12,"url":"queue/item/12/","triggered":true,"resolvedVariables":{"RUN":"r-1"}},"b":{"id":0,"url":"","triggered":false}}}"#;
        const ONE: &str = r#"{"jobs":{"a":{"id":12,"url":"queue/item/12/","triggered":true,"resolvedVariables":{"RUN":"r-1"}}},"message":"Triggered jobs."}"#;
        for variables in ["{}", "null", "[]", r#"{"RUN":""}"#, r#"{"RUN":null}"#, r#"{"RUN":"r-2"}"#] {
            let other = ONE.replace(r#"{"RUN":"r-1"}"#, variables);
            check(200, other.clone().leak(), Some("a"), "Lost(\"the webhook triggered a without RUN, by which");
            check(200, other.leak(), None, "Done(\"triggered a\")");
        }
        check(200, ONE, None, "Done(\"triggered a\")");
        check(200, ONE, Some("a"), "Queued(12)");
        check(200, ONE, Some("c"), "Refused(\"the webhook's token is of a, and");
        check(200, BOTH, Some("a"), "Queued(12)");
        check(200, BOTH, Some("b"), "Refused(\"the webhook did not trigger b: its filter");
        check(200, BOTH, None, "Refused(\"the webhook did not trigger b: its filter");
        check(200, "", None, "Unknown(\"the webhook does not say");
        check(200, r#"{"jobs":null,"message":"x"}"#, None, "Unknown");
        check(404, "", None, "Refused(\"no job has the token");
        check(403, "", None, "Refused(\"the webhook turned us away");
        check(500, "", None, "Unknown");
    }

    #[test]
    fn the_signature_is_what_the_plugin_checks() {
        let key = Secret::new("gwt-secret").unwrap();
        let signed = signature(&key, br#"{ "app":{ "name":"some value" }}"#).unwrap();
        assert_eq!(signed, "sha256=a56fb9421350960e738f802486287486dfa636431da2fce5c3d29109254356d3");
    }
}
