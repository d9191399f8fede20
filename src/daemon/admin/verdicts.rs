//! What was said of a thing, and the findings that somebody has answered for.

use actix_web::web::{self, Data, Json, Path, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, guard};
use scanrelay::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tracing::info;

use super::acts::{Act, by, said};
use super::{Admin, answer, failed};
use crate::daemon::digest::Digest;
use crate::daemon::store::{Revoked, Subject};
use crate::daemon::verdict::NewWaiver;

/// Of what: a digest, or what a registry calls it.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Asked {
    pub digest: Option<Digest>,
    pub subject: Option<String>,
    pub registry: Option<String>,
}

impl Asked {
    /// `None`: it names nothing.
    pub fn subject(self) -> Option<Subject> {
        match self {
            Self { digest: Some(digest), subject: None, registry: None } => Some(Subject::Digest(digest)),
            Self { digest: None, subject: Some(subject), registry } => Some(Subject::Named { subject, registry }),
            _ => None,
        }
    }
}

/// A waiver as it is asked for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waive {
    pub digest: Digest,
    pub finding: String,
    pub until: Timestamp,
    pub reason: String,
}

impl Waive {
    /// Within its bounds, or what is wrong with it.
    pub fn checked(self, now: Timestamp) -> Result<NewWaiver, String> {
        NewWaiver::new(self.digest, self.finding, self.until, self.reason, now)
    }
}

pub(super) async fn verdicts(admin: Data<Admin>, asked: Query<Asked>) -> HttpResponse {
    match asked.into_inner().subject() {
        Some(subject) => answer(admin.store.standings(subject).await.map(Some)),
        None => HttpResponse::BadRequest().json(json!({
            "error": "bad_request", "message": "ask with digest=, or with subject= and, where several have it, registry=",
        })),
    }
}

pub(super) async fn waivers(admin: Data<Admin>) -> HttpResponse {
    answer(admin.store.waivers().await.map(Some))
}

pub(super) fn acts(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/api/v1/waivers")
                .route(web::to(waivers).guard(guard::Get()))
                .route(web::to(waive).guard(guard::Post())),
        )
        .service(web::resource("/api/v1/waivers/{id}/revoke").route(web::to(revoke).guard(guard::Post())));
}

async fn waive(admin: Data<Admin>, request: HttpRequest, asked: Json<Waive>) -> HttpResponse {
    let (uid, now) = (by(&request, &Act::default()).uid, admin.clock.now());
    let new = match asked.into_inner().checked(now) {
        Ok(new) => new,
        Err(message) => return said(false, false, &message),
    };
    match admin.store.waive(new.clone(), uid, now).await {
        Ok(waiver) => {
            let (digest, finding, until, _) = new.parts();
            info!(waiver, %digest, finding, until = until.to_rfc3339(), uid, "a finding was waived by hand");
            HttpResponse::Ok().json(json!({ "waiver": waiver }))
        }
        Err(error) => failed(&error),
    }
}

async fn revoke(admin: Data<Admin>, request: HttpRequest, id: Path<i64>, act: Json<Act>) -> HttpResponse {
    let by = by(&request, &act);
    let uid = by.uid;
    match admin.store.revoke(*id, by, admin.clock.now()).await {
        Ok(revoked) => {
            if revoked == Revoked::Yes {
                info!(waiver = *id, uid, "a waiver was revoked by hand");
            }
            said(revoked == Revoked::Yes, revoked == Revoked::Unknown, &revoked.in_words(*id))
        }
        Err(error) => failed(&error),
    }
}
