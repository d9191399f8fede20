//! Databricks' webhooks: `registry-webhooks`, of the whole registry where no model is named. It never gives a secret back.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Did, Manager, Row, Wanted};
use crate::registry::answer::{object, query};
use crate::registry::object::Object;
use crate::registry::scalar::Scalar;
use crate::registry::{Databricks, Exchange, Request, Rule, Rules, Step};
use crate::{EventKind, Stage};

const API: &str = "/api/2.0/mlflow/registry-webhooks/";
const NAMED: [&str; 3] = ["staging", "production", "archived"];

#[derive(Default, Deserialize)]
#[serde(default)]
struct List {
    webhooks: Vec<Object<Webhook>>,
    next_page_token: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Webhook {
    id: String,
    events: Vec<String>,
    status: String,
    http_url_spec: Option<Object<Place>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Place {
    url: String,
}

/// As the documentation has it, or as the SDK reads it.
#[derive(Deserialize)]
struct Tested {
    #[serde(alias = "status_code")]
    status: Scalar,
}

#[derive(Deserialize)]
struct Wrapped {
    webhook: Object<Tested>,
}

impl Manager for Databricks {
    fn list(&self, page: Option<&str>) -> Result<Request, String> {
        let pairs: Vec<_> = page.map(|page| ("page_token", page)).into_iter().collect();
        Ok(request("GET", &["list", &query(&pairs)].concat(), None))
    }

    fn rows(&self, _wanted: &Wanted, page: &Exchange) -> Result<(Vec<Row>, Option<String>), Step> {
        let list: List = object(page)?;
        let rows = list.webhooks.into_iter().map(|Object(webhook)| Row {
            id: Some(webhook.id),
            address: webhook.http_url_spec.map(|Object(place)| place.url).unwrap_or_default(),
            events: webhook.events,
            active: webhook.status == "ACTIVE",
            same_secret: None,
        });
        Ok((rows.collect(), list.next_page_token.filter(|token| !token.is_empty())))
    }

    /// What the rules wait for, and tags, of which some are ours.
    fn events(&self, rules: &Rules) -> Vec<String> {
        let all = || rules.promote_on.iter().chain(&rules.scan_on);
        let any = |waits: fn(&Rule) -> bool| all().any(waits);
        let mut events = vec!["MODEL_VERSION_TAG_SET".to_owned()];
        if any(|rule| rule.stage.is_some() || rule.event == Some(EventKind::StageChanged)) {
            let named = |stage: &Stage| NAMED.contains(&stage.as_str());
            let stages: Vec<_> = all().filter_map(|rule| rule.stage.as_ref()).collect();
            if !stages.is_empty() && stages.iter().all(|stage| named(stage)) {
                let to = |stage: &&Stage| format!("MODEL_VERSION_TRANSITIONED_TO_{}", stage.as_str().to_uppercase());
                events.extend(stages.iter().map(to));
            } else {
                events.push("MODEL_VERSION_TRANSITIONED_STAGE".to_owned());
            }
        }
        if any(|rule| rule.event == Some(EventKind::VersionCreated)) {
            events.push("MODEL_VERSION_CREATED".to_owned());
        }
        if any(|rule| rule.event == Some(EventKind::Comment)) {
            events.push("COMMENT_CREATED".to_owned());
        }
        events.sort_unstable();
        events.dedup();
        events
    }

    fn create(&self, wanted: &Wanted, _listed: &[Exchange]) -> Request {
        request("POST", "create", Some(&self.body(wanted)))
    }

    fn change(&self, wanted: &Wanted, row: &Row, _listed: &[Exchange]) -> Request {
        let mut body = self.body(wanted);
        body["id"] = json!(row.id);
        request("PATCH", "update", Some(&body))
    }

    /// The documentation has the id in a body, Databricks' own SDK in the query; the SDK is what runs.
    fn delete(&self, _wanted: &Wanted, row: &Row, _listed: &[Exchange]) -> Request {
        let id = row.id.as_deref().unwrap_or_default();
        request("DELETE", &["delete", &query(&[("id", id)])].concat(), None)
    }

    fn test(&self, row: &Row) -> Result<Request, String> {
        Ok(request("POST", "test", Some(&json!({ "id": row.id }))))
    }

    fn tested(&self, answer: &Exchange) -> Result<Did, Step> {
        let tested = match object::<Wrapped>(answer) {
            Ok(Wrapped { webhook: Object(tested) }) => tested,
            Err(_) => object::<Tested>(answer)?,
        };
        Ok(Did::Tested(tested.status.get().and_then(|text| text.parse().ok()), None))
    }

    fn taken(&self, answer: &Exchange) -> Result<(), Step> {
        object::<Value>(answer).map(drop)
    }
}

impl Databricks {
    fn body(&self, wanted: &Wanted) -> Value {
        json!({
            "events": self.events(&wanted.rules), "description": "scanrelay", "status": "ACTIVE",
            "http_url_spec": { "url": wanted.address, "secret": wanted.secret(), "enable_ssl_verification": true },
        })
    }
}

fn request(method: &str, path: &str, body: Option<&Value>) -> Request {
    Request {
        method: method.to_owned(),
        path: [API, path].concat(),
        body: body.map(Value::to_string),
        writes: Vec::new(),
    }
}
