//! Errors as Comet words them, and bodies whose errors are such.

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, HttpResponse, Resource, ResponseError, web};
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::emulator::answer::{self, Body};

/// What a handler returns.
pub type Answer = Result<web::Json<Value>, Refusal>;

/// `{"msg":…,"sdk_error_code":…}`.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    status: StatusCode,
    message: String,
}

impl Refusal {
    pub fn invalid(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: message.into() }
    }

    pub fn unknown(what: impl std::fmt::Display) -> Self {
        Self { status: StatusCode::NOT_FOUND, message: format!("there is no {what}") }
    }

    pub fn nobody() -> Self {
        let message = "the header Authorization is missing: it is the API key".to_owned();
        Self { status: StatusCode::UNAUTHORIZED, message }
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status).json(json!({ "msg": self.message, "sdk_error_code": 0 }))
    }
}

/// A JSON body.
pub struct Told<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Told<T> {
    type Error = Refusal;
    type Future = LocalBoxFuture<'static, Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = Body::<T>::from_request(request, payload);
        Box::pin(async move {
            let told = body.await.map(|Body(told)| Self(told));
            told.map_err(|refused| Refusal { status: refused.status_code(), message: refused.to_string() })
        })
    }
}

/// A path that refuses other methods in words.
pub fn at(path: &str, allowed: &'static str) -> Resource {
    answer::at(path, allowed, |allowed| Refusal {
        status: StatusCode::METHOD_NOT_ALLOWED,
        message: format!("this path takes {allowed} only"),
    })
}
