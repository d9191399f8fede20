//! MLflow's webhooks: `webhooks`, for an administrator where there is authentication. It never gives a secret back, so that a
//! webhook which is there is given ours again.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Did, Manager, Row, Wanted};
use crate::EventKind;
use crate::registry::answer::{encoded, object, query};
use crate::registry::mlflow::API;
use crate::registry::object::Object;
use crate::registry::{Exchange, Mlflow, Request, Rule, Rules, Step};

const NAME: &str = "scanrelay";

#[derive(Default, Deserialize)]
#[serde(default)]
struct List {
    webhooks: Vec<Object<Webhook>>,
    next_page_token: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Webhook {
    #[serde(rename = "webhook_id")]
    id: String,
    url: String,
    events: Vec<Object<Event>>,
    status: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Event {
    entity: String,
    action: String,
}

#[derive(Deserialize)]
struct Tested {
    result: Object<Outcome>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Outcome {
    response_status: Option<u16>,
    error_message: Option<String>,
}

/// How MLflow words an error.
#[derive(Deserialize)]
struct Refusal {
    error_code: String,
    #[serde(default)]
    message: String,
}

impl Manager for Mlflow {
    fn list(&self, page: Option<&str>) -> Result<Request, String> {
        let mut pairs = vec![("max_results", "100")];
        pairs.extend(page.map(|page| ("page_token", page)));
        Ok(request("GET", &["webhooks", &query(&pairs)].concat(), None))
    }

    fn rows(&self, _wanted: &Wanted, page: &Exchange) -> Result<(Vec<Row>, Option<String>), Step> {
        let list: List = object(page).map_err(|step| hinted(page, step))?;
        let rows = list.webhooks.into_iter().map(|Object(webhook)| Row {
            id: Some(webhook.id),
            address: webhook.url,
            events: webhook.events.into_iter().map(|Object(event)| word(&event.entity, &event.action)).collect(),
            active: webhook.status == "ACTIVE",
            same_secret: None,
        });
        Ok((rows.collect(), list.next_page_token.filter(|token| !token.is_empty())))
    }

    /// What the rules wait for, and tags, of which some are ours: whoever changes those is found out.
    fn events(&self, rules: &Rules) -> Vec<String> {
        let any = |waits: fn(&Rule) -> bool| rules.promote_on.iter().chain(&rules.scan_on).any(waits);
        let mut events = vec!["MODEL_VERSION_TAG.SET".to_owned(), "MODEL_VERSION_TAG.DELETED".to_owned()];
        if any(|rule| rule.alias.is_some() || rule.event == Some(EventKind::AliasSet)) {
            events.push("MODEL_VERSION_ALIAS.CREATED".to_owned());
        }
        if any(|rule| rule.event == Some(EventKind::AliasDeleted)) {
            events.push("MODEL_VERSION_ALIAS.DELETED".to_owned());
        }
        if any(|rule| rule.event == Some(EventKind::VersionCreated)) {
            events.push("MODEL_VERSION.CREATED".to_owned());
        }
        events
    }

    fn create(&self, wanted: &Wanted, _listed: &[Exchange]) -> Request {
        let mut body = self.body(wanted);
        body["name"] = json!(NAME);
        request("POST", "webhooks", Some(&body))
    }

    fn change(&self, wanted: &Wanted, row: &Row, _listed: &[Exchange]) -> Request {
        request("PATCH", &of(row), Some(&self.body(wanted)))
    }

    fn delete(&self, _wanted: &Wanted, row: &Row, _listed: &[Exchange]) -> Request {
        request("DELETE", &of(row), None)
    }

    fn test(&self, row: &Row) -> Result<Request, String> {
        Ok(request("POST", &[&of(row), "/test"].concat(), Some(&json!({}))))
    }

    fn tested(&self, answer: &Exchange) -> Result<Did, Step> {
        let Object(outcome) = object::<Tested>(answer).map_err(|step| hinted(answer, step))?.result;
        let cure = outcome.error_message.as_deref().and_then(cure);
        Ok(Did::Tested(outcome.response_status, cure.map(str::to_owned)))
    }

    fn taken(&self, answer: &Exchange) -> Result<(), Step> {
        object::<Value>(answer).map(drop).map_err(|step| hinted(answer, step))
    }
}

impl Mlflow {
    fn body(&self, wanted: &Wanted) -> Value {
        let events = self.events(&wanted.rules);
        let events: Vec<Value> = events
            .iter()
            .filter_map(|event| event.split_once('.'))
            .map(|(entity, action)| json!({ "entity": entity, "action": action }))
            .collect();
        json!({ "url": wanted.address, "events": events, "secret": wanted.secret(), "status": "ACTIVE" })
    }
}

fn word(entity: &str, action: &str) -> String {
    [entity, ".", action].concat().to_uppercase()
}

fn of(row: &Row) -> String {
    ["webhooks/", &encoded(row.id.as_deref().unwrap_or_default())].concat()
}

fn request(method: &str, path: &str, body: Option<&Value>) -> Request {
    Request {
        method: method.to_owned(),
        path: [API, path].concat(),
        body: body.map(Value::to_string),
        writes: Vec::new(),
    }
}

/// With what to set on MLflow's server, where its error is one of those that it has for webhooks.
fn hinted(answer: &Exchange, step: Step) -> Step {
    let Ok(Object(refusal)) = serde_json::from_slice::<Object<Refusal>>(&answer.body) else { return step };
    let cure = match (answer.status, refusal.error_code.as_str()) {
        // It cannot read the secrets that it has.
        (500, "INTERNAL_ERROR") => Some(
            "MLflow cannot read its webhooks, as after a restart without the key: set MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY for its server and make them anew",
        ),
        _ => cure(&refusal.message),
    };
    match (step, cure) {
        (Step::Retry(reason) | Step::Refused(reason), Some(cure)) => Step::Refused(format!("{reason}: {cure}")),
        (step, _) => step,
    }
}

/// For the settings of MLflow's server that keep a receiver in a private network away.
fn cure(message: &str) -> Option<&'static str> {
    let message = message.to_lowercase();
    if message.contains("allowed schemes") || message.contains("url scheme") {
        Some("set MLFLOW_WEBHOOK_ALLOWED_SCHEMES=http,https for MLflow's server, or give scanrelay TLS")
    } else if message.contains("public ip") || message.contains("non-public") || message.contains("private") {
        Some("set MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS=true for MLflow's server: scanrelay is in a private network")
    } else {
        None
    }
}
