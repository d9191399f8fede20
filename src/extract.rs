//! The [`Webhook`] extractor for actix-web: a handler that takes one cannot forget to verify.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName};
use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError, rt, web};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use futures_util::future::LocalBoxFuture;
use serde::Serialize;

use crate::{Caller, Delivery, ReceiveError, Receiver, Timestamp, VerifyError};

/// A verified delivery, as the argument of a handler.
///
/// The resource it is used in needs an [`Intake`] as `web::Data`. A request that is no delivery never reaches the handler:
/// it is answered with 415, 413, 408, 401 or 400, in this order, and `{"error":"…","message":"…"}`. Other methods are
/// answered with 405 and `Allow` by a resource with a single route, as below. A segment `{secret}` of the resource's path is
/// the path secret: `/hooks/verta/{secret}`.
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
    refused: Option<Arc<OnRefused>>,
}

/// Takes note of a refused request: the id under which it can be found again, if it can.
type OnRefused = dyn Fn(&Refused<'_>) -> Option<String> + Send + Sync;

/// A request that was refused, for who wants to see what came. Everything in it is unverified.
#[derive(Debug)]
#[non_exhaustive]
pub struct Refused<'a> {
    /// Whose delivery it would have been.
    pub receiver: &'a Receiver,
    /// Why it is none.
    pub error: &'a WebhookError,
    /// Who called.
    pub caller: &'a Caller<'a>,
    /// The body, when it was read whole.
    pub body: Option<&'a Bytes>,
    /// When.
    pub at: Timestamp,
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
        Self {
            receiver,
            max_body: 1024 * 1024,
            read_timeout: Duration::from_secs(10),
            clock: Arc::new(clock),
            refused: None,
        }
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

    /// Calls `note` with each request that is refused. The answer to one that is not verified names the id that it gives.
    #[must_use]
    pub fn with_refused(self, note: impl Fn(&Refused<'_>) -> Option<String> + Send + Sync + 'static) -> Self {
        Self { refused: Some(Arc::new(note)), ..self }
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
    /// Not verified, and noted under that id.
    #[error("{0}")]
    Noted(VerifyError, String),
}

impl WebhookError {
    /// The HTTP status to answer with.
    pub fn status(&self) -> u16 {
        self.status_code().as_u16()
    }

    /// The word for it in `{"error":"<word>"}`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::MediaType | Self::ContentEncoding => "unsupported_media_type",
            Self::TooLarge(_) => "body_too_large",
            Self::TooSlow(_) => "timeout",
            Self::BrokenOff => "bad_body",
            Self::NoIntake => "internal",
            Self::Receive(error) => error.word(),
            Self::Noted(error, _) => ReceiveError::Unverified(error.clone()).word(),
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
            Self::Noted(..) => StatusCode::UNAUTHORIZED,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status_code());
        if matches!(self, Self::TooLarge(_) | Self::TooSlow(_) | Self::BrokenOff) {
            // The rest of the body is still on its way and nobody will read it.
            answer.force_close();
        }
        let rejection = if let Self::Noted(_, id) = self { Some(id.as_str()) } else { None };
        answer.json(Said { error: self.word(), message: self.to_string(), rejection })
    }
}

/// What is answered to a request that is no delivery.
#[derive(Serialize)]
struct Said<'a> {
    error: &'a str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejection: Option<&'a str>,
}

impl FromRequest for Webhook {
    type Error = WebhookError;
    type Future = LocalBoxFuture<'static, Result<Self, WebhookError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = payload.take();
        Box::pin(async move {
            let intake = request.app_data::<web::Data<Intake>>().ok_or(WebhookError::NoIntake)?;
            intake.receive(&request, payload).await
        })
    }
}

impl Intake {
    /// What the extractor does. For an extractor of your own that finds the intake by the request, as where registries come
    /// and go while the service runs.
    pub async fn receive(&self, request: &HttpRequest, payload: Payload) -> Result<Webhook, WebhookError> {
        let peer = request.peer_addr().map(|peer| peer.ip());
        self.receive_from(peer, request.match_info().get("secret"), request, payload).await
    }

    /// The same for who knows better than the connection from where it comes, as behind a proxy, and takes the path apart
    /// himself.
    pub async fn receive_from(
        &self,
        peer: Option<IpAddr>,
        path_secret: Option<&str>,
        request: &HttpRequest,
        payload: Payload,
    ) -> Result<Webhook, WebhookError> {
        let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let mut caller = Caller::new(headers);
        if let Some(peer) = peer {
            caller = caller.with_peer(peer);
        }
        if let Some(segment) = path_secret {
            caller = caller.with_path_secret(segment);
        }
        let body = match self.body(request.headers(), payload).await {
            Ok(body) => body,
            Err(error) => return Err(self.refuse(error, &caller, None, (self.clock)())),
        };
        let now = (self.clock)();
        let received = self.receiver.verify_at(&caller, body.clone(), now);
        received.map(Webhook).map_err(|error| self.refuse(error.into(), &caller, Some(&body), now))
    }

    async fn body(&self, headers: &HeaderMap, payload: Payload) -> Result<Bytes, WebhookError> {
        check_head(headers, self.max_body)?;
        rt::time::timeout(self.read_timeout, read(payload, self.max_body))
            .await
            .map_err(|_| WebhookError::TooSlow(self.read_timeout))?
    }

    /// Has it noted. What is answered to who is not verified names the note.
    fn refuse(&self, error: WebhookError, caller: &Caller<'_>, body: Option<&Bytes>, at: Timestamp) -> WebhookError {
        let Some(note) = &self.refused else { return error };
        let id = note(&Refused { receiver: &self.receiver, error: &error, caller, body, at });
        match (error, id) {
            (WebhookError::Receive(ReceiveError::Unverified(why)), Some(id)) => WebhookError::Noted(why, id),
            (error, _) => error,
        }
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
