//! Answers, and errors in grpc-gateway's shape (`{"error","code","message","details"}`).

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde_json::{Value, json};

pub(super) type Answer = Result<Value, Fault>;

/// Why a call was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Invalid(String),
    Unauthenticated,
    Forbidden(String),
    NotFound(String),
    Exists(String),
    /// The order of things forbids it.
    Precondition(String),
    /// The deployment service's word for a bad value.
    Unprocessable(String),
    Unavailable(String),
    Method,
    TooLarge,
    /// A login page instead of an answer.
    Garbage,
}

impl Fault {
    /// HTTP status, gRPC code, message.
    fn parts(&self) -> (u16, u16, &str) {
        match self {
            Self::Invalid(message) => (400, 3, message),
            Self::Unauthenticated => (401, 16, "the header Grpc-Metadata-email is missing"),
            Self::Forbidden(message) => (403, 7, message),
            Self::NotFound(message) => (404, 5, message),
            Self::Exists(message) => (409, 6, message),
            Self::Precondition(message) => (400, 9, message),
            Self::Unprocessable(message) => (422, 422, message),
            Self::Unavailable(message) => (503, 14, message),
            Self::Method => (405, 12, "this path does not take that method"),
            Self::TooLarge => (413, 8, "the body is longer than 1 MiB"),
            Self::Garbage => (200, 0, ""),
        }
    }

    pub(super) fn response(&self) -> HttpResponse {
        let (status, code, message) = self.parts();
        let mut response =
            HttpResponse::build(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
        match self {
            Self::Garbage => response.content_type("text/html").body("<!doctype html><title>Log in</title>"),
            Self::Unprocessable(_) => response.json(json!({ "code": code, "message": message })),
            _ => response.json(json!({ "error": message, "code": code, "message": message, "details": [] })),
        }
    }
}
