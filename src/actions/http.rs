//! Requests of an action: one client, to the origin that the settings name, without redirects and proxies, bounded in time and size.

use std::path::PathBuf;
use std::time::Duration;

use base64ct::{Base64, Encoding as _};
use bytes::{Bytes, BytesMut};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Method, Response};
use scanrelay::{Secret, TraceParent};
use serde::de::DeserializeOwned;
use url::{Host, Url};
use zeroize::Zeroizing;

use super::call::Call;
use super::settings::Fault;
use super::template::{climbs, encoded};

/// A bundle of certificates that is longer is none.
const LONGEST_BUNDLE: u64 = 1024 * 1024;
/// Bytes of an answer that are read.
pub const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// Of an address that somebody else writes a part of. It goes into the checkpoint, which has room for 64 KiB.
pub const LONGEST_ADDRESS: usize = 8 * 1024;

/// How to reach a service, as the settings say.
pub struct Reach<'a> {
    /// Scheme, host, port, and perhaps a path under which it lives: `url`.
    pub url: &'a str,
    /// PEM of a private certificate authority: `ca_file`.
    pub ca_file: Option<&'a PathBuf>,
    /// Whether http may leave this machine: `insecure_http`.
    pub insecure_http: bool,
    /// Of one request with its answer: `request_timeout`.
    pub timeout: Duration,
}

/// A client of one service.
pub struct Client {
    inner: reqwest::Client,
    base: Url,
    trace: Option<TraceParent>,
}

/// What is sent.
pub struct Request {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// Bytes of the answer that are read; the rest is left.
    pub most: usize,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Whether that is all of it.
    pub whole: bool,
}

/// A request without an answer.
#[derive(Debug, thiserror::Error)]
#[error("{from}: {cause}")]
pub struct Unreachable {
    from: String,
    cause: String,
    /// Nothing was sent: there was no connection.
    pub unsent: bool,
}

impl Client {
    pub fn new(reach: &Reach<'_>) -> Result<Self, Fault> {
        let base = checked(reach)?;
        let mut client = reqwest::Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(reach.timeout)
            .timeout(reach.timeout)
            .user_agent(concat!("scanrelay/", env!("CARGO_PKG_VERSION")));
        if let Some(path) = reach.ca_file {
            client = client.tls_certs_only(authority(path)?);
        }
        let inner = client.build().map_err(|error| Fault::at("url", words(&error)))?;
        Ok(Self { inner, base, trace: Call::trace() })
    }

    /// The address of those segments below it, each encoded; none of them [leads away](super::template::leads_away).
    pub fn below(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        let path: Vec<String> = segments.iter().map(|segment| encoded(segment)).collect();
        url.set_path(&format!("{}/{}", self.base.path().trim_end_matches('/'), path.join("/")));
        url
    }

    /// The address of a path, and perhaps a query, below it. `None`: it is none, leads elsewhere, or is too long.
    pub fn at(&self, path: &str) -> Option<Url> {
        let url = Url::parse(&format!("{}{path}", self.base.as_str().trim_end_matches('/'))).ok()?;
        // What the parser leaves out would hide the dots from us, and not from it.
        let segments: String = path.split('?').next()?.chars().filter(|c| *c > ' ').collect();
        let below = path.starts_with('/') && !climbs(&segments) && url.origin() == self.base.origin();
        (below && url.fragment().is_none() && url.as_str().len() <= LONGEST_ADDRESS).then_some(url)
    }

    pub async fn send(&self, request: Request) -> Result<Answer, Unreachable> {
        let from = request.url.origin().ascii_serialization();
        let lost = |error: &reqwest::Error| Unreachable {
            from: from.clone(),
            cause: words(error),
            unsent: error.is_connect() || error.is_builder(),
        };
        let mut sent = self.inner.request(request.method, request.url).headers(request.headers);
        if let Some(trace) = self.trace {
            sent = sent.header(TraceParent::HEADER, trace.to_string());
        }
        if !request.body.is_empty() {
            sent = sent.body(request.body);
        }
        let answer = sent.send().await.map_err(|error| lost(&error))?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let (body, whole) = read(answer, request.most).await.map_err(|error| lost(&error))?;
        Ok(Answer { status, headers, body, whole })
    }
}

impl Unreachable {
    /// Of a request that was only to prepare another one, which was not sent then.
    pub fn before(self) -> Self {
        Self { unsent: true, ..self }
    }
}

impl Request {
    pub fn new(method: Method, url: Url) -> Self {
        Self { method, url, headers: HeaderMap::new(), body: Vec::new(), most: MAX_ANSWER }
    }

    pub fn get(url: Url) -> Self {
        Self::new(Method::GET, url)
    }

    pub fn post(url: Url) -> Self {
        Self::new(Method::POST, url)
    }

    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}

impl Answer {
    /// The text of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Its JSON. A fault says nothing of what is in it.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, String> {
        if !self.whole {
            return Err(format!("the answer is longer than {} bytes", self.body.len()));
        }
        serde_json::from_slice(&self.body).map_err(|_| "the answer is not the JSON that was expected".to_owned())
    }
}

/// As much of the body as is wanted, and whether that was all.
async fn read(mut answer: Response, most: usize) -> Result<(Bytes, bool), reqwest::Error> {
    let mut body = BytesMut::new();
    while let Some(chunk) = answer.chunk().await? {
        let room = most - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            return Ok((body.freeze(), false));
        }
    }
    Ok((body.freeze(), true))
}

fn checked(reach: &Reach<'_>) -> Result<Url, Fault> {
    let bad = |cause: &str| Fault::at("url", cause);
    let url = Url::parse(reach.url).map_err(|error| bad(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(bad("it is neither http nor https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("it has a user part: put the login under secrets"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(bad("it has a query or a fragment: write the service's own address"));
    }
    let here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if url.scheme() == "http" && !here && !reach.insecure_http {
        return Err(bad("the login would leave this machine in clear: use https, or say insecure_http = true"));
    }
    Ok(url)
}

fn authority(path: &PathBuf) -> Result<Vec<Certificate>, Fault> {
    let bad = |cause: String| Fault::at("ca_file", cause);
    if !path.is_absolute() {
        return Err(bad(format!("{} is no absolute path", path.display())));
    }
    let unreadable = |error: std::io::Error| bad(format!("{} cannot be read: {error}", path.display()));
    if path.metadata().map_err(unreadable)?.len() > LONGEST_BUNDLE {
        return Err(bad(format!("{} is larger than 1 MiB", path.display())));
    }
    let pem = std::fs::read(path).map_err(unreadable)?;
    let certificates = Certificate::from_pem_bundle(&pem).unwrap_or_default();
    if certificates.is_empty() {
        return Err(bad(format!("{} holds no PEM certificate", path.display())));
    }
    Ok(certificates)
}

/// `Authorization: Basic` (RFC 7617), marked so that it is shown nowhere.
pub fn basic(user: &str, password: &Secret) -> HeaderValue {
    let login = Zeroizing::new([user.as_bytes(), b":", password.expose()].concat());
    let text = Zeroizing::new(format!("Basic {}", Base64::encode_string(&login)));
    let mut value = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("Basic"));
    value.set_sensitive(true);
    value
}

/// A secret as the value of a header, behind a word such as `Bearer `. `None`: no header can carry it.
pub fn carried(before: &str, secret: &Secret) -> Option<HeaderValue> {
    let bytes = Zeroizing::new([before.as_bytes(), secret.expose()].concat());
    let mut value = HeaderValue::from_bytes(&bytes).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The last cause says what happened; the address stays out of it.
fn words(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    if is_unknown_issuer(error) {
        return "the certificate is of an authority that is not known here: set settings.ca_file to its PEM".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    if std::ptr::addr_eq(cause, error) { "the request failed".to_owned() } else { cause.to_string() }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn client(url: &str, insecure_http: bool) -> Result<Client, Fault> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Client::new(&Reach { url, ca_file: None, insecure_http, timeout: Duration::from_secs(1) })
    }

    #[test]
    fn an_address_is_checked_before_anything_is_sent() {
        let check = |url: &str, words: &str| {
            let said = client(url, false).err().map(|fault| fault.to_string()).unwrap_or_default();
            assert!(said.contains(words) && said.is_empty() == words.is_empty(), "{url}: {said}");
        };
        check("https://ci.example.com", "");
        check("https://ci.example.com/jenkins/", "");
        check("http://127.0.0.1:8080", "");
        check("http://localhost:8080/jenkins", "");
        check("http://ci.example.com", "insecure_http = true");
        check("ftp://ci.example.com", "neither http nor https");
        check("https://bot:secret@ci.example.com", "it has a user part");
        check("https://ci.example.com/?a=b", "query");
        check("ci.example.com", "relative URL");
        assert!(client("http://ci.example.com", true).is_ok());
    }

    #[test]
    fn a_path_stays_at_the_service() {
        let client = client("https://api.example.com/v1", false).unwrap();
        let check =
            |path: &str, url: Option<&str>| assert_eq!(client.at(path).as_ref().map(Url::as_str), url, "{path}");
        check("/runs/7?full=1", Some("https://api.example.com/v1/runs/7?full=1"));
        check("//evil.example.com/", Some("https://api.example.com/v1//evil.example.com/"));
        check(".evil.example.com/", None);
        check("@evil.example.com/", None);
        check("/runs#7", None);
        check("/runs?of=../7", Some("https://api.example.com/v1/runs?of=../7"));
        for up in
            ["/../x", "/d/../../x", "/d/..", "/d/..?a=b", "/%2e%2E/x", "/.%2e/x", "/..\\x", "/.\t./x", "/.. ", "/./x"]
        {
            check(up, None);
        }
        check(&format!("/{}", "x".repeat(LONGEST_ADDRESS)), None);
    }

    #[test]
    fn segments_stay_below_the_service() {
        let client = client("https://ci.example.com/jenkins/", false).unwrap();
        let url = client.below(&["job", "a b/c%2e", "job", "é?#"]);
        assert_eq!(url.as_str(), "https://ci.example.com/jenkins/job/a%20b%2Fc%252e/job/%C3%A9%3F%23");
    }
}
