//! Webhooks: who hears what. A secret is given and never told.

use std::collections::BTreeSet;
use std::sync::Arc;

use actix_web::web::{Data, Json, Path};
use scanrelay::Secret;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tracing::info;

use super::answer::{Answer, Refusal};
use super::asked::{Asked, missing, wrong};
use super::deliver::{self, Post};
use super::event::{self, Kind};
use super::{names, pages};
use crate::emulator::date;
use crate::emulator::deliver::{Target, is_address};
use crate::emulator::registry::Registry;

const USUAL: usize = 100;
const MOST: usize = 1000;

/// All there are, as they came.
#[derive(Default)]
pub struct Hooks(Vec<Hook>);

struct Hook {
    id: String,
    description: String,
    events: BTreeSet<Kind>,
    active: bool,
    created: u64,
    updated: u64,
    /// What the next delivery goes by.
    target: Arc<Target>,
    posts: mpsc::UnboundedSender<Post>,
}

impl Hooks {
    /// Where deliveries of that go, and the queue for it.
    pub fn hearing(&self, kind: Kind) -> Vec<(Arc<Target>, mpsc::UnboundedSender<Post>)> {
        let hearing = self.0.iter().filter(|hook| hook.active && hook.events.contains(&kind));
        hearing.map(|hook| (Arc::clone(&hook.target), hook.posts.clone())).collect()
    }

    fn of(&self, id: &str) -> Result<&Hook, Refusal> {
        self.0.iter().find(|hook| hook.id == id).ok_or_else(|| no_webhook(id))
    }
}

fn no_webhook(id: &str) -> Refusal {
    Refusal::unknown(format!("Webhook with ID {id} not found."))
}

impl Hook {
    fn to_json(&self) -> Value {
        let events: Vec<Value> = self.events.iter().map(|kind| kind.to_json()).collect();
        let mut told = json!({
            "webhook_id": self.id, "name": self.target.name, "url": self.target.location, "events": events,
            "status": if self.active { "ACTIVE" } else { "DISABLED" },
            "creation_timestamp": self.created, "last_updated_timestamp": self.updated,
        });
        if !self.description.is_empty() {
            told["description"] = json!(self.description);
        }
        told
    }
}

/// What is said of a webhook; what is not said is not changed.
struct Told<'a> {
    name: Option<&'a str>,
    url: Option<&'a str>,
    events: Option<BTreeSet<Kind>>,
    secret: Option<Secret>,
    active: Option<bool>,
    description: Option<&'a str>,
}

impl<'a> Told<'a> {
    fn of(asked: &'a Asked) -> Result<Self, Refusal> {
        let (name, url) = (asked.said("name")?, asked.said("url")?);
        name.map_or(Ok(()), names::webhook)?;
        if url.is_some_and(|url| !is_address(url)) {
            return Err(Refusal::invalid("Invalid webhook URL. Allowed schemes are: http, https."));
        }
        let events = match asked.0.get("events") {
            None | Some(Value::Null) => None,
            Some(Value::Array(list)) => Some(list.iter().map(Kind::parse).collect::<Result<_, _>>()?),
            Some(other) => return Err(wrong("events", other)),
        };
        let active = match asked.said("status")? {
            None => None,
            Some("ACTIVE") => Some(true),
            Some("DISABLED") => Some(false),
            Some(other) => return Err(Refusal::invalid(format!("Invalid status '{other}': ACTIVE or DISABLED"))),
        };
        let secret = asked.said("secret")?.and_then(|secret| Secret::new(secret).ok());
        Ok(Self { name, url, events, secret, active, description: asked.said("description")? })
    }
}

pub async fn create(registry: Data<Registry>, asked: Asked) -> Answer {
    let told = Told::of(&asked)?;
    let name = told.name.ok_or_else(|| missing("name"))?;
    let url = told.url.ok_or_else(|| missing("url"))?;
    let events = told.events.ok_or_else(|| missing("events"))?;
    if events.is_empty() {
        return Err(Refusal::invalid("Webhook events must be a non-empty list of WebhookEvent objects: []."));
    }
    let (posts, queue) = mpsc::unbounded_channel();
    let now = date::now().0;
    let mut state = registry.state();
    let hook = Hook {
        id: state.next_uuid(),
        description: told.description.unwrap_or_default().to_owned(),
        events,
        active: told.active.unwrap_or(true),
        created: now,
        updated: now,
        target: Arc::new(Target { name: name.to_owned(), location: url.to_owned(), secret: told.secret }),
        posts,
    };
    info!(webhook = name, signs = hook.target.secret.is_some(), "MLflow: webhook created");
    let answer = json!({ "webhook": hook.to_json() });
    state.mlflow.hooks.0.push(hook);
    drop(state);
    registry.later(deliver::work(Arc::clone(&registry), queue));
    Ok(Json(answer))
}

/// The newest first.
pub async fn list(registry: Data<Registry>, asked: Asked) -> Answer {
    let all = registry.state().mlflow.hooks.0.iter().rev().map(Hook::to_json).collect();
    pages::page(&asked, "webhooks", all, USUAL, MOST).map(Json)
}

pub async fn get(registry: Data<Registry>, id: Path<String>) -> Answer {
    Ok(Json(json!({ "webhook": registry.state().mlflow.hooks.of(&id)?.to_json() })))
}

/// Deliveries that wait already go where they were to go. An empty list of events changes nothing.
pub async fn update(registry: Data<Registry>, id: Path<String>, asked: Asked) -> Answer {
    let told = Told::of(&asked)?;
    let mut state = registry.state();
    let hooks = &mut state.mlflow.hooks.0;
    let hook = hooks.iter_mut().find(|hook| hook.id == *id).ok_or_else(|| no_webhook(&id))?;
    let now = &hook.target;
    hook.target = Arc::new(Target {
        name: told.name.unwrap_or(&now.name).to_owned(),
        location: told.url.unwrap_or(&now.location).to_owned(),
        secret: told.secret.or_else(|| now.secret.clone()),
    });
    if let Some(events) = told.events.filter(|events| !events.is_empty()) {
        hook.events = events;
    }
    if let Some(description) = told.description {
        description.clone_into(&mut hook.description);
    }
    hook.active = told.active.unwrap_or(hook.active);
    hook.updated = date::now().0;
    Ok(Json(json!({ "webhook": hook.to_json() })))
}

/// Deliveries that wait already still go out.
pub async fn delete(registry: Data<Registry>, id: Path<String>) -> Answer {
    let mut state = registry.state();
    state.mlflow.hooks.of(&id)?;
    state.mlflow.hooks.0.retain(|hook| hook.id != *id);
    Ok(Json(json!({})))
}

/// Sends an example of the event that is named, or of the first that the webhook hears, and answers with what came of it.
pub async fn test(registry: Data<Registry>, id: Path<String>, asked: Asked) -> Answer {
    let named = match asked.0.get("event") {
        None | Some(Value::Null) => None,
        Some(event) => Some(Kind::parse(event)?),
    };
    let (target, letter) = {
        let mut state = registry.state();
        let hook = state.mlflow.hooks.of(&id)?;
        let kind = named.or_else(|| hook.events.first().copied()).ok_or_else(|| missing("event"))?;
        let target = Arc::clone(&hook.target);
        (target, event::example(kind, state.next_uuid()))
    };
    let (say, said) = oneshot::channel();
    let to = Arc::clone(&registry);
    registry.later(async move {
        // Whoever asked may have gone.
        let _ = say.send(deliver::deliver(&to, &target, &letter).await);
    });
    let ended = said.await.unwrap_or_else(|_| Err("the registry is stopping".to_owned()));
    Ok(Json(json!({ "result": match ended {
        Ok((status, body)) => json!({ "success": status < 400, "response_status": status, "response_body": body }),
        Err(reason) => json!({ "success": false, "error_message": format!("Failed to test webhook: {reason}") }),
    } })))
}
