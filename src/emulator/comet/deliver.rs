//! What is posted when a version changes. It has no id and no time, and nothing in it is signed; it is tried once.

use std::sync::Arc;

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::state::{Comet, Item};
use crate::emulator::deliver::words;
use crate::emulator::registry::Registry;

pub const CREATED: &str = "MODEL_VERSION_CREATED";
const STATUS_CHANGED: &str = "MODEL_VERSION_STATUS_CHANGED";
const TAG_CHANGED: &str = "MODEL_VERSION_TAG_CHANGED";

/// What happened to a version.
pub enum Happening {
    Created,
    /// Its tags, once called stages.
    Tags,
    Status {
        before: String,
    },
}

/// A body on its way.
pub type Post = String;

pub struct Target {
    /// It may hold a secret, and stands in no log.
    pub url: String,
    pub headers: HeaderMap,
}

impl Comet {
    /// Queues what happened for everybody who hears of it.
    pub fn tell(&self, id: &str, happening: &Happening) {
        let of = |model: &&super::state::Model| model.items.iter().any(|item| item.id == id);
        let Some(model) = self.models.iter().find(of) else { return };
        let Some(item) = model.items.iter().find(|item| item.id == id) else { return };
        let trigger = match happening {
            Happening::Created => CREATED,
            Happening::Tags => TAG_CHANGED,
            Happening::Status { .. } => STATUS_CHANGED,
        };
        let body = body(&model.workspace, &model.name, item, happening).to_string();
        for posts in self.hooks.hearing(&model.workspace, &model.name, trigger) {
            // The other end is gone only when the registry ends.
            let _ = posts.send(body.clone());
        }
    }
}

/// For tags it is what Comet's page shows and no more.
fn body(workspace: &str, model: &str, item: &Item, happening: &Happening) -> Value {
    let mut body = json!({
        "workspaceName": workspace, "registryModelName": model, "version": item.version, "stages": item.tags,
    });
    let by = "developer";
    match happening {
        Happening::Tags => {}
        Happening::Created => {
            body["actionType"] = json!(CREATED);
            body["status"] = json!(item.status);
        }
        Happening::Status { before } => {
            body["actionType"] = json!(STATUS_CHANGED);
            body["status"] = json!(item.status);
            body["previousValue"] = json!({ "registryModelStatus": before });
            body["newValue"] = json!({ "registryModelStatus": item.status, "changedBy": by });
        }
    }
    body
}

/// One address's deliveries, in order.
pub async fn work(registry: Arc<Registry>, target: Target, mut posts: mpsc::UnboundedReceiver<Post>) {
    while let Some(body) = posts.recv().await {
        let request = registry.client.post(&target.url).header(CONTENT_TYPE, "application/json");
        match request.headers(target.headers.clone()).body(body).send().await {
            Ok(answer) => info!(status = answer.status().as_u16(), "Comet's webhook: delivered"),
            Err(error) => warn!(reason = words(&error), "Comet's webhook: not delivered"),
        }
    }
}
