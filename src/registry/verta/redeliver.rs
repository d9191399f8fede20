//! What Verta could not deliver: calls of our webhook that failed, and of which no later call for the same event went through,
//! are triggered again. They come as webhooks, signed as always.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::request;
use crate::registry::answer::object;
use crate::registry::object::Object;
use crate::registry::scalar::Scalar;
use crate::registry::{Exchange, Request, SurveyStep};

const EVENTS: &str = "/api/v1/uac-proxy/events/";
/// So many are asked for at a time; the rest when it is asked again.
const MOST: usize = 50;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Webhooks {
    webhooks: Vec<Object<Webhook>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Webhook {
    id: Scalar,
    location: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Calls {
    calls: Vec<Object<Call>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Call {
    id: Scalar,
    #[serde(alias = "eventUuid")]
    event_uuid: Scalar,
    status: Scalar,
}

/// Webhooks → their calls → one request for each that is missing.
pub(in crate::registry) fn next(name: &str, seen: &[Exchange]) -> SurveyStep {
    seek(name, seen).unwrap_or_else(|step| step)
}

/// `Err` is the step that ends it early.
fn seek(name: &str, seen: &[Exchange]) -> Result<SurveyStep, SurveyStep> {
    let Some((listed, rest)) = seen.split_first() else { return Ok(SurveyStep::Send(post("findWebhook", &json!({})))) };
    if listed.status == 403 {
        return Err(SurveyStep::Refused(format!(
            "{} was answered 403: it takes a system administrator's key to ask for what could not be delivered",
            listed.request
        )));
    }
    let ours: Vec<String> = object::<Webhooks>(listed)?
        .webhooks
        .into_iter()
        .filter(|Object(webhook)| is_ours(&webhook.location, name))
        .filter_map(|Object(webhook)| webhook.id.get())
        .collect();
    if ours.is_empty() {
        return Ok(SurveyStep::Asked(0));
    }
    let Some((called, triggered)) = rest.split_first() else {
        return Ok(SurveyStep::Send(post("findWebhookCall", &json!({ "webhook_ids": ours }))));
    };
    let missing = missing(object::<Calls>(called)?);
    for answer in triggered {
        object::<Value>(answer)?;
    }
    Ok(match missing.get(triggered.len()) {
        Some(call) => SurveyStep::Send(post("retriggerWebhookCall", &json!({ "call_id": call }))),
        None => SurveyStep::Asked(missing.len()),
    })
}

/// Whether it posts to that registry's path of an intake, with or without a secret behind it.
fn is_ours(location: &str, name: &str) -> bool {
    let path = location.split_once("/hooks/").map(|(_, rest)| rest);
    path.is_some_and(|rest| rest == name || rest.strip_prefix(name).is_some_and(|secret| secret.starts_with('/')))
}

/// The newest failed call of each event that no call has brought.
fn missing(Calls { calls }: Calls) -> Vec<String> {
    let calls: Vec<(Option<String>, Option<String>, Option<String>)> = calls
        .into_iter()
        .map(|Object(call)| {
            (call.event_uuid.get(), call.status.name(&["UNKNOWN", "SUCCESS", "FAILURE", "IN_PROGRESS"]), call.id.get())
        })
        .collect();
    let is = |status: &Option<String>, word: &str| status.as_deref() == Some(word);
    let brought: BTreeSet<&Option<String>> = calls
        .iter()
        .filter(|(_, status, _)| is(status, "SUCCESS") || is(status, "IN_PROGRESS"))
        .map(|(event, ..)| event)
        .collect();
    let mut asked = BTreeSet::new();
    let failed = calls.iter().rev().filter(|(event, status, _)| {
        event.is_some() && is(status, "FAILURE") && !brought.contains(event) && asked.insert(event)
    });
    let mut missing: Vec<String> = failed.filter_map(|(_, _, id)| id.clone()).take(MOST).collect();
    // In the order in which they happened.
    missing.reverse();
    missing
}

fn post(name: &str, body: &Value) -> Request {
    request("POST", [EVENTS, name].concat(), Some(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(answers: &[(u16, &str)]) -> (Vec<String>, SurveyStep) {
        let (mut seen, mut lines) = (Vec::new(), Vec::new());
        for (status, body) in answers {
            let SurveyStep::Send(request) = next("verta", &seen) else { panic!("it ended after {lines:?}") };
            lines.push(format!("{} {}", request.path.rsplit('/').next().unwrap(), request.body.as_deref().unwrap()));
            seen.push(Exchange::new(request, *status, (*body).to_owned()));
        }
        (lines, next("verta", &seen))
    }

    const HOOKS: &str = r#"{"webhooks":[{"id":"1","location":"https://a.example.com/hooks/verta"},{"id":2,"location":"https://a.example.com/hooks/verta/0123"},{"id":"3","location":"https://a.example.com/hooks/verta2"},{"id":"4","location":"https://other.example.com/x"}]}"#;

    #[test]
    fn what_failed_and_was_not_brought_since_is_asked_for_once_in_order() {
        let calls = r#"{"calls":[
            {"id":"10","event_uuid":"a","status":"FAILURE"},{"id":"11","event_uuid":"b","status":"FAILURE"},
            {"id":"12","event_uuid":"a","status":"FAILURE"},{"id":"13","event_uuid":"c","status":"FAILURE"},
            {"id":"14","event_uuid":"c","status":"SUCCESS"},{"id":"15","event_uuid":"d","status":2},
            {"id":"16","event_uuid":"e","status":"IN_PROGRESS"}]}"#;
        let (lines, end) = steps(&[(200, HOOKS), (200, calls), (200, "{}"), (200, "{}"), (200, "{}")]);
        assert_eq!(
            lines,
            [
                "findWebhook {}",
                r#"findWebhookCall {"webhook_ids":["1","2"]}"#,
                r#"retriggerWebhookCall {"call_id":"11"}"#,
                r#"retriggerWebhookCall {"call_id":"12"}"#,
                r#"retriggerWebhookCall {"call_id":"15"}"#,
            ]
        );
        assert_eq!(end, SurveyStep::Asked(3));
    }

    #[test]
    fn without_a_webhook_or_a_failure_nothing_is_asked_for() {
        assert_eq!(steps(&[(200, "{}")]).1, SurveyStep::Asked(0));
        assert_eq!(steps(&[(200, HOOKS), (200, "{}")]).1, SurveyStep::Asked(0));
        for (status, body) in [(401, ""), (503, ""), (200, "<html>")] {
            assert!(matches!(steps(&[(status, body)]).1, SurveyStep::Retry(_)), "{status}");
        }
        for status in [403, 404] {
            assert!(matches!(steps(&[(status, "")]).1, SurveyStep::Refused(_)), "{status}");
        }
    }
}
