//! What the operator says about a service.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::call::Call;
use crate::fields::Fields;
use crate::http::{Client, Reach, carried};
use crate::settings::{Fault, Span};
use crate::template::Template;

/// As written. plugins/http/README.md says what each is for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    url: String,
    path: Template,
    #[serde(default)]
    method: Verb,
    #[serde(default)]
    headers: BTreeMap<String, Header>,
    #[serde(default)]
    body: Fields,
    #[serde(default)]
    fixed: Map<String, Value>,
    idempotency_header: Option<String>,
    #[serde(default)]
    idempotent: bool,
    id: Option<Pointer>,
    poll: Option<Template>,
    #[serde(default)]
    poll_location: bool,
    state: Option<Pointer>,
    #[serde(default)]
    done: Vec<String>,
    #[serde(default)]
    failed: Vec<String>,
    forward: Option<Forward>,
    summary: Option<Pointer>,
    ca_file: Option<PathBuf>,
    #[serde(default)]
    insecure_http: bool,
    request_timeout: Option<Span>,
    poll_first: Option<Span>,
    poll_most: Option<Span>,
    settle: Option<Span>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Verb {
    #[default]
    Post,
    Put,
    Patch,
}

/// The value of a header.
#[derive(Deserialize)]
#[serde(untagged, expecting = "it is neither a text nor { secret = \"NAME\", before = \"Bearer \" }")]
enum Header {
    Text(String),
    Secret(OfSecret),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfSecret {
    secret: String,
    #[serde(default)]
    before: String,
}

/// A JSON pointer (RFC 6901) into an answer.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Pointer(String);

impl TryFrom<String> for Pointer {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.is_empty() || text.starts_with('/') { Ok(Self(text)) } else { Err("a JSON pointer begins with /") }
    }
}

impl Pointer {
    /// What stands there, where it is a text, a number or a truth value.
    pub fn find(&self, answer: &Value) -> Option<String> {
        match answer.pointer(&self.0)? {
            Value::String(text) => Some(text.clone()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
            other => Some(other.to_string()),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where the promoted model is, once it is done.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Forward {
    /// Where the answer says.
    Pointer(Pointer),
    /// At this address.
    Url(Template),
}

/// How it is asked how it goes on.
pub enum Ask {
    /// It is not: the answer to the call is the end.
    Nothing,
    /// At this path, with the id that stands there in the answer to the call.
    Path(Template, Option<Pointer>),
    /// Where the answer's `Location` leads.
    Location,
}

/// The settings of one service, checked.
pub struct Settings {
    pub client: Client,
    pub path: Template,
    pub method: Method,
    pub headers: HeaderMap,
    pub body: Fields,
    pub fixed: Map<String, Value>,
    /// Where the run's id goes.
    pub key: HeaderName,
    /// Whether the service takes calls with the same key for one.
    pub idempotent: bool,
    pub ask: Ask,
    pub state: Option<Pointer>,
    pub done: Vec<String>,
    pub failed: Vec<String>,
    pub forward: Option<Forward>,
    pub summary: Option<Pointer>,
    pub poll_first: Duration,
    pub poll_most: Duration,
    pub settle: Duration,
}

impl Settings {
    pub fn of(call: &Call) -> Result<Self, Fault> {
        let written: Written = call.settings()?;
        let reach = Reach {
            url: &written.url,
            ca_file: written.ca_file.as_ref(),
            insecure_http: written.insecure_http,
            timeout: Span::within_an_hour("request_timeout", written.request_timeout, 15)?,
        };
        let ask = match (written.poll, written.poll_location) {
            (None, false) => Ask::Nothing,
            (Some(path), false) => Ask::Path(path, written.id),
            (None, true) => Ask::Location,
            (Some(_), true) => {
                return Err(Fault::at("poll_location", "poll says where to ask already: keep one of them"));
            }
        };
        if written.state.is_some() == written.done.is_empty() {
            return Err(Fault::at(
                "done",
                "state and done go together: where the state stands, and the words that mean done",
            ));
        }
        if written.state.is_none() && !matches!(ask, Ask::Nothing) {
            return Err(Fault::at("state", "it is missing: where in the answer does it stand how far it is?"));
        }
        if let Some(word) = written.done.iter().find(|word| written.failed.contains(word)) {
            return Err(Fault::at("failed", format!("{word:?} cannot mean both done and failed")));
        }
        let key = written.idempotency_header.as_deref().unwrap_or("Idempotency-Key");
        let key = HeaderName::from_bytes(key.as_bytes())
            .map_err(|_| Fault::at("idempotency_header", "it is no header's name"))?;
        Ok(Self {
            client: Client::new(&reach)?,
            path: written.path,
            method: match written.method {
                Verb::Post => Method::POST,
                Verb::Put => Method::PUT,
                Verb::Patch => Method::PATCH,
            },
            headers: headers(&written.headers, &key)?,
            body: written.body,
            fixed: written.fixed,
            key,
            idempotent: written.idempotent,
            ask,
            state: written.state,
            done: written.done,
            failed: written.failed,
            forward: written.forward,
            summary: written.summary,
            poll_first: Span::within_an_hour("poll_first", written.poll_first, 1)?,
            poll_most: Span::within_an_hour("poll_most", written.poll_most, 15)?,
            settle: Span::within_an_hour("settle", written.settle, 10)?,
        })
    }
}

fn headers(written: &BTreeMap<String, Header>, key: &HeaderName) -> Result<HeaderMap, Fault> {
    let mut headers = HeaderMap::new();
    for (name, value) in written {
        let at = |cause: String| Fault::at(format!("headers.{name}"), cause);
        let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| at("it is no header's name".to_owned()))?;
        if parsed == *key {
            return Err(at("the run's id goes there: name another idempotency_header".to_owned()));
        }
        let value = match value {
            Header::Text(text) => HeaderValue::from_str(text).map_err(|_| at("no header can carry it".to_owned()))?,
            Header::Secret(OfSecret { secret, before }) => {
                let found = Call::secret(secret);
                let found =
                    found.ok_or_else(|| at(format!("{secret} is missing: give it under secrets of the plugin")))?;
                carried(before, &found).ok_or_else(|| {
                    at(format!("{secret} has bytes that no header can carry: check for a line feed in it"))
                })?
            }
        };
        headers.insert(parsed, value);
    }
    Ok(headers)
}
