//! What people and probes see, and, over the socket only, what people do.
//!
//! The TCP side is read-only and checks `Host`; the socket beside the store also takes acts, each with the peer's uid.

use std::any::Any;
use std::os::unix::net::UnixListener;

use actix_web::dev::{Extensions, Server};
use actix_web::guard::Guard;
use actix_web::http::header::HOST;
use actix_web::web::{self, Data, Json, Path, Query, ServiceConfig};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, guard};
use scanrelay::Secret;
use serde::{Deserialize, Serialize};
use serde_json::json;
use subtle::ConstantTimeEq;
use tracing::{error, info};

use super::clock::Clock;
use super::server::{not_found, refuse_method};
use super::store::{Filter, Retried, Store, StoreError};
use std::sync::Arc;
use tokio::sync::Notify;

/// What the admin side works with.
#[derive(Clone)]
pub struct Admin {
    pub store: Store,
    pub clock: Clock,
    pub wake: Arc<Notify>,
    /// Asked for as `Authorization: Bearer …` where the listener is not loopback.
    pub token: Option<Secret>,
}

/// Who is on the other end of the socket.
#[derive(Clone, Copy)]
struct Uid(u32);

/// Why a person acts.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Act {
    #[serde(default)]
    pub reason: Option<String>,
}

/// Serves the read-only side.
pub fn serve(admin: &Admin, listener: std::net::TcpListener) -> std::io::Result<Server> {
    let admin = admin.clone();
    let server = HttpServer::new(move || {
        let checked = Checked { token: admin.token.clone() };
        App::new()
            .app_data(Data::new(admin.clone()))
            .service(web::scope("").guard(checked).configure(reads).default_service(web::to(|| async { not_found() })))
            .default_service(web::to(|| async {
                HttpResponse::Forbidden().json(json!({
                    "error": "forbidden",
                    "message": "the Host header names no address of this listener, or the token is missing",
                }))
            }))
    });
    Ok(server.workers(1).max_connections(64).disable_signals().shutdown_timeout(1).listen(listener)?.run())
}

/// Serves the socket, which only its owner can open.
pub fn serve_socket(admin: &Admin, listener: UnixListener) -> std::io::Result<Server> {
    let admin = admin.clone();
    let server = HttpServer::new(move || {
        App::new()
            .app_data(Data::new(admin.clone()))
            .configure(reads)
            .configure(acts)
            .default_service(web::to(|| async { not_found() }))
    });
    Ok(server.on_connect(remember_uid).workers(1).disable_signals().shutdown_timeout(1).listen_uds(listener)?.run())
}

fn remember_uid(connection: &dyn Any, data: &mut Extensions) {
    let stream = connection.downcast_ref::<actix_web::rt::net::UnixStream>();
    if let Some(peer) = stream.and_then(|stream| stream.peer_cred().ok()) {
        data.insert(Uid(peer.uid()));
    }
}

fn reads(config: &mut ServiceConfig) {
    let get = |path: &str, route: actix_web::Route| {
        web::resource(path.to_owned())
            .route(route.guard(guard::Get()))
            .default_service(web::to(|| async { refuse_method("GET") }))
    };
    config
        .service(get("/healthz", web::to(|| async { HttpResponse::Ok().json(json!({ "status": "ok" })) })))
        .service(get("/readyz", web::to(ready)))
        .service(get("/api/v1/deliveries", web::to(deliveries)))
        .service(get("/api/v1/deliveries/{id}", web::to(delivery)))
        .service(get("/api/v1/jobs", web::to(jobs)))
        .service(get("/api/v1/jobs/{id}", web::to(job)));
}

fn acts(config: &mut ServiceConfig) {
    config.service(
        web::resource("/api/v1/jobs/{id}/retry")
            .route(web::post().to(retry))
            .default_service(web::to(|| async { refuse_method("POST") })),
    );
}

async fn ready(admin: Data<Admin>) -> HttpResponse {
    match admin.store.is_writable().await {
        Ok(()) => HttpResponse::Ok().json(json!({ "status": "ready" })),
        Err(error) => failed(&error),
    }
}

async fn deliveries(admin: Data<Admin>, filter: Query<Filter>) -> HttpResponse {
    answer(admin.store.deliveries(filter.into_inner()).await.map(Some))
}

async fn delivery(admin: Data<Admin>, id: Path<i64>) -> HttpResponse {
    answer(show_delivery(&admin.store, *id).await)
}

async fn jobs(admin: Data<Admin>, filter: Query<Filter>) -> HttpResponse {
    answer(admin.store.jobs(filter.into_inner()).await.map(Some))
}

async fn job(admin: Data<Admin>, id: Path<i64>) -> HttpResponse {
    answer(show_job(&admin.store, *id).await)
}

async fn retry(admin: Data<Admin>, request: HttpRequest, id: Path<i64>, act: Json<Act>) -> HttpResponse {
    let uid = request.conn_data::<Uid>().map(|uid| uid.0);
    match admin.store.retry(*id, uid, act.into_inner().reason, admin.clock.now()).await {
        Ok(retried) => {
            if let Retried::Round { delivery, round } = retried {
                info!(job = *id, delivery, round, uid, "retried by hand");
                admin.wake.notify_one();
            }
            answered_retry(*id, &retried)
        }
        Err(error) => failed(&error),
    }
}

fn answered_retry(job: i64, retried: &Retried) -> HttpResponse {
    match retried {
        Retried::Round { delivery, round } => HttpResponse::Ok().json(json!({ "delivery": delivery, "round": round })),
        Retried::Unknown => {
            HttpResponse::NotFound().json(json!({ "error": "not_found", "message": retried.in_words(job) }))
        }
        _ => HttpResponse::Conflict().json(json!({ "error": "conflict", "message": retried.in_words(job) })),
    }
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

fn answer<T: Serialize>(found: Result<Option<T>, StoreError>) -> HttpResponse {
    match found {
        Ok(Some(found)) => HttpResponse::Ok().json(found),
        Ok(None) => {
            HttpResponse::NotFound().json(json!({ "error": "not_found", "message": "there is none of that id" }))
        }
        Err(error) => failed(&error),
    }
}

fn failed(error: &StoreError) -> HttpResponse {
    error!(%error, "the store failed");
    HttpResponse::ServiceUnavailable()
        .json(json!({ "error": "store_failed", "message": "the store failed, see the log" }))
}

/// Lets in who names this machine in `Host` (a page in a browser can be made to call loopback under another name), and
/// who has the token where there is one.
struct Checked {
    token: Option<Secret>,
}

impl Guard for Checked {
    fn check(&self, context: &guard::GuardContext<'_>) -> bool {
        let headers = context.head().headers();
        if let Some(token) = &self.token {
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
