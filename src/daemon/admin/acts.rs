//! What people do, over the socket: each act with the peer's uid and a reason, in the audit.

use std::convert::Infallible;

use actix_web::web::{self, Bytes, Data, Json, Path, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream;
use scanrelay::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tracing::info;

use super::{Admin, Uid, failed};
use crate::daemon::rejections::NotSaved;
use crate::daemon::server::refuse_method;
use crate::daemon::store::{ALL, By, Cancelled, Keep, Replayed, Retried, Vacuum};

/// Why a person acts, and on what where the path does not say it.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Act {
    pub reason: Option<String>,
    /// Replay: do all of it again.
    pub all: bool,
    /// Retry of many: those that ended since then.
    pub since: Option<Timestamp>,
    /// Retry of many: only say which.
    pub dry_run: bool,
    /// Pause and resume: the queue; without it, all of them.
    pub queue: Option<String>,
}

pub(super) fn acts(config: &mut ServiceConfig) {
    let post = |path: &str, route: actix_web::Route| {
        web::resource(path.to_owned())
            .route(route.guard(actix_web::guard::Post()))
            .default_service(web::to(|| async { refuse_method("POST") }))
    };
    config
        .service(post("/api/v1/retry", web::to(retry_dead)))
        .service(post("/api/v1/jobs/{id}/retry", web::to(retry)))
        .service(post("/api/v1/jobs/{id}/cancel", web::to(cancel)))
        .service(post("/api/v1/deliveries/{id}/replay", web::to(replay)))
        .service(post("/api/v1/rejections/{id}/save", web::to(save_rejection)))
        .service(post("/api/v1/store/vacuum", web::to(vacuum)))
        .service(post("/api/v1/pause", web::to(pause)))
        .service(post("/api/v1/resume", web::to(resume)));
}

pub(super) fn by(request: &HttpRequest, act: &Act) -> By {
    By { uid: request.conn_data::<Uid>().map(|uid| uid.0), reason: act.reason.clone() }
}

async fn retry(admin: Data<Admin>, request: HttpRequest, id: Path<i64>, act: Json<Act>) -> HttpResponse {
    let by = by(&request, &act);
    let uid = by.uid;
    match admin.store.retry(*id, by, admin.clock.now()).await {
        Ok(retried) => {
            if let Retried::Round { delivery, round } = retried {
                info!(job = *id, delivery, round, uid, "retried by hand");
                admin.acted.notify_one();
                let words = retried.in_words(*id);
                return HttpResponse::Ok().json(json!({ "delivery": delivery, "round": round, "words": words }));
            }
            said(retried.is_round(), retried == Retried::Unknown, &retried.in_words(*id))
        }
        Err(error) => failed(&error),
    }
}

async fn retry_dead(admin: Data<Admin>, request: HttpRequest, act: Json<Act>) -> HttpResponse {
    let (by, since) = (by(&request, &act), act.since.unwrap_or_default());
    if act.dry_run {
        return match admin.store.dead(since).await {
            Ok(jobs) => HttpResponse::Ok().json(json!({ "jobs": jobs, "words": would(jobs.len()) })),
            Err(error) => failed(&error),
        };
    }
    let uid = by.uid;
    match admin.store.retry_dead(since, by, admin.clock.now()).await {
        Ok(retried) => {
            let jobs: Vec<i64> = retried.iter().filter(|(_, each)| each.is_round()).map(|(job, _)| *job).collect();
            info!(jobs = jobs.len(), uid, "dead jobs retried by hand");
            admin.acted.notify_one();
            HttpResponse::Ok().json(json!({ "jobs": jobs, "words": did(jobs.len()) }))
        }
        Err(error) => failed(&error),
    }
}

/// What a retry of many would do.
pub fn would(jobs: usize) -> String {
    if jobs == 1 { "1 dead job would be retried".to_owned() } else { format!("{jobs} dead jobs would be retried") }
}

/// What a retry of many did.
pub fn did(jobs: usize) -> String {
    if jobs == 1 { "1 dead job is retried".to_owned() } else { format!("{jobs} dead jobs are retried") }
}

async fn cancel(admin: Data<Admin>, request: HttpRequest, id: Path<i64>, act: Json<Act>) -> HttpResponse {
    let by = by(&request, &act);
    let uid = by.uid;
    match admin.store.cancel(*id, by, admin.clock.now()).await {
        Ok(cancelled) => {
            if cancelled == Cancelled::Yes {
                info!(job = *id, uid, "cancelled by hand");
                admin.running.cancel(*id);
                admin.wake.changed();
            }
            said(cancelled == Cancelled::Yes, cancelled == Cancelled::Unknown, &cancelled.in_words(*id))
        }
        Err(error) => failed(&error),
    }
}

async fn replay(admin: Data<Admin>, request: HttpRequest, id: Path<i64>, act: Json<Act>) -> HttpResponse {
    let by = by(&request, &act);
    let (uid, keep) = (by.uid, if act.all { Keep::Nothing } else { Keep::Outcomes });
    let route = std::sync::Arc::clone(&admin.terms.now().route);
    match admin.store.replay(*id, keep, by, admin.clock.now(), move |event| route(event)).await {
        Ok(replayed) => {
            if let Replayed::Round(round) = replayed {
                info!(delivery = *id, round, uid, "replayed by hand");
                admin.acted.notify_one();
            }
            let done = matches!(replayed, Replayed::Round(_));
            said(done, replayed == Replayed::Unknown, &replayed.in_words(*id))
        }
        Err(error) => failed(&error),
    }
}

/// The refused request itself, values and all: who has it could send it again.
async fn save_rejection(admin: Data<Admin>, request: HttpRequest, id: Path<String>, act: Json<Act>) -> HttpResponse {
    let found = match admin.rejections.request(&id) {
        Ok(found) => found,
        Err(error) => return said(false, matches!(error, NotSaved::Unknown(_)), &error.to_string()),
    };
    let by = by(&request, &act);
    let uid = by.uid;
    match admin.store.record(by, "save", format!("rejection {id}"), admin.clock.now()).await {
        Ok(()) => {
            info!(rejection = id.as_str(), uid, "a refused request was saved");
            HttpResponse::Ok().content_type("application/octet-stream").body(found)
        }
        Err(error) => failed(&error),
    }
}

/// Answers with a line for each step, so that whoever asked sees how far it is. It ends when nobody reads them any more.
async fn vacuum(admin: Data<Admin>, request: HttpRequest, act: Json<Act>) -> HttpResponse {
    let by = by(&request, &act);
    let uid = by.uid;
    match admin.store.vacuum(by, admin.clock.now()).await {
        Ok(vacuum) => {
            info!(uid, "the store is vacuumed by hand");
            HttpResponse::Ok().content_type("application/jsonl").streaming(stream::unfold(Some(vacuum), step))
        }
        Err(error) => failed(&error),
    }
}

async fn step(vacuum: Option<Vacuum>) -> Option<(Result<Bytes, Infallible>, Option<Vacuum>)> {
    let mut vacuum = vacuum?;
    let (line, rest) = match vacuum.step().await {
        Ok(far) => (json!(far?), Some(vacuum)),
        Err(error) => (json!({ "error": "store_failed", "message": error.to_string() }), None),
    };
    Some((Ok(Bytes::from(format!("{line}\n"))), rest))
}

async fn pause(admin: Data<Admin>, request: HttpRequest, act: Json<Act>) -> HttpResponse {
    let queue = queue(&act);
    match admin.store.pause(queue.clone(), by(&request, &act), admin.clock.now()).await {
        Ok(paused) => said(true, false, &in_words(&queue, if paused { "is paused" } else { "was paused already" })),
        Err(error) => failed(&error),
    }
}

async fn resume(admin: Data<Admin>, request: HttpRequest, act: Json<Act>) -> HttpResponse {
    let queue = queue(&act);
    match admin.store.resume(queue.clone(), by(&request, &act), admin.clock.now()).await {
        Ok(resumed) => {
            admin.wake.changed();
            said(resumed, false, &in_words(&queue, if resumed { "goes on" } else { "is not paused" }))
        }
        Err(error) => failed(&error),
    }
}

fn queue(act: &Act) -> String {
    act.queue.clone().unwrap_or_else(|| ALL.to_owned())
}

/// What became of a queue, for a person.
pub fn in_words(queue: &str, what: &str) -> String {
    if queue == ALL { format!("everything {what}") } else { format!("{queue} {what}") }
}

pub(super) fn said(done: bool, unknown: bool, words: &str) -> HttpResponse {
    match (done, unknown) {
        (true, _) => HttpResponse::Ok().json(json!({ "words": words })),
        (false, true) => HttpResponse::NotFound().json(json!({ "error": "not_found", "message": words })),
        (false, false) => HttpResponse::Conflict().json(json!({ "error": "conflict", "message": words })),
    }
}
