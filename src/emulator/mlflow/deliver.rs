//! Deliveries: signed once, and tried four times as they are.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Bytes;
use scanrelay::{Scheme, Timestamp, signature};
use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::emulator::deliver::{Target, text, words};
use crate::emulator::registry::Registry;

const ID: &str = "X-MLflow-Delivery-Id";
const TIMESTAMP: &str = "X-MLflow-Timestamp";
/// After the first try.
const RETRIES: u32 = 3;
/// What says "try again".
const FOR_NOW: [u16; 5] = [429, 500, 502, 503, 504];

/// A delivery, the same on every try.
pub struct Letter {
    pub id: String,
    pub at: Timestamp,
    pub body: Bytes,
}

/// A letter on its way.
pub struct Post {
    pub target: Arc<Target>,
    pub letter: Letter,
}

/// The receiver's status and the beginning of its answer, or why it was not reached.
pub type Ended = Result<(u16, String), String>;

/// One webhook's deliveries, in order.
pub async fn work(registry: Arc<Registry>, mut posts: mpsc::UnboundedReceiver<Post>) {
    while let Some(Post { target, letter }) = posts.recv().await {
        let webhook = &target.name;
        match deliver(&registry, &target, &letter).await {
            Ok((status, _)) => info!(webhook, status, "MLflow's webhook: delivered"),
            Err(reason) => warn!(webhook, reason, "MLflow's webhook: not delivered"),
        }
    }
}

pub async fn deliver(registry: &Registry, target: &Target, letter: &Letter) -> Ended {
    let headers = headers(target, letter)?;
    let mut pause: Duration = registry.options.retry_pause;
    let mut left = RETRIES;
    loop {
        let ended = once(registry, target, &headers, letter.body.clone()).await;
        if left == 0 || ended.as_ref().is_ok_and(|(status, _)| !FOR_NOW.contains(status)) {
            return ended;
        }
        left -= 1;
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
}

async fn once(registry: &Registry, target: &Target, headers: &[(String, String)], body: Bytes) -> Ended {
    let mut request = registry.client.post(&target.location).header("Content-Type", "application/json");
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let answer = request.body(body).send().await.map_err(|error| words(&error))?;
    Ok((answer.status().as_u16(), text(answer).await))
}

/// Without a secret the same, and no signature.
fn headers(target: &Target, letter: &Letter) -> Result<Vec<(String, String)>, String> {
    let Letter { id, at, body } = letter;
    match &target.secret {
        Some(secret) => {
            signature::sign(&Scheme::mlflow(), secret, Some(id), *at, body).map_err(|error| error.to_string())
        }
        None => Ok(vec![(ID.to_owned(), id.clone()), (TIMESTAMP.to_owned(), at.as_secs().to_string())]),
    }
}
