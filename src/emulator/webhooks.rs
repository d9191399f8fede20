//! Webhooks: who hears what.

use std::sync::Arc;

use actix_web::web::{Data, Json};
use scanrelay::Secret;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tracing::info;

use super::answer::{Answer, Body, Refusal};
use super::deliver::{self, Post, Target};
use super::entity::Uint64;
use super::event::{EventType, ResourceType};
use super::registry::Registry;

pub struct Webhook {
    pub id: Uint64,
    pub workspace: Option<Uint64>,
    pub name: String,
    pub event_types: Vec<EventType>,
    pub all_events: bool,
    resource_types: Vec<ResourceType>,
    location: String,
    /// Returned in clear, as on Verta.
    mutual_secret: String,
    /// What the next delivery goes by.
    pub target: Arc<Target>,
    posts: mpsc::UnboundedSender<Post>,
}

impl Webhook {
    /// Without a workspace it hears all of them, and without resource types of all of them too.
    pub fn hears(&self, workspace: Uint64, event: EventType, resource: Option<&ResourceType>) -> bool {
        self.workspace.is_none_or(|own| own == workspace)
            && (self.all_events || self.event_types.contains(&event))
            && (self.resource_types.is_empty()
                || resource.is_some_and(|resource| self.resource_types.contains(resource)))
    }

    pub fn queue(&self, post: Post) {
        // The other end is gone only when the registry ends.
        let _ = self.posts.send(post);
    }

    fn to_json(&self) -> Value {
        let mut webhook = json!({
            "id": self.id, "name": self.name, "location": self.location, "mutual_secret": self.mutual_secret,
            "event_types": self.event_types, "all_events": self.all_events,
        });
        if let Some(workspace) = self.workspace {
            webhook["workspace_id"] = json!(workspace);
        }
        if !self.resource_types.is_empty() {
            webhook["resource_types"] = json!(self.resource_types);
        }
        webhook
    }

    /// From now on deliveries go there.
    fn aim(&mut self) {
        let secret = Secret::new(self.mutual_secret.as_str()).ok();
        self.target = Arc::new(Target { name: self.name.clone(), location: self.location.clone(), secret });
    }
}

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
    #[serde(default, alias = "resourceTypes")]
    resource_types: Vec<ResourceType>,
}

fn is_address(location: &str) -> Result<(), Refusal> {
    if deliver::is_address(location) {
        Ok(())
    } else {
        Err(Refusal::invalid("location: it is no http or https address"))
    }
}

pub async fn create(registry: Data<Registry>, Body(asked): Body<Create>) -> Answer {
    if asked.name.is_empty() {
        return Err(Refusal::invalid("name: a webhook needs one"));
    }
    is_address(&asked.location)?;
    // Zero is protobuf's "not set".
    let workspace = asked.workspace_id.filter(|id| id.0 != 0);
    let mut state = registry.state();
    if let Some(id) = workspace.filter(|id| !state.has_workspace(*id)) {
        return Err(Refusal::unknown("workspace", id));
    }
    if state.webhooks.values().any(|hook| hook.workspace == workspace && hook.name == asked.name) {
        return Err(Refusal::taken(format!("there is a webhook {:?} in this workspace", asked.name)));
    }
    let (posts, queue) = mpsc::unbounded_channel();
    let mut webhook = Webhook {
        id: state.next_id(),
        workspace,
        name: asked.name,
        event_types: asked.event_types,
        all_events: asked.all_events,
        resource_types: asked.resource_types,
        location: asked.location,
        mutual_secret: asked.mutual_secret,
        target: Arc::new(Target { name: String::new(), location: String::new(), secret: None }),
        posts,
    };
    webhook.aim();
    info!(webhook = webhook.name, signs = webhook.target.secret.is_some(), "webhook created");
    let answer = webhook.to_json();
    state.webhooks.insert(webhook.id, webhook);
    drop(state);
    registry.later(deliver::work(Arc::clone(&registry), queue));
    Ok(Json(answer))
}

/// What is empty stays as it is. Deliveries that wait already go where they were to go.
#[derive(Deserialize)]
pub struct Update {
    id: Uint64,
    #[serde(default, alias = "newLocation")]
    new_location: String,
    #[serde(default, alias = "mutualSecret")]
    mutual_secret: String,
    #[serde(default, alias = "addEventTypes")]
    add_event_types: Vec<EventType>,
    #[serde(default, alias = "deleteEventTypes")]
    delete_event_types: Vec<EventType>,
    #[serde(default, alias = "setAllEvents")]
    set_all_events: bool,
    #[serde(default, alias = "clearAllEvents")]
    clear_all_events: bool,
    #[serde(default, alias = "addResourceTypes")]
    add_resource_types: Vec<ResourceType>,
    #[serde(default, alias = "deleteResourceTypes")]
    delete_resource_types: Vec<ResourceType>,
}

pub async fn update(registry: Data<Registry>, Body(asked): Body<Update>) -> Answer {
    fn changed<T: PartialEq>(list: &mut Vec<T>, add: Vec<T>, delete: &[T]) {
        for new in add {
            if !list.contains(&new) {
                list.push(new);
            }
        }
        list.retain(|item| !delete.contains(item));
    }
    if asked.set_all_events && asked.clear_all_events {
        return Err(Refusal::invalid("set_all_events: it cannot be set and cleared at once"));
    }
    if !asked.new_location.is_empty() {
        is_address(&asked.new_location)?;
    }
    let mut state = registry.state();
    let hook = state.webhooks.get_mut(&asked.id).ok_or_else(|| Refusal::unknown("webhook", asked.id))?;
    changed(&mut hook.event_types, asked.add_event_types, &asked.delete_event_types);
    changed(&mut hook.resource_types, asked.add_resource_types, &asked.delete_resource_types);
    hook.all_events = (hook.all_events || asked.set_all_events) && !asked.clear_all_events;
    if !asked.new_location.is_empty() {
        hook.location = asked.new_location;
    }
    if !asked.mutual_secret.is_empty() {
        hook.mutual_secret = asked.mutual_secret;
    }
    hook.aim();
    Ok(Json(hook.to_json()))
}

/// Each list that is empty keeps nothing out.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Find {
    ids: Vec<Uint64>,
    names: Vec<String>,
    #[serde(alias = "workspaceId")]
    workspace_id: Vec<Uint64>,
    #[serde(alias = "resourceTypes")]
    resource_types: Vec<ResourceType>,
}

pub async fn find(registry: Data<Registry>, Body(asked): Body<Find>) -> Answer {
    let wanted = |hook: &&Webhook| {
        (asked.ids.is_empty() || asked.ids.contains(&hook.id))
            && (asked.names.is_empty() || asked.names.contains(&hook.name))
            && (asked.workspace_id.is_empty() || hook.workspace.is_some_and(|own| asked.workspace_id.contains(&own)))
            && (asked.resource_types.is_empty()
                || hook.resource_types.iter().any(|own| asked.resource_types.contains(own)))
    };
    let found: Vec<Value> = registry.state().webhooks.values().filter(wanted).map(Webhook::to_json).collect();
    Ok(Json(json!({ "webhooks": found })))
}

#[derive(Deserialize)]
pub struct Delete {
    ids: Vec<Uint64>,
}

/// All of them or none. Deliveries that wait already still go out, and the calls stay on record.
pub async fn delete(registry: Data<Registry>, Body(asked): Body<Delete>) -> Answer {
    let mut state = registry.state();
    if let Some(unknown) = asked.ids.iter().find(|id| !state.webhooks.contains_key(id)) {
        return Err(Refusal::unknown("webhook", unknown));
    }
    for id in &asked.ids {
        state.webhooks.remove(id);
    }
    Ok(Json(json!({})))
}
