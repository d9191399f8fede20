//! Webhooks, the events that they hear, and what became of each call.

use serde_json::{Value, json};

use super::answer::{Answer, Fault};
use super::courier::Sent;
use super::state::State;
use super::{id, needed, text};

/// Who wants to hear what.
#[derive(Clone, Debug)]
pub(super) struct Webhook {
    name: String,
    /// `None`: all of them.
    workspace: Option<u64>,
    location: String,
    secret: Option<String>,
    event_types: Vec<String>,
    all_events: bool,
}

/// One delivery to one webhook.
#[derive(Clone, Debug)]
pub(super) struct WebhookCall {
    webhook: u64,
    event: String,
    /// `IN_PROGRESS`, then `SUCCESS` or `FAILURE`.
    status: &'static str,
    response: Value,
}

impl State {
    pub(super) fn create_webhook(&mut self, body: &Value) -> Answer {
        let (name, location) = (needed(body, "name")?, needed(body, "location")?);
        let is_web = url::Url::parse(&location).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if !is_web {
            return Err(Fault::Invalid("location is no http or https address".to_owned()));
        }
        let workspace = match text(body, "workspace_id") {
            Some(_) => Some(id(body, "workspace_id")?),
            None => None,
        };
        if self.webhooks.values().any(|webhook| webhook.name == name && webhook.workspace == workspace) {
            return Err(Fault::Exists(format!("the workspace has a webhook {name} already")));
        }
        let types = body["event_types"].as_array().into_iter().flatten();
        let webhook = Webhook {
            name,
            workspace,
            location,
            secret: text(body, "mutual_secret"),
            event_types: types.filter_map(Value::as_str).map(str::to_owned).collect(),
            all_events: body["all_events"] == true,
        };
        let id = self.new_id();
        let answer = json!({
            "id": id.to_string(), "name": webhook.name, "location": webhook.location,
            "mutual_secret": webhook.secret.clone().unwrap_or_default(), "event_types": webhook.event_types,
            "all_events": webhook.all_events, "workspace_id": webhook.workspace.unwrap_or_default().to_string(),
        });
        self.webhooks.insert(id, webhook);
        Ok(answer)
    }

    pub(super) fn find_webhook_calls(&self, body: &Value) -> Value {
        let wanted = |key: &str, value: &str| match body[key].as_array() {
            Some(list) if !list.is_empty() => list.iter().any(|item| match item {
                Value::String(text) => text == value,
                item => item.as_u64().is_some_and(|id| id.to_string() == value),
            }),
            _ => true,
        };
        let found = self.calls.iter().filter(|(id, call)| {
            wanted("ids", &id.to_string())
                && wanted("webhook_ids", &call.webhook.to_string())
                && wanted("event_uuids", &call.event)
                && wanted("status", call.status)
        });
        let calls = found.map(|(id, call)| {
            json!({
                "id": id.to_string(), "webhook_id": call.webhook.to_string(), "event_uuid": call.event,
                "status": call.status, "response": call.response,
            })
        });
        json!({ "calls": calls.collect::<Vec<_>>() })
    }

    /// Tells those who listen. `resource` is modeldb's word, or `BUILD`.
    pub(super) fn fire(&mut self, event: &str, workspace: u64, resource: &str, original: Option<Value>, new: Value) {
        let service = if resource == "BUILD" { "deployment" } else { "modeldb" };
        let uuid = self.new_uuid();
        let mut body = json!({
            "event_uuid": uuid,
            "workspace_id": workspace.to_string(),
            "timestamp": self.now().to_string(),
            "resource_type": { format!("{service}_service_resource_type"): resource },
        });
        body["new_entity"] = new;
        // proto3 leaves zero values out, and CREATE is zero.
        if event != "CREATE" {
            body["event_type"] = event.into();
        }
        if let Some(original) = original {
            body["original_entity"] = original;
        }
        let body = body.to_string();
        let listening: Vec<u64> = self
            .webhooks
            .iter()
            .filter(|(_, webhook)| webhook.workspace.is_none_or(|id| id == workspace))
            .filter(|(_, webhook)| webhook.all_events || webhook.event_types.iter().any(|word| word == event))
            .map(|(id, _)| *id)
            .collect();
        for webhook in listening {
            let sent = self.send(webhook, uuid.clone(), body.clone());
            self.outbox.extend(sent);
        }
    }

    /// An event of no kind for one webhook, whatever it listens to.
    pub(super) fn test_event(&mut self, body: &Value) -> Result<Sent, Fault> {
        let webhook = id(body, "webhook_id")?;
        let uuid = self.new_uuid();
        let body = json!({ "event_uuid": uuid, "timestamp": self.now().to_string() }).to_string();
        self.send(webhook, uuid, body).ok_or_else(|| Fault::NotFound(format!("there is no webhook {webhook}")))
    }

    fn send(&mut self, webhook: u64, event: String, body: String) -> Option<Sent> {
        let (location, secret) =
            self.webhooks.get(&webhook).map(|found| (found.location.clone(), found.secret.clone()))?;
        let call = self.new_id();
        self.calls.insert(call, WebhookCall { webhook, event, status: "IN_PROGRESS", response: Value::Null });
        Some(Sent { call, webhook, location, secret, body })
    }

    /// What became of a call: the receiver's status, or why there is none.
    pub(super) fn record(&mut self, call: u64, outcome: &Result<u16, String>) {
        let Some(call) = self.calls.get_mut(&call) else { return };
        (call.status, call.response) = match outcome {
            Ok(status @ 200..=299) => ("SUCCESS", json!({ "status_code": status.to_string() })),
            Ok(status) => ("FAILURE", json!({ "status_code": status.to_string() })),
            Err(reason) => ("FAILURE", json!({ "error": reason })),
        };
    }
}
