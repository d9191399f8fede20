//! Errors as MLflow words them.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, Resource, ResponseError, web};
use serde_json::{Value, json};

use crate::emulator::answer;

/// What a handler returns.
pub type Answer = Result<web::Json<Value>, Refusal>;

/// `{"error_code":…,"message":…}`.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refusal {
    pub fn invalid(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: "INVALID_PARAMETER_VALUE", message: message.into() }
    }

    pub fn unknown(message: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, code: "RESOURCE_DOES_NOT_EXIST", message: message.into() }
    }

    pub fn taken(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: "RESOURCE_ALREADY_EXISTS", message: message.into() }
    }

    /// MLflow's own server answers this, and another method than an endpoint's, with a page.
    pub fn no_endpoint() -> Self {
        let message = "this registry has no such endpoint".to_owned();
        Self { status: StatusCode::NOT_FOUND, code: "ENDPOINT_NOT_FOUND", message }
    }
}

/// What is refused before it is read, such as a body that is too long.
impl From<answer::Refusal> for Refusal {
    fn from(refused: answer::Refusal) -> Self {
        let (status, message) = (refused.status_code(), refused.to_string());
        let code = if status == StatusCode::PAYLOAD_TOO_LARGE {
            "RESOURCE_LIMIT_EXCEEDED"
        } else {
            return Self::invalid(message);
        };
        Self { status, code, message }
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status);
        if self.status == StatusCode::PAYLOAD_TOO_LARGE {
            // The rest of the body is still on its way and nobody will read it.
            answer.force_close();
        }
        answer.json(json!({ "error_code": self.code, "message": self.message }))
    }
}

/// A path that refuses other methods in words.
pub fn at(path: &str, allowed: &'static str) -> Resource {
    answer::at(path, allowed, |allowed| Refusal {
        status: StatusCode::METHOD_NOT_ALLOWED,
        code: "ENDPOINT_NOT_FOUND",
        message: format!("this path takes {allowed} only"),
    })
}
