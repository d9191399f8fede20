//! Verta's webhooks: the event service behind `uac-proxy`, for a system administrator.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Did, Manager, Row, Wanted};
use crate::Secret;
use crate::registry::answer::object;
use crate::registry::object::Object;
use crate::registry::scalar::Scalar;
use crate::registry::{Exchange, Request, Rules, Step, Verta};

const EVENTS: &str = "/api/v1/uac-proxy/events/";
const HEARD: [&str; 2] = ["PROMOTE", "REQUEST_SCAN"];

#[derive(Default, Deserialize)]
#[serde(default)]
struct Found {
    webhooks: Vec<Object<Webhook>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Webhook {
    id: Scalar,
    location: String,
    #[serde(alias = "mutualSecret")]
    mutual_secret: String,
    #[serde(alias = "eventTypes")]
    event_types: Vec<String>,
    #[serde(alias = "allEvents")]
    all_events: bool,
}

#[derive(Deserialize)]
struct Tested {
    #[serde(alias = "statusCode")]
    status_code: Scalar,
}

impl Manager for Verta {
    fn list(&self, _page: Option<&str>) -> Result<Request, String> {
        Ok(post("findWebhook", &json!({})))
    }

    fn rows(&self, wanted: &Wanted, page: &Exchange) -> Result<(Vec<Row>, Option<String>), Step> {
        let rows = object::<Found>(page)?.webhooks.into_iter().map(|Object(webhook)| Row {
            id: webhook.id.get(),
            address: webhook.location,
            events: if webhook.all_events { Vec::new() } else { webhook.event_types },
            active: true,
            // In constant time.
            same_secret: Some(Secret::new(webhook.mutual_secret).ok() == wanted.secret),
        });
        Ok((rows.collect(), None))
    }

    fn events(&self, _rules: &Rules) -> Vec<String> {
        HEARD.map(str::to_owned).into()
    }

    fn create(&self, wanted: &Wanted, _listed: &[Exchange]) -> Request {
        let body = json!({
            // Names are unique in a workspace, and so are addresses of ours.
            "name": format!("scanrelay {}", wanted.shown), "location": wanted.address, "mutual_secret": wanted.secret(),
            "event_types": HEARD, "all_events": false,
        });
        post("createWebhook", &body)
    }

    fn change(&self, wanted: &Wanted, row: &Row, _listed: &[Exchange]) -> Request {
        let body = json!({
            "id": row.id, "new_location": wanted.address, "mutual_secret": wanted.secret(), "add_event_types": HEARD,
        });
        post("updateWebhook", &body)
    }

    fn delete(&self, _wanted: &Wanted, row: &Row, _listed: &[Exchange]) -> Request {
        Request { method: "DELETE".to_owned(), ..post("deleteWebhook", &json!({ "ids": [row.id] })) }
    }

    fn test(&self, row: &Row) -> Result<Request, String> {
        Ok(post("triggerTest", &json!({ "webhook_id": row.id })))
    }

    fn tested(&self, answer: &Exchange) -> Result<Did, Step> {
        let tested: Tested = object(answer)?;
        Ok(Did::Tested(tested.status_code.get().and_then(|text| text.parse().ok()), None))
    }

    fn taken(&self, answer: &Exchange) -> Result<(), Step> {
        object::<Value>(answer).map(drop)
    }
}

fn post(name: &str, body: &Value) -> Request {
    let path = [EVENTS, name].concat();
    Request { method: "POST".to_owned(), path, body: Some(body.to_string()), writes: Vec::new() }
}
