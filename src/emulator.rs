//! The development registry: a stand-in for Verta on loopback, for trying and for tests.
//!
//! It speaks the part of Verta's interface that an integration needs, as Verta's public client and pages show it: ids are
//! strings as in protobuf's JSON, those of builds and scans are numbers, errors have grpc-gateway's shape. Identity is the
//! header `Grpc-Metadata-email`, and any key is good. All state is in memory.
//!
//! A request becomes a [`Call`](call::Call), the call is carried out on the [`State`](state::State) in one go, and what it
//! fires is handed to the [`Courier`](courier::Courier).

mod answer;
mod builds;
mod call;
mod courier;
mod faults;
mod models;
mod stages;
mod state;
mod webhooks;

use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::http::Method;
use actix_web::middleware::DefaultHeaders;
use actix_web::web::{self, Bytes, Data, PayloadConfig};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use scanrelay::Timestamp;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use answer::{Answer, Fault};
use call::Call;
use courier::Courier;
use state::State;

/// What it calls itself in `Server:`, so that nobody takes it for the real one.
const NAME: &str = "scanrelay-development-registry";
const MAX_BODY: usize = 1 << 20;

/// How it behaves.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How long a receiver may take to answer.
    pub delivery_timeout: Duration,
    /// How long a build without an external location takes.
    pub build_takes: Duration,
    pub clock: fn() -> Timestamp,
}

impl Options {
    /// Deliveries within 10 s, builds in 2 s; `clock` says what time it is.
    pub fn new(clock: fn() -> Timestamp) -> Self {
        Self { delivery_timeout: Duration::from_secs(10), build_takes: Duration::from_secs(2), clock }
    }
}

/// Everything that a request needs.
#[derive(Clone)]
struct Hub {
    state: Arc<Mutex<State>>,
    courier: Courier,
    options: Options,
}

/// Serves until `shutdown`.
pub async fn run(listener: TcpListener, options: Options, shutdown: CancellationToken) -> std::io::Result<()> {
    let state = Arc::new(Mutex::new(State::new(options.clock)));
    let courier = Courier::new(Arc::clone(&state), options.delivery_timeout)?;
    let hub = Hub { state, courier, options };
    let server = HttpServer::new(move || {
        App::new()
            .wrap(DefaultHeaders::new().add(("Server", NAME)))
            .app_data(PayloadConfig::new(MAX_BODY))
            .app_data(Data::new(hub.clone()))
            .default_service(web::to(receive))
    });
    let server = server.workers(1).disable_signals().shutdown_timeout(1).listen(listener)?.run();
    let handle = server.handle();
    let stop = async move {
        shutdown.cancelled().await;
        handle.stop(false).await;
    };
    tokio::join!(server, stop).0
}

async fn receive(hub: Data<Hub>, request: HttpRequest, body: Result<Bytes, actix_web::Error>) -> HttpResponse {
    let answer = match body {
        Ok(body) => carry_out(&hub, &request, &body).await,
        Err(_) => Err(Fault::TooLarge),
    };
    match answer {
        Ok(answer) => HttpResponse::Ok().json(answer),
        Err(fault) => fault.response(),
    }
}

async fn carry_out(hub: &Hub, request: &HttpRequest, body: &[u8]) -> Answer {
    let call = find(request)?;
    let body: Value = match body.trim_ascii() {
        [] => json!({}),
        body => serde_json::from_slice(body).map_err(|_| Fault::Invalid("the body is no JSON".to_owned()))?,
    };
    let email = request.headers().get("Grpc-Metadata-email").and_then(|email| email.to_str().ok());
    let email = email.filter(|email| !email.is_empty()).map(str::to_owned);
    if call.needs_identity() && email.is_none() {
        return Err(Fault::Unauthenticated);
    }
    if let Call::TriggerTest = call {
        let sent = hub.lock().test_event(&body)?;
        return hub.courier.deliver_and_wait(sent).await;
    }
    let unfinished = {
        let mut state = hub.lock();
        if let Some(fault) = state.faults.on(&call) {
            return Err(fault);
        }
        let answer = state.carry_out(&call, email.as_deref().unwrap_or_default(), &body, request.path())?;
        for sent in state.outbox.drain(..) {
            hub.courier.deliver(sent);
        }
        answer
    };
    if let (Call::CreateBuild(_), Some("building")) = (&call, unfinished["status"].as_str()) {
        hub.finish_later(unfinished["id"].as_u64().unwrap_or_default());
    }
    Ok(unfinished)
}

fn find(request: &HttpRequest) -> Result<Call, Fault> {
    let segments: Vec<&str> = request.path().trim_start_matches('/').split('/').collect();
    if let Some(call) = Call::find(request.method().as_str(), &segments) {
        return Ok(call);
    }
    let others = [Method::GET, Method::POST, Method::PUT, Method::PATCH];
    if others.iter().any(|method| Call::find(method.as_str(), &segments).is_some()) {
        return Err(Fault::Method);
    }
    Err(Fault::NotFound("there is nothing at this path".to_owned()))
}

impl Hub {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn finish_later(&self, build: u64) {
        let hub = self.clone();
        self.courier.spawn(async move {
            tokio::time::sleep(hub.options.build_takes).await;
            let mut state = hub.lock();
            state.finish_build(build);
            for sent in state.outbox.drain(..) {
                hub.courier.deliver(sent);
            }
        });
    }
}

/// A field that is text, or an id as a number: protobuf's JSON takes both.
fn text(body: &Value, key: &str) -> Option<String> {
    match &body[key] {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn needed(body: &Value, key: &str) -> Result<String, Fault> {
    text(body, key).ok_or_else(|| Fault::Invalid(format!("{key} is missing")))
}

fn id(body: &Value, key: &str) -> Result<u64, Fault> {
    needed(body, key)?.parse().map_err(|_| Fault::Invalid(format!("{key} is no id")))
}

/// A JSON object.
type Object = Map<String, Value>;

#[cfg(test)]
mod tests;
