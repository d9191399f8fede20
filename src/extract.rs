//! The [`Webhook`] extractor for actix-web: a handler that takes one cannot forget to verify.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName};
use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError, rt, web};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use futures_util::future::LocalBoxFuture;

use crate::{Caller, Delivery, ReceiveError, Receiver, Timestamp};

/// A verified delivery, as the argument of a handler.
///
/// The resource it is used in needs an [`Intake`] as `web::Data`. A request that is no delivery never reaches the handler:
/// it is answered with 415, 413, 408, 401 or 400, in this order, and `{"error":"…","message":"…"}`. Other methods are
/// answered with 405 and `Allow` by a resource with a single route, as below.
///
/// ```
/// use actix_web::{HttpResponse, web};
/// use scanrelay::extract::{Intake, Webhook};
///
/// async fn receive(Webhook(delivery): Webhook) -> HttpResponse {
///     println!("{} happened", delivery.event().kind);
///     HttpResponse::Accepted().finish()
/// }
///
/// fn routes(intake: Intake) -> actix_web::Resource {
///     web::resource("/hooks/verta").app_data(web::Data::new(intake)).route(web::post().to(receive))
/// }
/// ```
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "a handler takes it apart in its argument")]
pub struct Webhook(pub Delivery);

/// How deliveries of one registry are taken in.
#[derive(Clone)]
pub struct Intake {
    receiver: Arc<Receiver>,
    max_body: usize,
    read_timeout: Duration,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl fmt::Debug for Intake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Intake").field("registry", &self.receiver.name()).finish_non_exhaustive()
    }
}

impl Intake {
    /// Bodies up to 1 MiB that arrive within 10 s, on the system's clock.
    pub fn new(receiver: Arc<Receiver>) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "signatures are dated by the sender's clock, so they are checked by the wall clock"
        )]
        let clock = || Timestamp::from(std::time::SystemTime::now());
        Self { receiver, max_body: 1024 * 1024, read_timeout: Duration::from_secs(10), clock: Arc::new(clock) }
    }

    /// Bodies up to `bytes`. An announced length above it is answered with 413 before anything is read.
    #[must_use]
    pub fn with_max_body(self, bytes: usize) -> Self {
        Self { max_body: bytes, ..self }
    }

    /// Bodies that arrive whole within `timeout` of their headers, else 408.
    #[must_use]
    pub fn with_read_timeout(self, timeout: Duration) -> Self {
        Self { read_timeout: timeout, ..self }
    }

    /// Another wall clock, for tests.
    #[must_use]
    pub fn with_clock(self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    /// Whose deliveries.
    pub fn receiver(&self) -> &Receiver {
        &self.receiver
    }
}

/// Why a request did not become a [`Webhook`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// The `Content-Type` is missing, repeated or not JSON's.
    #[error("the content type must be application/json")]
    MediaType,
    /// The body is compressed, so its bytes are not the signed ones.
    #[error("the content encoding must be identity")]
    ContentEncoding,
    /// The body is longer than so many bytes.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    /// The body did not arrive within that time.
    #[error("the body did not arrive within {} s", .0.as_secs())]
    TooSlow(Duration),
    /// The connection broke, or the request is not well-formed.
    #[error("the body broke off")]
    BrokenOff,
    /// No [`Intake`] is in the resource's data: a fault of the program.
    #[error("this path has no intake")]
    NoIntake,
    /// Not verified, or not a webhook's body.
    #[error(transparent)]
    Receive(#[from] ReceiveError),
}

impl WebhookError {
    /// The word for it in `{"error":"<word>"}`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::MediaType | Self::ContentEncoding => "unsupported_media_type",
            Self::TooLarge(_) => "body_too_large",
            Self::TooSlow(_) => "timeout",
            Self::BrokenOff => "bad_body",
            Self::NoIntake => "internal",
            Self::Receive(error) => error.word(),
        }
    }
}

impl ResponseError for WebhookError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::MediaType | Self::ContentEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow(_) => StatusCode::REQUEST_TIMEOUT,
            Self::BrokenOff => StatusCode::BAD_REQUEST,
            Self::NoIntake => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Receive(error) => StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST),
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status_code());
        if matches!(self, Self::TooLarge(_) | Self::TooSlow(_) | Self::BrokenOff) {
            // The rest of the body is still on its way and nobody will read it.
            answer.force_close();
        }
        answer.json(serde_json::json!({ "error": self.word(), "message": self.to_string() }))
    }
}

impl FromRequest for Webhook {
    type Error = WebhookError;
    type Future = LocalBoxFuture<'static, Result<Self, WebhookError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = payload.take();
        Box::pin(async move {
            let intake = request.app_data::<web::Data<Intake>>().ok_or(WebhookError::NoIntake)?;
            check_head(request.headers(), intake.max_body)?;
            let body = rt::time::timeout(intake.read_timeout, read(payload, intake.max_body))
                .await
                .map_err(|_| WebhookError::TooSlow(intake.read_timeout))??;
            let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
            let mut caller = Caller::new(headers);
            if let Some(peer) = request.peer_addr() {
                caller = caller.with_peer(peer.ip());
            }
            Ok(Self(intake.receiver.verify_at(&caller, body, (intake.clock)())?))
        })
    }
}

/// Looks at every value of a header: which of several a reader believes is not to be left to chance.
fn check_head(headers: &HeaderMap, max_body: usize) -> Result<(), WebhookError> {
    let values = |name: HeaderName| headers.get_all(name).map(|value| value.to_str().unwrap_or_default());
    let json = |media_type: &str| {
        let essence = media_type.split(';').next().unwrap_or_default();
        essence.trim().eq_ignore_ascii_case("application/json")
    };
    if values(CONTENT_TYPE).count() != 1 || !values(CONTENT_TYPE).all(json) {
        return Err(WebhookError::MediaType);
    }
    if !values(CONTENT_ENCODING).all(|encoding| encoding.trim().eq_ignore_ascii_case("identity")) {
        return Err(WebhookError::ContentEncoding);
    }
    if values(CONTENT_LENGTH).filter_map(|length| length.parse().ok()).any(|length: usize| length > max_body) {
        return Err(WebhookError::TooLarge(max_body));
    }
    Ok(())
}

async fn read(mut payload: Payload, max_body: usize) -> Result<Bytes, WebhookError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| WebhookError::BrokenOff)?;
        if body.len() + chunk.len() > max_body {
            return Err(WebhookError::TooLarge(max_body));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

#[cfg(test)]
mod tests;
