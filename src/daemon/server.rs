//! The intake: verifies, stores, wakes the worker, answers. It never runs anything.

use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::http::header::{ALLOW, RETRY_AFTER};
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{App, HttpResponse, HttpServer};
use scanrelay::extract::{Intake as Gate, Webhook};
use scanrelay::{Delivery, Event, Receiver};
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::clock::Clock;
use super::job::plan::Plan;
use super::metrics::{self, Metrics, Result as Became};
use super::rejections::Rejections;
use super::store::{Bounds, Inserted, Intake, Store, StoreError};

/// A sender that was answered 503 comes back after this long. Below 60 s, since MLflow does not renew its timestamps.
const RETRY_AFTER_SECONDS: &str = "30";

/// What the first matching route asks for; without one, why.
pub type RouteOf = dyn Fn(&Event) -> Result<Plan, String> + Send + Sync;

/// What the intake works with.
#[derive(Clone)]
pub struct Front {
    pub store: Store,
    pub clock: Clock,
    pub wake: Arc<Notify>,
    pub bounds: Bounds,
    pub receivers: Vec<Arc<Receiver>>,
    pub route: Arc<RouteOf>,
    pub rejections: Rejections,
    pub metrics: Metrics,
    pub limits: IntakeLimits,
}

/// The bounds of a request and of all connections.
#[derive(Clone, Copy, Debug)]
pub struct IntakeLimits {
    pub max_body: usize,
    pub max_connections: usize,
    pub header_timeout: Duration,
    pub read_timeout: Duration,
    pub keep_alive: Duration,
}

/// Serves the intake on a bound listener.
pub fn serve(front: &Front, listener: std::net::TcpListener) -> std::io::Result<Server> {
    let limits = front.limits;
    let front = front.clone();
    let server = HttpServer::new(move || App::new().configure(routes(&front)))
        .workers(2)
        .max_connections(limits.max_connections / 2)
        .client_request_timeout(limits.header_timeout)
        .keep_alive(limits.keep_alive)
        .disable_signals()
        // Open requests are finished by the drain, which has a bound of its own.
        .shutdown_timeout(limits.read_timeout.as_secs().max(1))
        .listen(listener)?;
    Ok(server.run())
}

/// One resource per registry, so that an unknown name is 404 before anything else is looked at.
pub fn routes(front: &Front) -> impl FnOnce(&mut ServiceConfig) + use<> {
    let front = front.clone();
    move |config| {
        for receiver in &front.receivers {
            let clock = front.clock;
            let rejections = front.rejections.clone();
            let counters = front.metrics.intake(receiver.name());
            let counted = counters.clone();
            let gate = Gate::new(Arc::clone(receiver))
                .with_max_body(front.limits.max_body)
                .with_read_timeout(front.limits.read_timeout)
                .with_clock(move || clock.wall())
                .with_refused(move |refused| {
                    counted.refused(refused.error);
                    Some(rejections.note(refused))
                });
            config.service(
                web::resource(format!("/hooks/{}", receiver.name()))
                    .app_data(Data::new(gate))
                    .app_data(Data::new(front.clone()))
                    .app_data(Data::new(counters))
                    .route(web::post().to(receive))
                    .default_service(web::to(|| async { refuse_method("POST") })),
            );
        }
        config.service(
            web::resource("/healthz")
                .route(web::get().to(|| async { HttpResponse::Ok().json(json!({ "status": "ok" })) }))
                .default_service(web::to(|| async { refuse_method("GET") })),
        );
        config.default_service(web::to(|| async { not_found() }));
    }
}

async fn receive(front: Data<Front>, counters: Data<metrics::Intake>, Webhook(delivery): Webhook) -> HttpResponse {
    let verified = Instant::now();
    let plan = (front.route)(delivery.event());
    let (registry, kind, subject) = named(&delivery);
    let trace_id = delivery.trace().map(|trace| trace.trace_id());
    let trace_id = trace_id.as_deref();
    let ignored = plan.as_ref().err().cloned();
    let now = front.clock.now();
    let inserted = front.store.insert(Intake { delivery, plan }, front.bounds, now).await;
    let duration_ms = u64::try_from(verified.elapsed().as_millis()).unwrap_or(u64::MAX);
    match inserted {
        Ok(Inserted::New(id)) => {
            counters.accepted_at(now);
            match ignored {
                None => {
                    front.wake.notify_one();
                    counters.count(Became::Accepted);
                    info!(delivery = id, registry, kind, subject, duration_ms, trace_id, "accepted");
                }
                Some(reason) => {
                    counters.count(Became::Ignored);
                    info!(delivery = id, registry, kind, subject, reason, duration_ms, trace_id, "ignored");
                }
            }
            HttpResponse::Accepted().json(json!({ "delivery": id.to_string() }))
        }
        Ok(Inserted::Duplicate(id)) => {
            counters.count(Became::Duplicate);
            info!(delivery = id, registry, kind, subject, duration_ms, trace_id, "duplicate");
            HttpResponse::Ok().json(json!({ "delivery": id.to_string(), "duplicate": true }))
        }
        Ok(Inserted::Full) => {
            counters.count(Became::Full);
            warn!(registry, "as many deliveries are open as may be: answered 503");
            unavailable("full", "as many deliveries are open as may be, try again later")
        }
        Err(error @ StoreError::Busy(_)) => {
            counters.count(Became::Busy);
            warn!(registry, %error, "answered 503");
            unavailable("busy", "too many requests at once, try again later")
        }
        Err(error) => {
            counters.count(Became::Failed);
            error!(registry, %error, "a delivery could not be stored: answered 503");
            unavailable("store_failed", "the delivery could not be stored, try again later")
        }
    }
}

fn named(delivery: &Delivery) -> (String, String, String) {
    let event = delivery.event();
    (event.registry.clone(), event.kind.to_string(), event.subject())
}

fn unavailable(word: &str, message: &str) -> HttpResponse {
    HttpResponse::ServiceUnavailable()
        .insert_header((RETRY_AFTER, RETRY_AFTER_SECONDS))
        .json(json!({ "error": word, "message": message }))
}

/// The answer to a method that a path does not take.
pub fn refuse_method(allowed: &'static str) -> HttpResponse {
    HttpResponse::MethodNotAllowed()
        .insert_header((ALLOW, allowed))
        .json(json!({ "error": "method_not_allowed", "message": format!("this path takes {allowed} only") }))
}

/// The answer to a path that is none.
pub fn not_found() -> HttpResponse {
    HttpResponse::NotFound().json(json!({ "error": "not_found", "message": "there is nothing at this path" }))
}
