//! The intake: verifies, stores, wakes the worker, answers. It never runs anything.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::http::header::{ALLOW, HeaderValue, RETRY_AFTER, X_FORWARDED_FOR};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use rustls::sign::CertifiedKey;
use scanrelay::extract::{Intake as Gate, Webhook};
use scanrelay::{Delivery, Event, Receiver};
use serde::Serialize;
use serde_json::json;
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::address::{self, Network};
use super::clock::Clock;
use super::connections::Connections;
use super::current::View;
use super::job::plan::Plan;
use super::metrics::{self, Metrics, Result as Became};
use super::rejections::Rejections;
use super::store::{Aside, Bounds, Inserted, Intake, Store, StoreError};
use super::tls;
use super::trace::{Span, Spans};
use super::wake::Wake;

/// A sender that was answered 503 comes back after this long. Below 60 s, since MLflow does not renew its timestamps.
const RETRY_AFTER_SECONDS: &str = "30";

/// What the first matching route asks for; without one, why.
pub type RouteOf = dyn Fn(&Event) -> Result<Plan, String> + Send + Sync;

/// What the intake works with.
#[derive(Clone)]
pub struct Front {
    pub store: Store,
    pub clock: Clock,
    pub wake: Wake,
    pub terms: View<Terms>,
    pub spans: Spans,
    pub limits: IntakeLimits,
}

/// What a request is taken in by. A reload makes others, for the requests that come then.
pub struct Terms {
    /// By registry.
    pub doors: BTreeMap<String, Arc<Door>>,
    pub route: Arc<RouteOf>,
    /// Who is believed about for whom it speaks.
    pub proxies: Vec<Network>,
    /// Shown to who connects. Whether there is one stays as it was at the start.
    pub certificate: Option<Arc<CertifiedKey>>,
}

/// The bounds of all connections, which hold as long as the listener.
#[derive(Clone, Copy, Debug)]
pub struct IntakeLimits {
    pub max_connections: usize,
    pub header_timeout: Duration,
    pub keep_alive: Duration,
    /// Open requests are finished by the drain, which has a bound of its own.
    pub drain_timeout: Duration,
}

/// The bounds of a request's body.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimits {
    pub max: usize,
    pub timeout: Duration,
}

/// Where one registry's deliveries come in.
pub struct Door {
    gate: Gate,
    counters: metrics::Intake,
    /// How many deliveries may be open, in all and of this registry.
    bounds: Bounds,
}

impl Door {
    /// Requests that are refused are counted and noted, and kept themselves, if the registry is `probed`.
    pub fn new(
        receiver: Receiver,
        body: BodyLimits,
        bounds: Bounds,
        clock: Clock,
        (rejections, probed): (&Rejections, bool),
        metrics: &Metrics,
    ) -> Self {
        let rejections = rejections.clone();
        let counters = metrics.intake(receiver.name());
        let counted = counters.clone();
        let gate = Gate::new(Arc::new(receiver))
            .with_max_body(body.max)
            .with_read_timeout(body.timeout)
            .with_clock(move || clock.wall())
            .with_refused(move |refused| {
                counted.refused(refused.error);
                Some(rejections.note(refused, probed))
            });
        Self { gate, counters, bounds }
    }

    fn has_path_secret(&self) -> bool {
        self.gate.receiver().verifier().path_secret().is_some()
    }
}

/// Serves the intake on a bound listener.
pub fn serve(front: &Front, listener: std::net::TcpListener) -> std::io::Result<Server> {
    let limits = front.limits;
    let terms = front.terms.clone();
    let front = front.clone();
    let tls = terms.now().certificate.is_some().then(|| tls::acceptor(move || terms.now().certificate.clone()));
    let tls = tls.transpose().map_err(std::io::Error::other)?;
    let connections = Connections {
        workers: 2,
        most: limits.max_connections / 2,
        header_timeout: limits.header_timeout,
        keep_alive: limits.keep_alive,
        drain_timeout: limits.drain_timeout,
    };
    connections.on_tcp(listener, tls, move |config| routes(&front)(config))
}

/// One service for all paths, since there are three: matching them as patterns takes longer than reading a body. Which
/// registries there are is looked up anew for each request.
pub fn routes(front: &Front) -> impl FnOnce(&mut ServiceConfig) + use<> {
    let front = front.clone();
    move |config| {
        config.app_data(Data::new(front)).default_service(web::to(answer));
    }
}

/// An unknown name is 404 before anything else is looked at.
async fn answer(front: Data<Front>, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    let path = request.path();
    if path == "/healthz" {
        return if request.method() == Method::GET {
            HttpResponse::Ok().json(json!({ "status": "ok" }))
        } else {
            refuse_method("GET")
        };
    }
    let terms = front.terms.now();
    let Some((name, secret)) = path.strip_prefix("/hooks/").map(name_and_secret) else { return not_found() };
    let Some(door) = terms.doors.get(name).filter(|door| secret.is_none() || door.has_path_secret()) else {
        return not_found();
    };
    if request.method() != Method::POST {
        return refuse_method("POST");
    }
    let peer = sender(&request, &terms.proxies);
    match door.gate.receive_from(peer, secret, &request, payload.into_inner()).await {
        Ok(Webhook(delivery)) => take_in(&front, delivery, door, &terms).await,
        Err(error) => error.error_response(),
    }
}

/// What follows `/hooks/`: a registry's name, and perhaps a secret.
///
/// A secret that is wrong or missing is answered 401, and not as if there were nothing: the names of registries are no
/// secret, and who has mistyped it is to find it among the rejections.
fn name_and_secret(path: &str) -> (&str, Option<&str>) {
    path.split_once('/').map_or((path, None), |(name, secret)| (name, Some(secret)))
}

/// From where a request comes, as far as that is known.
fn sender(request: &HttpRequest, proxies: &[Network]) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip();
    let forwarded: Vec<&[u8]> = request.headers().get_all(X_FORWARDED_FOR).map(HeaderValue::as_bytes).collect();
    address::sender(peer, forwarded.into_iter(), proxies)
}

/// The answer to a delivery that is stored.
#[derive(Serialize)]
struct Taken {
    delivery: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    duplicate: bool,
}

/// All that a verified body tells of. The sender hears of the first that is new. When one of them cannot be stored, it posts
/// the body again, and those that were are duplicates.
async fn take_in(front: &Front, delivery: Delivery, door: &Door, terms: &Terms) -> HttpResponse {
    let mut answer: Option<HttpResponse> = None;
    for delivery in delivery.split() {
        let taken = take_one(front, delivery, door, terms).await;
        if !taken.status().is_success() {
            return taken;
        }
        answer = answer.filter(|before| before.status() == StatusCode::ACCEPTED).or(Some(taken));
    }
    answer.unwrap_or_else(|| unavailable("store_failed", "the delivery could not be stored, try again later"))
}

/// A verified delivery, and what it was let in by: a reload that comes in between changes nothing for it.
async fn take_one(front: &Front, delivery: Delivery, door: &Door, terms: &Terms) -> HttpResponse {
    let verified = Instant::now();
    let counters = &door.counters;
    let plan = (terms.route)(delivery.event());
    let registry = door.gate.receiver().name();
    let (kind, subject) = (delivery.event().kind.to_string(), delivery.event().subject());
    let sent = delivery.trace();
    let ignored = plan.as_ref().err().cloned();
    let now = front.clock.now();
    let inserted = front.store.insert(Intake { delivery, plan }, door.bounds, now).await;
    let is_conflict = matches!(inserted, Ok(Inserted::Conflict(_)));
    let took = verified.elapsed();
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    match inserted {
        Ok(Inserted::New(id) | Inserted::Conflict(id)) => {
            counters.accepted_at(now);
            let trace = front.spans.received(id, sent);
            if let Some(own) = trace {
                front.spans.ended(Span {
                    name: "receive",
                    own,
                    parent: sent,
                    took,
                    delivery: id,
                    registry,
                    plugin: None,
                    failure: None,
                });
            }
            let trace_id = trace.map(|trace| trace.trace_id());
            let trace_id = trace_id.as_deref();
            counters.count(match (is_conflict, &ignored) {
                (true, _) => Became::Conflict,
                (false, None) => Became::Accepted,
                (false, Some(_)) => Became::Ignored,
            });
            if is_conflict {
                warn!(delivery = id, registry, kind, subject, "another body has come under the same key before");
            }
            if let Some(reason) = ignored {
                info!(delivery = id, registry, kind, subject, reason, duration_ms, trace_id, "ignored");
            } else {
                front.wake.came();
                info!(delivery = id, registry, kind, subject, duration_ms, trace_id, "accepted");
            }
            HttpResponse::Accepted().json(Taken { delivery: id.to_string(), duplicate: false })
        }
        Ok(Inserted::Aside(id, aside)) => {
            counters.accepted_at(now);
            let reason = aside.in_words();
            match aside {
                Aside::Echo => {
                    counters.count(Became::Echo);
                    info!(delivery = id, registry, kind, subject, reason, duration_ms, "ignored");
                }
                Aside::Unchanged => {
                    counters.count(Became::Ignored);
                    info!(delivery = id, registry, kind, subject, reason, duration_ms, "ignored");
                }
                Aside::Tampered { .. } => {
                    front.wake.changed();
                    counters.count(Became::Tampered);
                    warn!(delivery = id, registry, kind, subject, duration_ms, "{reason}");
                }
            }
            HttpResponse::Accepted().json(Taken { delivery: id.to_string(), duplicate: false })
        }
        Ok(Inserted::Noted) => {
            error!(registry, "a webhook was taken for what the catch-up has seen: answered 503");
            unavailable("store_failed", "the delivery could not be stored, try again later")
        }
        Ok(Inserted::Duplicate(id)) => {
            counters.count(Became::Duplicate);
            info!(delivery = id, registry, kind, subject, duration_ms, "duplicate");
            HttpResponse::Ok().json(Taken { delivery: id.to_string(), duplicate: true })
        }
        Ok(Inserted::Full) => {
            counters.count(Became::Full);
            warn!(registry, "as many deliveries are open as may be: answered 503");
            unavailable("full", "as many deliveries are open as may be, try again later")
        }
        Ok(Inserted::NoRoom) => {
            counters.count(Became::Full);
            warn!(registry, "there is no room for more on the disk, see scanrelay store stats: answered 503");
            unavailable("disk_full", "there is no room for more deliveries, try again later")
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
