//! The tools for development: bad weather to order, and what was written.

use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::{Answer, Body, Refusal};
use super::date;
use super::registry::Registry;

/// How everything that looks or reports is answered.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fault {
    #[serde(rename = "503")]
    Unavailable,
    #[serde(rename = "401")]
    Unauthenticated,
    #[serde(rename = "garbage")]
    Garbage,
    #[serde(rename = "none")]
    None,
}

impl Fault {
    /// The answer, where there is a fault.
    pub fn answer(self) -> Option<HttpResponse> {
        match self {
            Self::Unavailable => Some(Refusal::unavailable("unavailable, as /dev/faults says").error_response()),
            Self::Unauthenticated => {
                Some(Refusal::unauthenticated("not authenticated, as /dev/faults says").error_response())
            }
            // Such as a login page: well received, and no answer.
            Self::Garbage => {
                Some(HttpResponse::Ok().content_type("text/html").body("<!doctype html><title>Log in</title>"))
            }
            Self::None => None,
        }
    }
}

/// A result or a change that was accepted.
#[derive(Clone, Serialize)]
pub struct Write {
    method: String,
    path: String,
    body: Value,
    at: u64,
}

impl Write {
    pub fn new(request: &HttpRequest, body: Value) -> Self {
        Self { method: request.method().to_string(), path: request.path().to_owned(), body, at: date::now().0 }
    }
}

#[derive(Deserialize)]
pub struct Faults {
    answers: Fault,
}

pub async fn faults(registry: Data<Registry>, Body(asked): Body<Faults>) -> Answer {
    registry.state().fault = asked.answers;
    Ok(Json(json!({ "answers": asked.answers })))
}

pub async fn writes(registry: Data<Registry>) -> Answer {
    let writes = registry.state().writes.clone();
    Ok(Json(json!(writes)))
}
