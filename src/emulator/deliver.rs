//! Deliveries: signed, posted one after another for each webhook, and recorded with what came of them.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Response, redirect};
use scanrelay::{Scheme, Secret, Timestamp, signature};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tracing::{info, warn};
use url::Url;

use super::SERVER;
use super::entity::Uint64;
use super::registry::Registry;

/// How much of an answer is kept.
const KEPT_ANSWER: usize = 4096;

/// Hears the status that a receiver answered, or why it was not reached.
pub type Answered = oneshot::Sender<Result<u16, String>>;

/// A `WebhookCall`.
#[derive(Clone, Debug, Serialize)]
pub struct Call {
    pub id: Uint64,
    pub webhook_id: Uint64,
    pub event_uuid: String,
    pub status: CallStatus,
    #[serde(skip_serializing_if = "Value::is_null")]
    pub response: Value,
    /// To deliver it again, as it was.
    #[serde(skip)]
    pub body: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CallStatus {
    Unknown,
    Success,
    Failure,
    InProgress,
}

impl Call {
    pub fn new(id: Uint64, webhook: Uint64, uuid: &str, body: &Value) -> Self {
        Self {
            id,
            webhook_id: webhook,
            event_uuid: uuid.to_owned(),
            status: CallStatus::InProgress,
            response: Value::Null,
            body: body.clone(),
        }
    }
}

/// A body on its way.
pub struct Post {
    pub call: Uint64,
    pub target: Arc<Target>,
    pub body: String,
    pub answered: Option<Answered>,
}

/// Where a webhook's deliveries go.
pub struct Target {
    /// The webhook's name. Its location stays out of the log: some receivers have a secret in their path.
    pub name: String,
    pub location: String,
    pub secret: Option<Secret>,
}

/// Whether a webhook can post there.
pub fn is_address(location: &str) -> bool {
    Url::parse(location).is_ok_and(|url| ["http", "https"].contains(&url.scheme()))
}

/// Follows no redirect, since a receiver is where the webhook says it is, and asks no proxy.
pub fn client(timeout: Duration) -> reqwest::Result<Client> {
    // The client wants one. Where the program has chosen, its choice stays.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().redirect(redirect::Policy::none()).no_proxy().timeout(timeout).user_agent(SERVER).build()
}

/// One webhook's deliveries, in order, each tried once: whether Verta tries again by itself is not known.
pub async fn work(registry: Arc<Registry>, mut posts: mpsc::UnboundedReceiver<Post>) {
    while let Some(post) = posts.recv().await {
        let ended = deliver(&registry.client, &post.target, post.body).await;
        let (status, response) = match &ended {
            Ok((status, body)) => {
                let status_and_body = json!({ "status_code": status, "body": body });
                (if (200..300).contains(status) { CallStatus::Success } else { CallStatus::Failure }, status_and_body)
            }
            Err(reason) => (CallStatus::Failure, json!({ "error": reason })),
        };
        let webhook = &post.target.name;
        match &ended {
            Ok((status, _)) => info!(webhook, status, "delivered"),
            Err(reason) => warn!(webhook, reason, "not delivered"),
        }
        if let Some(call) = registry.state().calls.get_mut(&post.call) {
            call.status = status;
            call.response = response;
        }
        if let Some(answered) = post.answered {
            // Whoever asked may have gone.
            let _ = answered.send(ended.map(|(status, _)| status));
        }
    }
}

async fn deliver(client: &Client, target: &Target, body: String) -> Result<(u16, String), String> {
    let mut request = client.post(&target.location).header("Content-Type", "application/json");
    if let Some(secret) = &target.secret {
        let signed = signature::sign(&Scheme::github(), secret, None, Timestamp::default(), body.as_bytes());
        for (name, value) in signed.map_err(|error| error.to_string())? {
            request = request.header(name, value);
        }
    }
    let answer = request.body(body).send().await.map_err(|error| words(&error))?;
    Ok((answer.status().as_u16(), text(answer).await))
}

/// The beginning of the answer, as far as it comes.
pub async fn text(mut answer: Response) -> String {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > KEPT_ANSWER {
            body.truncate(KEPT_ANSWER);
            break;
        }
    }
    String::from_utf8_lossy(&body).into_owned()
}

/// The last cause says what happened; the others name the location.
pub fn words(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let first = std::error::Error::source(error);
    let last = std::iter::successors(first, |cause| cause.source()).last();
    last.map_or_else(|| "the request failed".to_owned(), ToString::to_string)
}
