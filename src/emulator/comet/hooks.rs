//! The configuration of webhooks: who hears of changes of which model, and with which headers.

use std::sync::Arc;

use actix_web::web::{Data, Json, Query};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tracing::info;

use super::answer::{Answer, Refusal, Told};
use super::deliver::{self, Post};
use crate::emulator::deliver::is_address;
use crate::emulator::registry::Registry;

/// All that is configured, each with its queue.
#[derive(Default)]
pub struct Hooks(Vec<Hook>);

struct Hook {
    told: Config,
    /// One for each of its addresses, in their order.
    posts: Vec<mpsc::UnboundedSender<Post>>,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Config {
    workspace_name: String,
    /// Without it, every model of the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model_name: Option<String>,
    #[serde(default)]
    webhook_urls: Vec<Address>,
}

#[derive(Clone, Deserialize, Serialize)]
pub struct Address {
    url: String,
    #[serde(default)]
    header: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Without any, changes of stages and of the status.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    triggers: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Set {
    webhook_configs: Vec<Config>,
}

impl Hooks {
    /// The queues of those who hear of that.
    pub fn hearing(
        &self,
        workspace: &str,
        model: &str,
        trigger: &str,
    ) -> impl Iterator<Item = &mpsc::UnboundedSender<Post>> {
        let of = self.0.iter().filter(move |hook| {
            hook.told.workspace_name == workspace && hook.told.model_name.as_deref().is_none_or(|name| name == model)
        });
        let all = of.flat_map(|hook| hook.told.webhook_urls.iter().zip(&hook.posts));
        all.filter(move |(address, _)| address.hears(trigger)).map(|(_, posts)| posts)
    }
}

impl Address {
    fn hears(&self, trigger: &str) -> bool {
        if self.triggers.is_empty() {
            return trigger != deliver::CREATED;
        }
        self.triggers.iter().any(|own| own == trigger)
    }

    fn target(&self) -> Result<deliver::Target, Refusal> {
        if !is_address(&self.url) {
            return Err(Refusal::invalid("url: it is no http or https address"));
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &self.header {
            let pair = HeaderName::from_bytes(name.as_bytes())
                .ok()
                .zip(value.as_str().and_then(|value| HeaderValue::from_str(value).ok()));
            let (name, value) = pair.ok_or_else(|| Refusal::invalid("header: a name or a value is none of HTTP's"))?;
            headers.insert(name, value);
        }
        Ok(deliver::Target { url: self.url.clone(), headers })
    }
}

/// All of them or none.
pub async fn set(registry: Data<Registry>, Told(asked): Told<Set>) -> Answer {
    let mut set = Vec::new();
    for told in asked.webhook_configs {
        let targets = told.webhook_urls.iter().map(Address::target).collect::<Result<Vec<_>, _>>()?;
        set.push((told, targets));
    }
    for (told, targets) in set {
        info!(workspace = told.workspace_name, model = told.model_name, urls = targets.len(), "webhooks configured");
        let mut posts = Vec::new();
        for target in targets {
            let (send, queue) = mpsc::unbounded_channel();
            registry.later(deliver::work(Arc::clone(&registry), target, queue));
            posts.push(send);
        }
        let mut state = registry.state();
        let same = |hook: &Hook| {
            (&hook.told.workspace_name, &hook.told.model_name) == (&told.workspace_name, &told.model_name)
        };
        state.comet.hooks.0.retain(|hook| !same(hook));
        state.comet.hooks.0.push(Hook { told, posts });
    }
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Of {
    workspace_name: String,
    model_name: Option<String>,
}

/// Those of one model where it is named, else all of the workspace.
pub async fn find(registry: Data<Registry>, Query(of): Query<Of>) -> Json<Value> {
    let state = registry.state();
    let wanted = |hook: &&Hook| {
        hook.told.workspace_name == of.workspace_name
            && (of.model_name.is_none() || hook.told.model_name == of.model_name)
    };
    let found: Vec<&Config> = state.comet.hooks.0.iter().filter(wanted).map(|hook| &hook.told).collect();
    Json(json!({ "webhookConfigs": found }))
}
