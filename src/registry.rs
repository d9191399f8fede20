//! Registries: what each sends, read into the neutral [`Event`], and what each accepts back, written as steps.
//!
//! One file per registry. Everything here is a pure function: [`Registry::next`] says which request comes next, given what
//! was answered so far, and whoever has a network sends it. So a write-back can read before it writes, merge, and compare
//! afterwards, and all of it can be tested without a socket.

use std::fmt;

use bytes::Bytes;

use crate::event::Payload;
use crate::plugin::{Status, Verdict};
use crate::{BodyError, Caller, Event, EventKind, Secret};

mod answer;
mod object;
pub mod verta;

pub use verta::Verta;

/// A kind of registry with what it needs to know to be spoken to.
///
/// Whoever has a network sends each request and asks again with its answer:
///
/// ```
/// use scanrelay::plugin::Verdict;
/// use scanrelay::registry::{Exchange, Outcome, Request, Step, Verta};
/// use scanrelay::{Event, EventKind, Registry};
///
/// fn send(request: &Request) -> (u16, &'static str) {
///     assert_eq!(request.to_string(), "PUT /api/v1/deployment/workspace/acme/builds/5150/scan");
///     (200, r#"{"scan_status":"scanned","safety_status":"safe"}"#)
/// }
///
/// let mut verta = Verta::default();
/// verta.workspace = Some("acme".into());
/// let registry = Registry::Verta(verta);
/// let mut event = Event::new(EventKind::ScanRequest, "verta");
/// event.build.id = Some("5150".into());
/// let outcome = Outcome::Scanned { verdict: Verdict::Safe, summary: None, url: None };
///
/// let mut seen = Vec::new();
/// let end = loop {
///     match registry.next(&event, &outcome, &seen) {
///         Step::Send(request) => {
///             let (status, body) = send(&request);
///             seen.push(Exchange::new(request, status, body));
///         }
///         end => break end,
///     }
/// };
/// assert_eq!(end, Step::Done);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Registry {
    /// Verta.
    Verta(Verta),
}

/// What the registry is to be told.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "tell", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// A scan has begun.
    Scanning,
    /// A scan has ended.
    Scanned {
        /// What the registry is told; [`Verdict::Inconclusive`] and [`Verdict::Error`] are its word for "no result".
        verdict: Verdict,
        /// In one sentence.
        summary: Option<String>,
        /// Where to read more.
        url: Option<String>,
    },
    /// A promotion's actions have begun.
    InProgress,
    /// A promotion's actions have ended.
    Promoted {
        /// How.
        status: Status,
        /// In one sentence.
        summary: Option<String>,
        /// Where the model is now.
        url: Option<String>,
    },
}

impl Outcome {
    /// Whether it is an end, not a word on the way.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Scanned { .. } | Self::Promoted { .. })
    }
}

/// One HTTP request to the registry. It has a path and no host: requests go to the configured origin only.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// `GET`, `PUT`, …
    pub method: String,
    /// From the root of the registry's URL, with every id percent-encoded.
    pub path: String,
    /// A JSON document, or nothing.
    pub body: Option<String>,
}

/// A request and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exchange {
    /// What was asked.
    pub request: Request,
    /// The HTTP status.
    pub status: u16,
    /// The answer's body, as far as it was read.
    pub body: Bytes,
}

impl Exchange {
    /// The request and its answer.
    pub fn new(request: Request, status: u16, body: impl Into<Bytes>) -> Self {
        Self { request, status, body: body.into() }
    }
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Send this, and ask again with its answer.
    Send(Request),
    /// The registry knows.
    Done,
    /// Not now: begin again later. The reason names the status, never the answer's text.
    Retry(String),
    /// Never: the registry does not accept it, or the event does not name what is to be told. The reason, as above.
    Refused(String),
}

/// One file of a model version, or a folder of files.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArtifactSource {
    /// Its name in the registry: data, and perhaps hostile. Never a file's name.
    pub name: String,
    /// What the registry says of its kind, such as `pkl`: data, too.
    pub extension: Option<String>,
    /// Where it is.
    pub location: Location,
}

impl ArtifactSource {
    /// A file of that name at that place.
    pub fn new(name: impl Into<String>, extension: Option<String>, location: Location) -> Self {
        Self { name: name.into(), extension, location }
    }
}

/// Where a file is, as the registry says. Whoever fetches it decides whether it may be read there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Location {
    /// An address that the registry gave for this fetch; it may hold a signature, so it stands in no log.
    Url(String),
    /// A place that the registry does not keep: a path, `file:`, or another address.
    Path(String),
}

/// What to do next towards the files of a model version.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArtifactStep {
    /// Send this, and ask again with its answer.
    Send(Request),
    /// These are its files, the model first.
    Found(Vec<ArtifactSource>),
    /// Not now: begin again later.
    Retry(String),
    /// Never: the event leads to no model.
    Refused(String),
}

impl From<Step> for ArtifactStep {
    /// For what an answer's status means; the registry has nothing to be told here, so `Done` finds nothing.
    fn from(step: Step) -> Self {
        match step {
            Step::Send(request) => Self::Send(request),
            Step::Done => Self::Found(Vec::new()),
            Step::Retry(reason) => Self::Retry(reason),
            Step::Refused(reason) => Self::Refused(reason),
        }
    }
}

impl Registry {
    /// The word for it in configuration.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Verta(_) => "verta",
        }
    }

    /// Reads a verified body. `None`: it is not a JSON object. What is an object and no event we know is
    /// [`EventKind::Other`].
    pub fn parse(&self, name: &str, _caller: &Caller<'_>, body: &[u8]) -> Option<Event> {
        if body.trim_ascii_start().first() != Some(&b'{') {
            return None;
        }
        let mut event = match self {
            Self::Verta(_) => verta::parse(name, body),
        };
        event.raw = Payload::from_body(body);
        Some(event)
    }

    /// Checks and reads a verified body: the same event, without the payload.
    pub(crate) fn read(&self, name: &str, _caller: &Caller<'_>, body: &[u8]) -> Result<Event, BodyError> {
        match self {
            Self::Verta(_) => verta::read(name, body),
        }
    }

    /// The next step towards telling the registry `outcome`, after the exchanges `seen` so far.
    ///
    /// It ends: Verta takes two requests at most. Beginning anew after [`Step::Retry`] does no harm.
    pub fn next(&self, event: &Event, outcome: &Outcome, seen: &[Exchange]) -> Step {
        match self {
            Self::Verta(verta) => verta.next(event, outcome, seen),
        }
    }

    /// The next step towards knowing whether the promoted version still has its stage: [`Step::Done`] when it has,
    /// [`Step::Refused`] when it has not any more, [`Step::Retry`] when the registry does not say.
    pub fn confirm(&self, event: &Event, seen: &[Exchange]) -> Step {
        match self {
            Self::Verta(_) => verta::confirm(event, seen),
        }
    }

    /// The next step towards the files of the version that the event is about. It only reads.
    ///
    /// It ends: Verta takes two requests, and one for each file that it keeps, of which there are at most 1000.
    pub fn artifacts(&self, event: &Event, seen: &[Exchange]) -> ArtifactStep {
        match self {
            Self::Verta(verta) => verta.artifacts(event, seen),
        }
    }

    /// The headers that say who we are, for the configured origin only.
    pub fn credentials(&self) -> Vec<(&'static str, Secret)> {
        match self {
            Self::Verta(verta) => verta.credentials(),
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// An event of a body that is an object and nothing we know.
fn other(name: &str, word: &str) -> Event {
    Event::new(EventKind::Other(word.to_owned()), name)
}
