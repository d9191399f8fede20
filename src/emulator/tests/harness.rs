//! A running registry, and a receiver for its webhooks.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer};
use reqwest::{Client, Method};
use scanrelay::extract::{Intake, Webhook};
use scanrelay::{Delivery, Receiver, Registry, Scheme, Secret, Verifier, registry::Verta};
use serde_json::{Value, json};
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

use super::super::{Options, SERVER, run};

pub const SECRET: &str = "the webhook's secret";
/// Longer than anything takes on a loaded machine; reached only when something hangs.
pub const LONG: Duration = Duration::from_mins(1);

/// The registry, until it is dropped.
pub struct Site {
    pub url: String,
    pub client: Client,
    stop: CancellationToken,
    _ends: tokio_util::sync::DropGuard,
    running: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Site {
    pub fn start() -> Self {
        Self::with(Options::default())
    }

    pub fn with(options: Options) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let running = tokio::spawn(run(listener, options, stop.clone()));
        let client = Client::builder().no_proxy().timeout(LONG).build().unwrap();
        Self { url, client, _ends: stop.clone().drop_guard(), stop, running }
    }

    pub async fn stopped(self) -> std::io::Result<()> {
        self.stop.cancel();
        tokio::time::timeout(LONG, self.running).await.expect("it did not stop").unwrap()
    }

    /// The answer's text, whatever it is; always with the registry's name on it.
    pub async fn text(&self, email: Option<&str>, method: &str, path: &str, body: Value) -> (u16, String) {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if let Some(email) = email {
            request = request.header("Grpc-Metadata-email", email);
        }
        let request = match body {
            Value::Null => request,
            // Something that is no JSON.
            Value::String(text) => request.body(text),
            body => request.json(&body),
        };
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers()["server"], SERVER, "{path}");
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    pub async fn call(&self, email: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
        let (status, text) = self.text(Some(email), method, path, body).await;
        (status, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error} in {text:?}")))
    }

    /// What ada calls, and what must work.
    pub async fn must(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.call("ada@example.com", method, path, body).await;
        assert_eq!(status, 200, "{method} {path}: {answer}");
        answer
    }

    /// What ada calls, and what must not: status and code.
    pub async fn refused(&self, method: &str, path: &str, body: Value) -> (u16, u64, String) {
        let (status, answer) = self.call("ada@example.com", method, path, body).await;
        (status, answer["code"].as_u64().unwrap(), answer["message"].as_str().unwrap().to_owned())
    }

    pub async fn event(&self, name: &str, body: Value) -> Value {
        self.must("POST", &format!("/api/v1/uac-proxy/events/{name}"), body).await
    }

    /// A webhook's id.
    pub async fn webhook(&self, location: &str, event_types: &[&str]) -> String {
        let body = json!({
            "name": format!("to {location} of {event_types:?}"), "location": location, "mutual_secret": SECRET,
            "event_types": event_types, "all_events": event_types.is_empty(),
        });
        self.event("createWebhook", body).await["id"].as_str().unwrap().to_owned()
    }

    /// A version's path, with its ids.
    pub async fn version(&self, model: &str) -> (String, Value) {
        let models = "/api/v1/registry/workspaces/acme/registered_models";
        let model = self.must("POST", models, json!({ "name": model })).await;
        let versions = format!(
            "/api/v1/registry/registered_models/{}/model_versions",
            model["registered_model"]["id"].as_str().unwrap()
        );
        let version = self.must("POST", &versions, json!({ "version": "v1" })).await["model_version"].take();
        (format!("{versions}/{}", version["id"].as_str().unwrap()), version)
    }

    /// The path of a build's scan, for an image that is somewhere already, or will be.
    pub async fn build(&self, external_location: Option<&str>) -> String {
        let (_, version) = self.version(&format!("for {external_location:?}")).await;
        let body = json!({ "model_version_id": version["id"], "external_location": external_location });
        let build = self.must("POST", "/api/v1/deployment/workspace/acme/builds", body).await;
        format!("/api/v1/deployment/workspace/acme/builds/{}/scan", build["id"].as_u64().unwrap())
    }

    /// Asks for a transition to that stage: its id.
    pub async fn transition(&self, version: &Value, stage: &str) -> Value {
        let body = json!({ "model_version_id": version["id"], "desired_stage": stage });
        let made = self.must("POST", "/api/v1/registry/stage/createTransition", body).await;
        json!({ "transition_id": made["transition"]["id"] })
    }
}

/// A server that takes what verifies, and gives it to the test.
pub struct Hook {
    pub location: String,
    deliveries: Mutex<mpsc::UnboundedReceiver<Delivery>>,
}

impl Hook {
    pub fn start() -> Self {
        Self::of(Registry::Verta(Verta::default()), Scheme::github())
    }

    pub fn of(registry: Registry, scheme: Scheme) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let location = format!("http://{}/hooks/here", listener.local_addr().unwrap());
        let secret = Secret::new(SECRET).unwrap();
        let verifier = Verifier::new(scheme, vec![secret], Verifier::DEFAULT_TOLERANCE).unwrap();
        let receiver = Receiver::new("registry", registry, verifier);
        let intake = Data::new(Intake::new(Arc::new(receiver)));
        let (send, deliveries) = mpsc::unbounded_channel();
        let server = HttpServer::new(move || {
            let send = send.clone();
            let receive = move |Webhook(delivery): Webhook| {
                send.send(delivery).unwrap();
                async { HttpResponse::Accepted().json(json!({ "delivery": "1" })) }
            };
            let moved =
                || async { HttpResponse::TemporaryRedirect().insert_header(("Location", "/hooks/here")).finish() };
            App::new()
                .service(web::resource("/hooks/here").app_data(intake.clone()).route(web::post().to(receive)))
                .service(web::resource("/moved/here").route(web::post().to(moved)))
        });
        let server = server.workers(1).disable_signals().listen(listener).unwrap().run();
        tokio::spawn(server);
        Self { location, deliveries: Mutex::new(deliveries) }
    }

    /// The next delivery and its body.
    pub async fn next(&self) -> (Delivery, Value) {
        let mut deliveries = self.deliveries.lock().await;
        let delivery = tokio::time::timeout(LONG, deliveries.recv()).await.expect("nothing was delivered").unwrap();
        let body = serde_json::from_slice(delivery.body()).unwrap();
        (delivery, body)
    }
}

/// Asks again until the answer is good: what is waited for here calls nobody.
pub async fn until<F: Future<Output = Value>>(ask: impl Fn() -> F, good: impl Fn(&Value) -> bool) -> Value {
    let deadline = tokio::time::Instant::now() + LONG;
    let mut pause = tokio::time::interval(Duration::from_millis(20));
    loop {
        pause.tick().await;
        let answer = ask().await;
        if good(&answer) {
            return answer;
        }
        assert!(tokio::time::Instant::now() < deadline, "it did not happen; last seen: {answer}");
    }
}
