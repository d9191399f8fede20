//! Registries: what each sends, read into the neutral [`Event`], and what each accepts back, written as steps.
//!
//! One file per registry. Everything here is a pure function: [`Registry::next`] says which request comes next, given what
//! was answered so far, and whoever has a network sends it. So a write-back can read before it writes, merge, and compare
//! afterwards, and all of it can be tested without a socket.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

use crate::event::{Fact, Payload};
use crate::plugin::{Status, Verdict};
use crate::{BodyError, Caller, Event, EventKind, Secret, Timestamp};

mod answer;
pub mod comet;
pub mod databricks;
pub mod generic;
pub mod github;
pub mod huggingface;
mod identity;
pub mod login;
pub mod mlflow;
mod object;
mod roll;
mod rule;
mod scalar;
mod survey;
mod told;
pub mod verta;
pub mod wandb;
pub mod webhook;

pub use comet::Comet;
pub use databricks::Databricks;
pub use generic::Generic;
pub use github::GitHub;
pub use huggingface::HuggingFace;
pub use mlflow::Mlflow;
pub use roll::Roll;
pub use rule::{Rule, Rules};
pub use survey::{Findings, SurveyStep};
pub use verta::Verta;
pub use wandb::Wandb;

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
/// let outcome = Outcome::Scanned { verdict: Verdict::Safe, summary: None, url: None, at: None };
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
    /// Comet.
    Comet(Comet),
    /// MLflow.
    Mlflow(Mlflow),
    /// Databricks' workspace model registry.
    Databricks(Databricks),
    /// Hugging Face Hub.
    HuggingFace(HuggingFace),
    /// Weights & Biases.
    Wandb(Wandb),
    /// GitHub.
    GitHub(GitHub),
    /// Any other sender.
    Generic(Box<Generic>),
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
        /// When the verdict was settled: the same however often it is told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Timestamp>,
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
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// `GET`, `PUT`, …
    pub method: String,
    /// From the root of the registry's URL, with every id percent-encoded.
    pub path: String,
    /// A JSON document, or nothing.
    pub body: Option<String>,
    /// What is so of the registry when it was taken, as the registry itself will tell: the ledger knows our own changes by
    /// it. Empty where a registry tells nobody of such changes.
    pub writes: Vec<Fact>,
}

/// A request and its answer.
#[derive(Clone, PartialEq, Eq)]
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
    /// A path of the registry's own, with every part percent-encoded: it is fetched as a [`Request`] is sent.
    Own(String),
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
            Self::Comet(_) => "comet",
            Self::Mlflow(_) => "mlflow",
            Self::Databricks(_) => "databricks",
            Self::HuggingFace(_) => "huggingface",
            Self::Wandb(_) => "wandb",
            Self::GitHub(_) => "github",
            Self::Generic(_) => "generic",
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
            known => known.read(name, body).map_or_else(|_| other(name, "unreadable"), |reading| reading.event),
        };
        event.raw = Payload::from_body(body);
        Some(event)
    }

    /// Checks and reads a verified body: the same event, without the payload.
    pub(crate) fn read(&self, name: &str, body: &[u8]) -> Result<Reading, BodyError> {
        match self {
            Self::Verta(_) => verta::read(name, body).map(Reading::of),
            Self::Comet(comet) => comet.read(name, body),
            Self::Mlflow(_) => mlflow::read(name, body).map(Reading::of),
            Self::Databricks(_) => databricks::read(name, body),
            Self::HuggingFace(_) => huggingface::read(name, body),
            Self::Wandb(_) => wandb::read(name, body).map(Reading::of),
            Self::GitHub(_) => github::read(name, body).map(Reading::of),
            Self::Generic(generic) => generic.read(name, body),
        }
    }

    /// Whether two events can have the same bytes, however they are signed: a body with neither id nor time.
    pub(crate) fn repeats_itself(&self) -> bool {
        matches!(self, Self::Comet(_) | Self::HuggingFace(_) | Self::Wandb(_))
    }

    /// Whether the registry has to be asked before anything is done about the event, and not only before an action: where
    /// a delivery says less than it seems to.
    pub fn is_doubtful(&self, event: &Event) -> bool {
        match self {
            // A token proves the sender and not the body, and a body without id and time may be an old one.
            known if known.repeats_itself() => true,
            Self::Mlflow(_) => mlflow::is_doubtful(event),
            _ => false,
        }
    }

    /// The next step towards telling the registry `outcome`, after the exchanges `seen` so far.
    ///
    /// It ends: Verta takes two requests at most, Comet nine. Beginning anew after [`Step::Retry`] does no harm.
    pub fn next(&self, event: &Event, outcome: &Outcome, seen: &[Exchange]) -> Step {
        match self {
            Self::Verta(verta) => verta.next(event, outcome, seen),
            Self::Comet(comet) => comet.next(event, outcome, seen),
            Self::Mlflow(_) => mlflow::next(event, outcome, seen),
            Self::Databricks(databricks) => databricks.next(event, outcome, seen),
            Self::HuggingFace(_) => huggingface::next(event, outcome, seen),
            Self::Wandb(_) => wandb::next(event, outcome, seen),
            Self::GitHub(github) => github.next(event, outcome, seen),
            Self::Generic(generic) => generic.next(event, outcome, seen),
        }
    }

    /// The next step towards knowing whether the promoted version still has its stage: [`Step::Done`] when it has,
    /// [`Step::Refused`] when it has not any more, [`Step::Retry`] when the registry does not say.
    pub fn confirm(&self, event: &Event, seen: &[Exchange]) -> Step {
        match self {
            Self::Verta(_) => verta::confirm(event, seen),
            Self::Comet(_) => comet::confirm(event, seen),
            Self::Mlflow(_) => mlflow::confirm(event, seen),
            Self::Databricks(_) => mlflow::confirm_version(event, seen),
            Self::HuggingFace(_) => huggingface::confirm(event, seen),
            Self::Wandb(_) => wandb::confirm(event, seen),
            Self::GitHub(_) => github::confirm(),
            Self::Generic(generic) => generic.confirm(event, seen),
        }
    }

    /// The next step towards the files of the version that the event is about. It only reads.
    ///
    /// It ends: Verta takes two requests, and one for each file that it keeps, of which there are at most 1000; Comet takes one.
    pub fn artifacts(&self, event: &Event, seen: &[Exchange]) -> ArtifactStep {
        match self {
            Self::Verta(verta) => verta.artifacts(event, seen),
            Self::Comet(_) => comet::artifacts(event, seen),
            // Files in DBFS or a cloud's store are places that the plugin knows how to reach, or nobody.
            Self::Mlflow(_) | Self::Databricks(_) => mlflow::artifacts(event, seen),
            Self::HuggingFace(_) => huggingface::artifacts(event, seen),
            Self::Wandb(_) => wandb::artifacts(event, seen),
            Self::GitHub(_) => github::artifacts(),
            Self::Generic(_) => generic::artifacts(event),
        }
    }

    /// The headers that say who we are, for the configured origin only.
    pub fn credentials(&self) -> Vec<(Cow<'static, str>, Secret)> {
        match self {
            Self::Verta(verta) => verta.credentials().into_iter().map(|(name, value)| (name.into(), value)).collect(),
            Self::Comet(comet) => comet.credentials(),
            Self::Mlflow(mlflow) => mlflow.credentials(),
            Self::Databricks(databricks) => databricks.credentials(),
            Self::HuggingFace(hub) => hub.credentials(),
            Self::Wandb(wandb) => wandb.credentials(),
            Self::GitHub(github) => github.credentials(),
            Self::Generic(generic) => generic.credentials(),
        }
    }
}

/// A body may hold a webhook's secret: its length is shown, and nothing of it.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.body.as_ref().map(String::len);
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("length", &length)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.body.len();
        f.debug_struct("Exchange")
            .field("request", &self.request)
            .field("status", &self.status)
            .field("length", &length)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// What a body says: an event, and what else happened with it, from which [`Rules`] choose.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reading {
    pub(crate) event: Event,
    pub(crate) also: Vec<Event>,
    /// The registry says itself that somebody has seen to it.
    pub(crate) is_settled: bool,
    pub(crate) roll: Option<Roll>,
}

impl Reading {
    /// Of one change.
    pub(crate) fn of(event: Event) -> Self {
        Self { event, also: Vec::new(), is_settled: false, roll: None }
    }

    /// Of one change that somebody has seen to.
    pub(crate) fn settled(event: Event) -> Self {
        Self { is_settled: true, ..Self::of(event) }
    }
}

/// An event of a body that is an object and nothing we know.
fn other(name: &str, word: &str) -> Event {
    Event::new(EventKind::Other(word.to_owned()), name)
}
