//! Answers: JSON always, and errors in the shape of the API that they come from.

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::{FromRequest, HttpRequest, HttpResponse, Resource, ResponseError, web};
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// What a handler returns.
pub type Answer = Result<web::Json<Value>, Refusal>;

/// The longest body that is read.
pub const MAX_BODY: usize = 1024 * 1024;

/// An error as the registry words it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    kind: Kind,
    message: String,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Grpc(StatusCode, u16),
    /// The deployment API is no gRPC service.
    Deployment,
}

impl Refusal {
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::grpc(StatusCode::BAD_REQUEST, 3, message)
    }

    pub fn unknown(what: &str, id: impl std::fmt::Display) -> Self {
        Self::grpc(StatusCode::NOT_FOUND, 5, format!("there is no {what} {id}"))
    }

    pub fn no_path() -> Self {
        Self::grpc(StatusCode::NOT_FOUND, 5, "there is nothing at this path")
    }

    pub fn taken(message: impl Into<String>) -> Self {
        Self::grpc(StatusCode::CONFLICT, 6, message)
    }

    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::grpc(StatusCode::FORBIDDEN, 7, message)
    }

    /// Not now: something else has to happen first.
    pub fn too_early(message: impl Into<String>) -> Self {
        Self::grpc(StatusCode::BAD_REQUEST, 9, message)
    }

    pub fn wrong_method(allowed: &str) -> Self {
        Self::grpc(StatusCode::METHOD_NOT_ALLOWED, 12, format!("this path takes {allowed} only"))
    }

    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::grpc(StatusCode::SERVICE_UNAVAILABLE, 14, message)
    }

    pub fn unauthenticated(message: impl Into<String>) -> Self {
        Self::grpc(StatusCode::UNAUTHORIZED, 16, message)
    }

    /// A request that the deployment API understands and does not take.
    pub fn unprocessable(message: impl Into<String>) -> Self {
        Self { kind: Kind::Deployment, message: message.into() }
    }

    pub fn too_large(what: &str, limit: usize) -> Self {
        Self::grpc(StatusCode::PAYLOAD_TOO_LARGE, 8, format!("{what} would be larger than {limit} bytes"))
    }

    fn grpc(status: StatusCode, code: u16, message: impl Into<String>) -> Self {
        Self { kind: Kind::Grpc(status, code), message: message.into() }
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        match self.kind {
            Kind::Grpc(status, _) => status,
            Kind::Deployment => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status_code());
        if self.status_code() == StatusCode::PAYLOAD_TOO_LARGE {
            // The rest of the body is still on its way and nobody will read it.
            answer.force_close();
        }
        answer.json(match self.kind {
            Kind::Grpc(_, code) => {
                json!({ "error": self.message, "code": code, "message": self.message, "details": [] })
            }
            Kind::Deployment => json!({ "code": 422, "message": self.message }),
        })
    }
}

/// A JSON body, whatever its content type is called; an empty one is `{}`.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Body<T> {
    type Error = Refusal;
    type Future = LocalBoxFuture<'static, Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = web::Bytes::from_request(request, payload);
        Box::pin(async move {
            let bytes = bytes.await.map_err(|error| match error.as_response_error().status_code() {
                StatusCode::PAYLOAD_TOO_LARGE => Refusal::too_large("the body", MAX_BODY),
                _ => Refusal::invalid("the body broke off"),
            })?;
            let bytes = if bytes.is_empty() { b"{}" } else { bytes.as_ref() };
            serde_json::from_slice(bytes).map(Self).map_err(|error| Refusal::invalid(format!("the body: {error}")))
        })
    }
}

/// A path that refuses other methods in words.
pub fn at<R: ResponseError + 'static>(path: &str, allowed: &'static str, refused: fn(&'static str) -> R) -> Resource {
    web::resource(path.to_owned()).default_service(web::to(move || async move {
        let mut answer = refused(allowed).error_response();
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
        answer
    }))
}
