//! Signs and posts events, in order for each webhook.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Client;
use reqwest::redirect::Policy;
use scanrelay::{Scheme, Secret, Timestamp, signature};
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::answer::{Answer, Fault};
use super::state::State;

/// An event on its way to one webhook.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) call: u64,
    pub(super) webhook: u64,
    pub(super) location: String,
    pub(super) secret: Option<String>,
    pub(super) body: String,
}

/// What is to be sent, and who waits for the outcome.
type Errand = (Sent, Option<oneshot::Sender<Result<u16, String>>>);

/// One queue and one task for each webhook that was called.
#[derive(Clone)]
pub(super) struct Courier {
    state: Arc<Mutex<State>>,
    client: Client,
    /// The server's worker threads come and go; deliveries stay on the runtime that started it.
    runtime: Handle,
    queues: Arc<Mutex<BTreeMap<u64, mpsc::UnboundedSender<Errand>>>>,
}

impl Courier {
    pub(super) fn new(state: Arc<Mutex<State>>, timeout: Duration) -> std::io::Result<Self> {
        let client = Client::builder().redirect(Policy::none()).no_proxy().timeout(timeout).build();
        let client = client.map_err(std::io::Error::other)?;
        Ok(Self { state, client, runtime: Handle::current(), queues: Arc::default() })
    }

    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(task);
    }

    pub(super) fn deliver(&self, sent: Sent) {
        self.enqueue(sent, None);
    }

    /// Answers as `triggerTest` does: after the delivery, with the receiver's status.
    pub(super) async fn deliver_and_wait(&self, sent: Sent) -> Answer {
        let (told, outcome) = oneshot::channel();
        self.enqueue(sent, Some(told));
        let outcome = outcome.await.unwrap_or_else(|_| Err("the registry is going down".to_owned()));
        match outcome {
            Ok(status) => Ok(json!({ "status_code": status.to_string() })),
            Err(reason) => Err(Fault::Unavailable(format!("the event could not be delivered: {reason}"))),
        }
    }

    fn enqueue(&self, sent: Sent, told: Option<oneshot::Sender<Result<u16, String>>>) {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = queues.entry(sent.webhook).or_insert_with(|| {
            let (queue, waiting) = mpsc::unbounded_channel();
            self.runtime.spawn(self.clone().carry(waiting));
            queue
        });
        // Nobody is there any more only when the runtime is gone.
        let _ = queue.send((sent, told));
    }

    async fn carry(self, mut waiting: mpsc::UnboundedReceiver<Errand>) {
        while let Some((sent, told)) = waiting.recv().await {
            let outcome = self.post(&sent).await;
            self.state.lock().unwrap_or_else(PoisonError::into_inner).record(sent.call, &outcome);
            if let Some(told) = told {
                let _ = told.send(outcome);
            }
        }
    }

    async fn post(&self, sent: &Sent) -> Result<u16, String> {
        let mut request = self.client.post(&sent.location).header("Content-Type", "application/json");
        if let Some(secret) = sent.secret.as_deref().and_then(|secret| Secret::new(secret).ok()) {
            // Verta documents no scheme; GitHub's is what its authors had in mind.
            let signed = signature::sign(&Scheme::github(), &secret, None, Timestamp::default(), sent.body.as_bytes());
            for (name, value) in signed.map_err(|error| error.to_string())? {
                request = request.header(name, value);
            }
        }
        let answer = request.body(sent.body.clone()).send().await;
        answer.map(|answer| answer.status().as_u16()).map_err(|error| reason(&error))
    }
}

fn reason(error: &reqwest::Error) -> String {
    let why = match error {
        error if error.is_timeout() => "no answer in time",
        error if error.is_connect() => "nobody listens there",
        _ => "the connection broke",
    };
    why.to_owned()
}
