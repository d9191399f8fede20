//! Requests to registries, over HTTP and nothing else: one client per registry, to its configured origin only.
//!
//! Redirects are not followed, environment proxies are not used, answers are read up to a limit, and the credentials are
//! added here, where the origin is fixed.

use std::borrow::Cow;
use std::time::Duration;

use base64ct::{Base64, Encoding as _};
use bytes::{Bytes, BytesMut};
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, SERVER};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, Method, Proxy, Response};
use scanrelay::registry::{Exchange, Request};
use scanrelay::{Secret, Timestamp, TraceParent};
use url::Url;
use zeroize::Zeroizing;

/// `Retry-After` counts up to this.
const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(1);

/// How to reach one registry.
pub struct Target {
    /// Its key in the configuration, for messages: `registries.verta`.
    pub key: String,
    /// Scheme, host, port, and perhaps a path under which the registry lives.
    pub url: Url,
    pub credentials: Vec<(Cow<'static, str>, Secret)>,
    pub timeout: Duration,
    pub max_answer: usize,
    /// PEM of a private certificate authority; the system's are trusted otherwise.
    pub authority: Option<Vec<u8>>,
    pub proxy: Option<Via>,
}

/// A forward proxy. To an https registry it carries what it cannot read.
pub struct Via {
    pub url: Url,
    /// A user and a password.
    pub login: Option<(String, Secret)>,
}

/// A client for one registry.
pub struct Writeback {
    client: Client,
    base: String,
    headers: HeaderMap,
    max_answer: usize,
    reasons: Reasons,
}

/// A request without a usable answer.
#[derive(Debug, thiserror::Error)]
#[error("{request}: {cause}")]
pub struct Unreachable {
    request: String,
    cause: String,
}

/// A client that cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("{key}: {cause}")]
pub struct BadTarget {
    key: String,
    cause: String,
}

/// An answer, and when the registry wants to be asked again.
pub struct Answer {
    pub exchange: Exchange,
    pub retry_after: Option<Duration>,
    /// The answering server's name for itself.
    pub server: Option<String>,
    /// Its clock.
    pub date: Option<Timestamp>,
}

impl Target {
    /// The headers that say who we are, for this origin only.
    pub fn headers(&self) -> Result<HeaderMap, BadTarget> {
        let mut headers = HeaderMap::new();
        for (name, secret) in &self.credentials {
            let name =
                HeaderName::from_bytes(name.as_bytes()).map_err(|_| self.bad(format!("{name} is no header name")))?;
            let mut value = HeaderValue::from_bytes(secret.expose()).map_err(|_| {
                self.bad("a credential has bytes that no header can carry: check for a line feed in it".to_owned())
            })?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(headers)
    }

    /// A client for this origin.
    pub fn client(&self) -> Result<ClientBuilder, BadTarget> {
        let mut client = plain_client(self.timeout);
        if let Some(certificates) = self.certificates()? {
            client = client.tls_certs_only(certificates);
        }
        if let Some(proxy) = &self.proxy {
            let mut through =
                Proxy::all(proxy.url.clone()).map_err(|_| self.bad("proxy is no proxy's URL".to_owned()))?;
            if let Some((user, password)) = &proxy.login {
                through = through.custom_http_auth(basic(user, password));
            }
            client = client.proxy(through);
        }
        Ok(client)
    }

    /// The private certificate authority's.
    pub fn certificates(&self) -> Result<Option<Vec<Certificate>>, BadTarget> {
        let read = |pem: &Vec<u8>| {
            Certificate::from_pem_bundle(pem).map_err(|_| self.bad("ca_file holds no PEM certificate".to_owned()))
        };
        self.authority.as_ref().map(read).transpose()
    }

    /// What to say of a request that got no answer.
    pub fn reasons(&self) -> Reasons {
        Reasons { key: self.key.clone(), proxied: self.proxy.is_some() }
    }

    pub fn bad(&self, cause: String) -> BadTarget {
        BadTarget { key: self.key.clone(), cause }
    }
}

/// A client that goes where it is told and nowhere else: no redirect, no proxy of the environment.
pub fn plain_client(timeout: Duration) -> ClientBuilder {
    Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .connect_timeout(timeout.min(Duration::from_secs(10)))
        .user_agent(concat!("scanrelay/", env!("CARGO_PKG_VERSION")))
}

impl Writeback {
    pub fn new(target: &Target) -> Result<Self, BadTarget> {
        let headers = target.headers()?;
        let client = target.client()?.timeout(target.timeout);
        Ok(Self {
            client: client.build().map_err(|error| target.bad(words(&error)))?,
            base: target.url.as_str().trim_end_matches('/').to_owned(),
            headers,
            max_answer: target.max_answer,
            reasons: target.reasons(),
        })
    }

    /// Sends one request and reads its answer. `trace` names whom it is done for.
    pub async fn send(&self, request: &Request, trace: Option<TraceParent>) -> Result<Answer, Unreachable> {
        let unreachable = |cause: String| Unreachable { request: request.to_string(), cause };
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| unreachable("it is no HTTP method".to_owned()))?;
        let mut sent =
            self.client.request(method, format!("{}{}", self.base, request.path)).headers(self.headers.clone());
        if let Some(trace) = trace {
            sent = sent.header(TraceParent::HEADER, trace.to_string());
        }
        if let Some(body) = &request.body {
            sent = sent.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        let answer = sent.send().await.map_err(|error| unreachable(self.reasons.words(&error)))?;
        let status = answer.status().as_u16();
        if status == 407 {
            return Err(unreachable(self.reasons.not_let_through()));
        }
        let retry_after = retry_after(answer.headers());
        let server = answer.headers().get(SERVER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let date = answer.headers().get(DATE).and_then(|value| value.to_str().ok());
        let date = date.and_then(|text| httpdate::parse_http_date(text).ok()).map(Timestamp::from);
        let body = self.read(answer).await.map_err(unreachable)?;
        Ok(Answer { exchange: Exchange::new(request.clone(), status, body), retry_after, server, date })
    }

    async fn read(&self, mut answer: Response) -> Result<Bytes, String> {
        let mut body = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| words(&error))? {
            if body.len() + chunk.len() > self.max_answer {
                return Err(format!("the answer is longer than {} bytes", self.max_answer));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }
}

/// Seconds only (RFC 9110 section 10.2.3): a date would need the registry's clock to agree with ours.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_RETRY_AFTER))
}

/// A user and a password as a header has them (RFC 7617). Base64 is text that every header can carry.
pub fn basic(user: &str, password: &Secret) -> HeaderValue {
    let login = Zeroizing::new([user.as_bytes(), b":", password.expose()].concat());
    let encoded = Zeroizing::new(format!("Basic {}", Base64::encode_string(&login)));
    let mut value = HeaderValue::from_str(&encoded).unwrap_or(HeaderValue::from_static("Basic"));
    value.set_sensitive(true);
    value
}

/// Why a request got no answer, with the key to look at.
pub struct Reasons {
    key: String,
    proxied: bool,
}

impl Reasons {
    pub fn words(&self, error: &reqwest::Error) -> String {
        let said = words(error);
        if is_unknown_issuer(error) {
            return format!(
                "the certificate is of an authority that is not known here: set {}.ca_file to its PEM",
                self.key
            );
        }
        if self.proxied && error.is_connect() {
            return format!("{said} (through {}.proxy)", self.key);
        }
        said
    }

    /// For a proxy's own answer, 407.
    pub fn not_let_through(&self) -> String {
        format!("the proxy does not let us through: check the user and password of {}.proxy", self.key)
    }
}

fn is_unknown_issuer(error: &reqwest::Error) -> bool {
    matches!(tls_fault(error), Some(rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer)))
}

/// What TLS said, wherever it is. An I/O error stands for the one that it was made of, and `source` goes past that.
fn tls_fault<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    if let Some(found) = error.downcast_ref() {
        return Some(found);
    }
    match error.downcast_ref::<std::io::Error>() {
        Some(error) => tls_fault(error.get_ref()?),
        None => tls_fault(error.source()?),
    }
}

/// The last cause says what happened; the URL stays out, it may hold what a log should not.
pub fn words(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    if cause.source().is_none() && std::ptr::addr_eq(cause, error) {
        "the request failed".to_owned()
    } else {
        cause.to_string()
    }
}

#[cfg(test)]
pub mod script;
#[cfg(test)]
mod tests;
