//! From raw bytes to a [`Delivery`]: verified first, read afterwards.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::event::Payload;
use crate::registry::{Findings, Roll, Rules};
use crate::{BodyError, Caller, Event, Registry, Scheme, Timestamp, TraceParent, Verified, Verifier, VerifyError};

/// Headers that are kept with a delivery. All others, and every signature and token, are forgotten.
const KEPT_HEADERS: [&str; 6] =
    ["content-type", "user-agent", "x-github-event", "x-github-delivery", "webhook-id", "x-mlflow-delivery-id"];
const DAY: Duration = Duration::from_hours(24);

/// Receives the deliveries of one registry.
///
/// ```
/// use scanrelay::{Caller, EventKind, Receiver, Registry, Scheme, Secret, Timestamp, Verifier, registry::Verta};
///
/// let secret = Secret::new("It's a Secret to Everybody").unwrap();
/// let verifier = Verifier::new(Scheme::github(), vec![secret], Verifier::DEFAULT_TOLERANCE).unwrap();
/// let receiver = Receiver::new("verta", Registry::Verta(Verta::default()), verifier);
///
/// let body = br#"{"event_type":"REQUEST_SCAN","new_entity":{"scan_request":{"buildId":"5150"}}}"#.as_slice();
/// let now = Timestamp::from_millis(1_669_852_800_000);
/// let headers = receiver.verifier().sign(None, now, body).unwrap();
/// let caller = Caller::new(headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
///
/// let delivery = receiver.verify_at(&caller, body.into(), now).unwrap();
/// assert_eq!(delivery.event().kind, EventKind::ScanRequest);
/// assert!(receiver.verify_at(&Caller::new([]), body.into(), now).is_err());
/// ```
#[derive(Clone, Debug)]
pub struct Receiver {
    name: String,
    registry: Registry,
    rules: Rules,
    verifier: Verifier,
}

/// A delivery: proof that its body came from who holds the secret, or that the registry said so when it was asked. Only
/// [`Receiver::verify_at`] and [`Receiver::found`] make one.
///
/// `Debug` tells the body's length and not the body, so that a payload reaches no log by accident.
#[derive(Clone)]
pub struct Delivery {
    /// Its registry's bodies have neither id nor time.
    repeats: bool,
    key: DedupeKey,
    remember: Duration,
    body: Bytes,
    event: Event,
    verified: Verified,
    peer: Option<IpAddr>,
    headers: Vec<(String, String)>,
    trace: Option<TraceParent>,
    surveyed_at: Option<Timestamp>,
    is_settled: bool,
    roll: Option<Roll>,
    /// What else the body says that a rule matches.
    others: Vec<Event>,
}

/// What makes two deliveries of one registry the same one: a signed id, else an id in the signed body, else the body.
///
/// An id in a header that is not signed never counts: whoever sees one delivery could send it again under another id.
/// 16 bytes of SHA-256, so that no chosen id can be long or clash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DedupeKey([u8; 16]);

impl DedupeKey {
    /// Its 16 bytes, for a table of keys that have been seen.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    fn of(kind: &str, bytes: &[u8]) -> Self {
        let digest = Sha256::new().chain_update(kind).chain_update([0]).chain_update(bytes).finalize();
        let mut key = [0; 16];
        key.copy_from_slice(&digest[..16]);
        Self(key)
    }
}

/// Why a request is no delivery.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// It is not verified.
    #[error(transparent)]
    Unverified(#[from] VerifyError),
    /// It is verified, and the body is not what a webhook sends.
    #[error(transparent)]
    Body(#[from] BodyError),
}

impl ReceiveError {
    /// The HTTP status to answer with: 401 or 400.
    pub fn status(&self) -> u16 {
        match self {
            Self::Unverified(_) => 401,
            Self::Body(_) => 400,
        }
    }

    /// The word for it in `{"error":"<word>"}`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Unverified(_) => "unverified",
            Self::Body(_) => "bad_body",
        }
    }
}

impl Receiver {
    /// For the registry that the configuration calls `name`.
    pub fn new(name: impl Into<String>, registry: Registry, verifier: Verifier) -> Self {
        Self { name: name.into(), registry, rules: Rules::default(), verifier }
    }

    /// Which changes are promotions and scan requests, for registries without events of their own for them.
    #[must_use]
    pub fn with_rules(self, rules: Rules) -> Self {
        Self { rules, ..self }
    }

    /// The registry's configured name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The registry.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// What deliveries are verified with.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Verifies the raw body, then checks and reads it. `now` is the wall clock.
    ///
    /// Who has not signed the body hears nothing of what is in it: every [`ReceiveError::Unverified`] comes before any
    /// [`ReceiveError::Body`]. A signed body must be one UTF-8 JSON object, at most 128 levels deep, without a key twice in
    /// one object. Its length is the caller's to bound. An object that is no event we know is
    /// [`EventKind::Other`](crate::EventKind::Other), not an error. A body that tells of several changes is one delivery until
    /// it is [split](Delivery::split).
    pub fn verify_at(&self, caller: &Caller<'_>, body: Bytes, now: Timestamp) -> Result<Delivery, ReceiveError> {
        let verified = self.verifier.verify_at(caller, &body, now)?;
        let mut reading = self.registry.read(&self.name, &body)?;
        let roll = reading.roll.take();
        let mut others = self.rules.apply(reading);
        let mut event = others.remove(0);
        let scheme = self.verifier.scheme();
        let trace = trace(caller, scheme);
        event.raw = Some(Payload::of_checked(body.clone()));
        Ok(Delivery {
            repeats: self.registry.repeats_itself(),
            key: dedupe_key(&verified, &event, &body),
            remember: remember(&verified, &event, self.registry.repeats_itself(), self.verifier.tolerance()),
            body,
            event,
            verified,
            peer: caller.peer(),
            headers: kept(caller, scheme, trace),
            trace,
            surveyed_at: None,
            is_settled: false,
            roll,
            others,
        })
    }

    /// Deliveries of what a survey of the registry has found, which began at `surveyed_at`: one for each change that says
    /// what it changed, as the [`Rules`] name it.
    ///
    /// They prove that the registry said so when it was asked, and that nobody posted it: [`Findings`] are made by
    /// [`Registry::survey`] alone, of the answers of the origin that was asked. So they are verified by `catch-up`, have no
    /// peer and no headers, and their body is the event itself.
    pub fn found(&self, findings: Findings, surveyed_at: Timestamp) -> Vec<Delivery> {
        let mut all = Vec::with_capacity(findings.len());
        for mut reading in findings.into_readings() {
            let (is_settled, mut roll) = (reading.is_settled, reading.roll.take());
            let deliveries = self.rules.apply(reading).into_iter().filter_map(|event| found(event, surveyed_at));
            all.extend(deliveries.map(|delivery| Delivery { is_settled, roll: roll.take(), ..delivery }));
        }
        all
    }
}

/// `None`: the event does not say what changed, so that nobody could know it again.
fn found(mut event: Event, surveyed_at: Timestamp) -> Option<Delivery> {
    let change = [event.change_key.as_deref()?, "@", &surveyed_at.as_millis().to_string()].concat();
    let body = Bytes::from(serde_json::to_vec(&event).ok()?);
    event.raw = Some(Payload::of_checked(body.clone()));
    Some(Delivery {
        repeats: false,
        key: DedupeKey::of("catch-up", change.as_bytes()),
        remember: Duration::ZERO,
        body,
        event,
        verified: Verified { scheme: "catch-up".to_owned(), secret: 0, id: None, timestamp: None, body: false },
        peer: None,
        headers: Vec::new(),
        trace: None,
        surveyed_at: Some(surveyed_at),
        is_settled: false,
        roll: None,
        others: Vec::new(),
    })
}

impl Delivery {
    /// What makes two deliveries the same one.
    pub fn key(&self) -> DedupeKey {
        self.key
    }

    /// How long the key has to be remembered, so that the same bytes sent again are not a second delivery.
    ///
    /// With a signed time: 7 days or twice the tolerance, whichever is longer. With an id in the body, or a signed body, and no
    /// signed time: 400 days. With a token and no id, or from a registry whose bodies have neither id nor time: one minute,
    /// since equal bodies may then be two events.
    pub fn remember(&self) -> Duration {
        self.remember
    }

    /// The raw bytes that came. [`Verified::body`] says whether they are under the signature.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// What happened.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// All that stands of the version that the event is of, where the registry told the whole of it.
    pub fn roll(&self) -> Option<&Roll> {
        self.roll.as_ref()
    }

    /// It, and a delivery for each other change that its body tells of and a rule matches: a version may come to production
    /// and be asked a scan of at once. All have the same body, and keys of their own.
    pub fn split(mut self) -> Vec<Self> {
        let others = std::mem::take(&mut self.others);
        let apart = |event: Event| {
            let mut delivery = Self { roll: None, ..self.clone() };
            let change = event.change_key.as_deref().unwrap_or_default();
            delivery.key = DedupeKey::of("change", &[&self.key.0[..], change.as_bytes()].concat());
            delivery.event = Event { raw: self.event.raw.clone(), ..event };
            delivery
        };
        let apart: Vec<Self> = others.into_iter().map(apart).collect();
        std::iter::once(self).chain(apart).collect()
    }

    /// What happened, for who needs nothing else any more.
    pub fn into_event(self) -> Event {
        self.event
    }

    /// What the verification proved.
    pub fn verified(&self) -> &Verified {
        &self.verified
    }

    /// When the survey began that found it; `None`: it was posted.
    pub fn surveyed_at(&self) -> Option<Timestamp> {
        self.surveyed_at
    }

    /// Whether the registry says itself that somebody has seen to it: a build that has its verdict. Nothing has to be done
    /// about it any more. Only what was found by a survey can be.
    pub fn is_settled(&self) -> bool {
        self.is_settled
    }

    /// Whether the same bytes may come again as another event: nothing in the body tells one event from the next, and a token
    /// vouches for the sender alone, or the registry's bodies are always so.
    pub fn is_a_hint(&self) -> bool {
        self.surveyed_at.is_none()
            && self.verified.id.is_none()
            && self.event.id.is_none()
            && (self.repeats || !self.verified.body)
    }

    /// The address that sent it.
    pub fn peer(&self) -> Option<IpAddr> {
        self.peer
    }

    /// The trace that the sender says it belongs to. It is outside the signature: good for following a delivery through
    /// other people's systems, and for nothing else.
    pub fn trace(&self) -> Option<TraceParent> {
        self.trace
    }

    /// The few headers that are kept, for display: names in lower case, values of at most 256 bytes, never a signature.
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Delivery");
        shown.field("event", &self.event).field("verified", &self.verified).field("peer", &self.peer);
        shown.finish_non_exhaustive()
    }
}

/// Only verified bytes enter it.
fn dedupe_key(verified: &Verified, event: &Event, body: &[u8]) -> DedupeKey {
    match (&verified.id, &event.id) {
        (Some(id), _) => DedupeKey::of("header", id.as_bytes()),
        (None, Some(id)) => DedupeKey::of("body id", id.as_bytes()),
        (None, None) => DedupeKey::of("body", body),
    }
}

fn remember(verified: &Verified, event: &Event, repeats: bool, tolerance: Duration) -> Duration {
    match (verified.timestamp, verified.body, &event.id) {
        (Some(_), ..) => (7 * DAY).max(2 * tolerance),
        (None, _, Some(_)) => 400 * DAY,
        (None, true, None) if !repeats => 400 * DAY,
        (None, _, None) => Duration::from_mins(1),
    }
}

/// Never the header that holds the signature or the token, whatever it is called.
fn kept(caller: &Caller<'_>, scheme: &Scheme, trace: Option<TraceParent>) -> Vec<(String, String)> {
    let kept = |name: &str| {
        let value = caller.header(name).next()?;
        Some((name.to_owned(), std::str::from_utf8(value).ok().filter(|value| value.len() <= 256)?.to_owned()))
    };
    let names = KEPT_HEADERS.iter().filter(|name| !scheme.is_carried_by(name));
    let trace = trace.map(|trace| (TraceParent::HEADER.to_owned(), trace.to_string()));
    names.filter_map(|name| kept(name)).chain(trace).collect()
}

/// One that is malformed or there more than once is as good as none: a trace is no reason to refuse a delivery.
fn trace(caller: &Caller<'_>, scheme: &Scheme) -> Option<TraceParent> {
    let mut values = caller.header(TraceParent::HEADER).filter(|_| !scheme.is_carried_by(TraceParent::HEADER));
    match (values.next(), values.next()) {
        (Some(value), None) => TraceParent::parse(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
