//! What people and probes see, and, over the socket only, what people do.
//!
//! The TCP side is read-only and checks `Host`; the socket beside the store also takes acts, each with the peer's uid.

pub mod acts;
mod peer;
pub mod verdicts;

use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::error::InternalError;
use actix_web::guard::Guard;
use actix_web::http::header::HOST;
use actix_web::web::{self, Data, JsonConfig, Path, PathConfig, Query, QueryConfig, ServiceConfig};
use actix_web::{HttpResponse, guard};
use rustls::sign::CertifiedKey;
use scanrelay::Secret;
use serde::{Deserialize, Serialize};
use serde_json::json;
use subtle::ConstantTimeEq;
use tokio::sync::Notify;
use tracing::error;

use super::breakers::{BreakerRow, Breakers};
use super::cache::{CacheRow, Caches};
use super::clock::Clock;
use super::connections::Connections;
use super::current::View;
use super::metrics::{MEDIA_TYPE, Metrics};
use super::rejections::Rejections;
use super::running::Running;
use super::server::{RouteOf, not_found, refuse_method};
use super::store::{Filter, Room, Status, Store, StoreError};
use super::tls;
use super::wake::Wake;

/// What the admin side works with.
#[derive(Clone)]
pub struct Admin {
    pub store: Store,
    pub clock: Clock,
    pub wake: Wake,
    /// Told when old jobs are to be done again.
    pub acted: Arc<Notify>,
    /// What is being worked on, to be cancelled or listened to.
    pub running: Running,
    pub breakers: Breakers,
    pub caches: Caches,
    pub rejections: Rejections,
    pub metrics: Metrics,
    pub terms: View<Terms>,
}

/// What a request is answered by. A reload makes others.
pub struct Terms {
    /// The configured queues, for the status.
    pub queues: Vec<String>,
    /// For deliveries that took no route when they came.
    pub route: Arc<RouteOf>,
    /// Asked for as `Authorization: Bearer …` where the listener is not loopback.
    pub token: Option<Secret>,
    /// Shown to who connects. Whether there is one stays as it was at the start.
    pub certificate: Option<Arc<CertifiedKey>>,
    /// Without it the intake takes nothing more, and we are not ready.
    pub room: Room,
}

/// How things stand, with what only the running daemon knows.
#[derive(Debug, Serialize, Deserialize)]
pub struct Overview {
    #[serde(flatten)]
    pub status: Status,
    /// Plugins that are not fed.
    #[serde(default)]
    pub breakers: Vec<BreakerRow>,
    /// The caches that are kept up to date.
    #[serde(default)]
    pub caches: Vec<CacheRow>,
}

/// A person, a script, a probe.
const CONNECTIONS: Connections = Connections {
    workers: 1,
    most: 1024,
    header_timeout: Duration::from_secs(5),
    keep_alive: Duration::from_secs(5),
    drain_timeout: Duration::from_secs(1),
};

/// Who is on the other end of the socket.
#[derive(Clone, Copy)]
struct Uid(u32);

/// Serves the read-only side.
pub fn serve(admin: &Admin, listener: std::net::TcpListener) -> std::io::Result<Server> {
    let (admin, terms) = (admin.clone(), admin.terms.clone());
    let tls = terms.now().certificate.is_some().then(|| tls::acceptor(move || terms.now().certificate.clone()));
    let tls = tls.transpose().map_err(std::io::Error::other)?;
    Connections { most: 64, ..CONNECTIONS }.on_tcp(listener, tls, move |config| {
        let checked = Checked { terms: admin.terms.clone() };
        config
            .app_data(Data::new(admin.clone()))
            .service(web::scope("").guard(checked).configure(reads).default_service(web::to(|| async { not_found() })))
            .default_service(web::to(|| async {
                HttpResponse::Forbidden().json(json!({
                    "error": "forbidden",
                    "message": "the Host header names no address of this listener, or the token is missing",
                }))
            }));
    })
}

/// Serves the socket, which only its owner can open.
pub fn serve_socket(admin: &Admin, listener: UnixListener) -> std::io::Result<Server> {
    let admin = admin.clone();
    CONNECTIONS.on_socket(listener, peer::greet, move |config| {
        config
            .app_data(Data::new(admin.clone()))
            .configure(reads)
            .configure(acts::acts)
            .configure(verdicts::acts)
            .default_service(web::to(|| async { not_found() }));
    })
}

fn reads(config: &mut ServiceConfig) {
    let get = |path: &str, route: actix_web::Route| {
        web::resource(path.to_owned())
            .route(route.guard(guard::Get()))
            .default_service(web::to(|| async { refuse_method("GET") }))
    };
    // In the form of every other error, and not in the framework's.
    config
        .app_data(QueryConfig::default().error_handler(|error, _| bad(error.to_string())))
        .app_data(PathConfig::default().error_handler(|error, _| bad(error.to_string())))
        .app_data(JsonConfig::default().error_handler(|error, _| bad(error.to_string())))
        .service(get("/healthz", web::to(|| async { HttpResponse::Ok().json(json!({ "status": "ok" })) })))
        .service(get("/readyz", web::to(ready)))
        .service(get("/metrics", web::to(metrics)))
        .service(get("/api/v1/status", web::to(status)))
        .service(get("/api/v1/deliveries", web::to(deliveries)))
        .service(get("/api/v1/deliveries/{id}", web::to(delivery)))
        .service(get("/api/v1/rejections", web::to(rejections)))
        .service(get("/api/v1/verdicts", web::to(verdicts::verdicts)))
        .service(get("/api/v1/jobs", web::to(jobs)))
        .service(get("/api/v1/jobs/{id}", web::to(job)))
        .service(get("/api/v1/jobs/{id}/log", web::to(log)));
}

async fn ready(admin: Data<Admin>) -> HttpResponse {
    let room = admin.terms.now().room;
    let (writable, shortage) = tokio::join!(admin.store.is_writable(), admin.store.shortage(room));
    match writable.and(shortage) {
        Ok(None) => HttpResponse::Ok().json(json!({ "status": "ready" })),
        Ok(Some(shortage)) => HttpResponse::ServiceUnavailable()
            .json(json!({ "error": "disk_full", "message": format!("{}: see scanrelay store stats", shortage.0) })),
        Err(error) => failed(&error),
    }
}

async fn metrics(admin: Data<Admin>) -> HttpResponse {
    let text = admin.metrics.scrape(&admin.store, &admin.terms.now().queues, admin.clock.now()).await;
    HttpResponse::Ok().content_type(MEDIA_TYPE).body(text)
}

async fn status(admin: Data<Admin>) -> HttpResponse {
    let status = admin.store.status(admin.terms.now().queues.clone()).await;
    let overview = |status| Overview { status, breakers: admin.breakers.open(), caches: admin.caches.rows() };
    answer(status.map(|status| Some(overview(status))))
}

async fn deliveries(admin: Data<Admin>, filter: Query<Filter>) -> HttpResponse {
    answer(admin.store.deliveries(filter.into_inner()).await.map(Some))
}

async fn delivery(admin: Data<Admin>, id: Path<i64>) -> HttpResponse {
    answer(show_delivery(&admin.store, *id).await)
}

/// Whose.
#[derive(serde::Deserialize)]
struct Of {
    registry: Option<String>,
}

async fn rejections(admin: Data<Admin>, of: Query<Of>) -> HttpResponse {
    HttpResponse::Ok().json(admin.rejections.list(of.registry.as_deref()))
}

async fn jobs(admin: Data<Admin>, filter: Query<Filter>) -> HttpResponse {
    answer(admin.store.jobs(filter.into_inner()).await.map(Some))
}

async fn job(admin: Data<Admin>, id: Path<i64>) -> HttpResponse {
    answer(show_job(&admin.store, *id).await)
}

/// Everything about a delivery, in one document.
pub async fn show_delivery(store: &Store, id: i64) -> Result<Option<serde_json::Value>, StoreError> {
    let Some(delivery) = store.delivery(id).await? else { return Ok(None) };
    let filter = Filter { delivery: Some(id), limit: Some(1000), ..Filter::default() };
    let mut jobs = store.jobs(filter).await?;
    jobs.reverse();
    let verdicts = store.verdicts(id).await?;
    Ok(Some(json!({ "delivery": delivery, "verdicts": verdicts, "jobs": jobs })))
}

/// Everything about a job, in one document.
pub async fn show_job(store: &Store, id: i64) -> Result<Option<serde_json::Value>, StoreError> {
    let Some(job) = store.job(id).await? else { return Ok(None) };
    Ok(Some(json!({ "job": job, "attempts": store.attempts(id).await? })))
}

/// From which byte of the running attempt's log.
#[derive(serde::Deserialize)]
struct From {
    #[serde(default)]
    from: usize,
}

/// More of a running attempt's log: answers when there is more, or when the attempt is over (204).
async fn log(admin: Data<Admin>, id: Path<i64>, from: Query<From>) -> HttpResponse {
    match admin.running.more(*id, from.from).await {
        Some(more) => HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(more),
        None => HttpResponse::NoContent().finish(),
    }
}

fn answer<T: Serialize>(found: Result<Option<T>, StoreError>) -> HttpResponse {
    match found {
        Ok(Some(found)) => HttpResponse::Ok().json(found),
        Ok(None) => {
            HttpResponse::NotFound().json(json!({ "error": "not_found", "message": "there is none of that id" }))
        }
        Err(error) => failed(&error),
    }
}

fn bad(message: String) -> actix_web::Error {
    let response = HttpResponse::BadRequest().json(json!({ "error": "bad_request", "message": message }));
    InternalError::from_response(message, response).into()
}

fn failed(error: &StoreError) -> HttpResponse {
    error!(%error, "the store failed");
    HttpResponse::ServiceUnavailable()
        .json(json!({ "error": "store_failed", "message": "the store failed, see the log" }))
}

/// Lets in who names this machine in `Host` (a page in a browser can be made to call loopback under another name), and
/// who has the token where there is one.
struct Checked {
    terms: View<Terms>,
}

impl Guard for Checked {
    fn check(&self, context: &guard::GuardContext<'_>) -> bool {
        let headers = context.head().headers();
        if let Some(token) = &self.terms.now().token {
            let given =
                headers.get("authorization").map(actix_web::http::header::HeaderValue::as_bytes).unwrap_or_default();
            return given.strip_prefix(b"Bearer ").is_some_and(|given| given.ct_eq(token.expose()).into());
        }
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let name = host
            .rsplit_once(':')
            .map_or(host, |(name, port)| if port.bytes().all(|b| b.is_ascii_digit()) { name } else { host });
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
        name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
    }
}

#[cfg(test)]
mod tests;
