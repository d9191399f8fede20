//! Webhooks: who hears what, and trying one out.

use std::sync::Arc;

use actix_web::web::{Data, Json};
use scanrelay::Secret;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tracing::info;
use url::Url;

use super::answer::{Answer, Body, Refusal};
use super::date;
use super::deliver::{self, Call, CallStatus, Post, Target};
use super::entity::Uint64;
use super::event::{self, EventType};
use super::registry::Registry;

pub struct Webhook {
    pub id: Uint64,
    workspace: Option<Uint64>,
    name: String,
    event_types: Vec<EventType>,
    all_events: bool,
    posts: mpsc::UnboundedSender<Post>,
}

impl Webhook {
    /// Without a workspace it hears all of them.
    pub fn hears(&self, workspace: Uint64, event: EventType) -> bool {
        self.workspace.is_none_or(|own| own == workspace) && (self.all_events || self.event_types.contains(&event))
    }

    pub fn queue(&self, post: Post) {
        // The other end is gone only when the registry ends.
        let _ = self.posts.send(post);
    }
}

/// `resource_types` is not looked at: what exactly it keeps out is not known, and the event types say enough here.
#[derive(Deserialize)]
pub struct Create {
    name: String,
    location: String,
    #[serde(default, alias = "workspaceId")]
    workspace_id: Option<Uint64>,
    #[serde(default, alias = "mutualSecret")]
    mutual_secret: String,
    #[serde(default, alias = "eventTypes")]
    event_types: Vec<EventType>,
    #[serde(default, alias = "allEvents")]
    all_events: bool,
}

pub async fn create(registry: Data<Registry>, Body(asked): Body<Create>) -> Answer {
    if asked.name.is_empty() {
        return Err(Refusal::invalid("name: a webhook needs one"));
    }
    if !Url::parse(&asked.location).is_ok_and(|url| ["http", "https"].contains(&url.scheme())) {
        return Err(Refusal::invalid("location: it is no http or https address"));
    }
    // Zero is protobuf's "not set".
    let workspace = asked.workspace_id.filter(|id| id.0 != 0);
    let secret = Secret::new(asked.mutual_secret.as_str()).ok();
    let target = Target { name: asked.name.clone(), location: asked.location.clone(), secret };
    let (posts, queue) = mpsc::unbounded_channel();

    let mut state = registry.state();
    if let Some(id) = workspace.filter(|id| !state.has_workspace(*id)) {
        return Err(Refusal::unknown("workspace", id));
    }
    if state.webhooks.values().any(|hook| hook.workspace == workspace && hook.name == asked.name) {
        return Err(Refusal::taken(format!("there is a webhook {:?} in this workspace", asked.name)));
    }
    let id = state.next_id();
    // The secret is returned in clear, as on Verta.
    let mut answer = json!({
        "id": id, "name": asked.name, "location": asked.location, "mutual_secret": asked.mutual_secret,
        "event_types": asked.event_types, "all_events": asked.all_events,
    });
    if let Some(workspace) = workspace {
        answer["workspace_id"] = json!(workspace);
    }
    info!(webhook = asked.name, signs = target.secret.is_some(), "webhook created");
    let (name, event_types, all_events) = (asked.name, asked.event_types, asked.all_events);
    state.webhooks.insert(id, Webhook { id, workspace, name, event_types, all_events, posts });
    drop(state);
    registry.later(deliver::work(Arc::clone(&registry), target, queue));
    Ok(Json(answer))
}

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
pub struct FindCalls {
    ids: Vec<Uint64>,
    #[serde(alias = "webhookIds")]
    webhook_ids: Vec<Uint64>,
    #[serde(alias = "eventUuids")]
    event_uuids: Vec<String>,
    status: Vec<CallStatus>,
}

pub async fn find_calls(registry: Data<Registry>, Body(asked): Body<FindCalls>) -> Answer {
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
