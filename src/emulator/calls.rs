//! Webhook calls: trying a webhook out, what was delivered, and delivering it again; and events from outside.

use actix_web::web::{Data, Json};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;

use super::answer::{Answer, Body, Refusal};
use super::date;
use super::deliver::{Call, CallStatus};
use super::entity::Uint64;
use super::event::{self, EventType, ResourceType};
use super::registry::{Registry, State};

#[derive(Deserialize)]
pub struct Trigger {
    #[serde(alias = "webhookId")]
    webhook_id: Uint64,
}

/// Delivers a test and answers with the receiver's status.
pub async fn trigger_test(registry: Data<Registry>, Body(asked): Body<Trigger>) -> Answer {
    let (answered, answer) = oneshot::channel();
    {
        let mut state = registry.state();
        let hook = state.webhooks.get(&asked.webhook_id);
        let workspace = hook.ok_or_else(|| Refusal::unknown("webhook", asked.webhook_id))?.workspace;
        let uuid = state.next_uuid();
        let body = event::test(&uuid, workspace, date::now());
        state.queue(asked.webhook_id, &uuid, &body, Some(answered));
    }
    match answer.await {
        Ok(Ok(status)) => Ok(Json(json!({ "status_code": status.to_string() }))),
        Ok(Err(reason)) => Err(Refusal::unavailable(format!("not delivered: {reason}"))),
        Err(_) => Err(Refusal::unavailable("not delivered: the registry is stopping")),
    }
}

/// Each list that is empty keeps nothing out.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Find {
    ids: Vec<Uint64>,
    #[serde(alias = "webhookIds")]
    webhook_ids: Vec<Uint64>,
    #[serde(alias = "eventUuids")]
    event_uuids: Vec<String>,
    status: Vec<CallStatus>,
}

pub async fn find(registry: Data<Registry>, Body(asked): Body<Find>) -> Answer {
    fn among<T: PartialEq>(list: &[T], value: &T) -> bool {
        list.is_empty() || list.contains(value)
    }
    let wanted = |call: &&Call| {
        among(&asked.ids, &call.id)
            && among(&asked.webhook_ids, &call.webhook_id)
            && among(&asked.event_uuids, &call.event_uuid)
            && among(&asked.status, &call.status)
    };
    let calls: Vec<Value> = registry.state().calls.values().filter(wanted).map(|call| json!(call)).collect();
    Ok(Json(json!({ "calls": calls })))
}

#[derive(Deserialize)]
pub struct Retrigger {
    #[serde(alias = "callId")]
    call_id: Uint64,
}

pub async fn retrigger(registry: Data<Registry>, Body(asked): Body<Retrigger>) -> Answer {
    let mut state = registry.state();
    let id = again(&mut state, asked.call_id)?;
    Ok(Json(json!(state.calls.get(&id))))
}

/// Delivers once more what that call did, in a new call of the same event: its id.
pub fn again(state: &mut State, call: Uint64) -> Result<Uint64, Refusal> {
    let old = state.calls.get(&call).ok_or_else(|| Refusal::unknown("webhook call", call))?.clone();
    let queued = state.queue(old.webhook_id, &old.event_uuid, &old.body, None);
    queued.ok_or_else(|| Refusal::too_early(format!("the webhook {} of call {call} was deleted", old.webhook_id)))
}

/// An event from one of Verta's own services, which goes out as it came.
pub async fn create_event(registry: Data<Registry>, Body(mut body): Body<Map<String, Value>>) -> Answer {
    #[derive(Deserialize)]
    struct Outside {
        #[serde(default)]
        event_uuid: String,
        // Nothing is the zero value.
        #[serde(default = "create")]
        event_type: EventType,
        workspace_id: Uint64,
        #[serde(default)]
        resource_type: Option<ResourceType>,
    }
    fn create() -> EventType {
        EventType::Create
    }
    let invalid = |error: serde_json::Error| Refusal::invalid(format!("the body: {error}"));
    let event: Outside = serde_json::from_value(Value::Object(body.clone())).map_err(invalid)?;
    let mut state = registry.state();
    if state.calls.values().any(|call| !event.event_uuid.is_empty() && call.event_uuid == event.event_uuid) {
        // Sent once more by a sender that had no answer.
        return Ok(Json(json!({})));
    }
    let uuid = if event.event_uuid.is_empty() { state.next_uuid() } else { event.event_uuid };
    body.insert("event_uuid".to_owned(), json!(uuid));
    body.entry("timestamp").or_insert_with(|| json!(date::now()));
    state.send(event.workspace_id, event.event_type, event.resource_type.as_ref(), &uuid, &Value::Object(body));
    Ok(Json(json!({})))
}
