//! The last refused requests of each registry, in memory: what came, and why it was refused. Nothing here accepts anything.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use scanrelay::diagnosis::{SavedRequest, probe};
use scanrelay::extract::{Refused, WebhookError};
use scanrelay::{ReceiveError, Timestamp, VerifyError};
use serde::{Deserialize, Serialize};
use tracing::warn;

/// So many are kept of one registry; the oldest goes first.
const KEPT: usize = 64;
/// A longer request is not kept itself, and not probed.
const LONGEST: usize = 64 * 1024;
const MAX_NAMES: usize = 64;
const MAX_NAME: usize = 128;

/// The refused requests. Clones share them.
#[derive(Clone)]
pub struct Rejections(Arc<Inner>);

struct Inner {
    /// What ids begin with: those of one run of the daemon are no ids of the next.
    run: String,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    last: u64,
    registries: BTreeMap<String, VecDeque<Rejection>>,
}

struct Rejection {
    row: RejectionRow,
    request: Option<SavedRequest>,
    /// Whether its registry's sender was to be learned.
    probed: bool,
}

/// A refused request, for listings. Names of headers, never a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectionRow {
    pub id: String,
    pub registry: String,
    pub at: Timestamp,
    pub peer: Option<IpAddr>,
    pub status: u16,
    pub error: String,
    pub reason: String,
    pub headers: Vec<String>,
    /// The body's, as it was read or announced.
    pub length: Option<u64>,
    /// What the probe found: in words, and as a setting.
    pub finding: Option<String>,
    pub setting: Option<String>,
    /// Whether the request itself is kept.
    pub saved: bool,
}

/// Why there is no request to save.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSaved {
    #[error("there is no rejection {0} any more: see scanrelay rejections")]
    Unknown(String),
    #[error(
        "the request of rejection {0} was not kept: set registries.{1}.webhook.probe = true, systemctl reload scanrelay, and have it sent again"
    )]
    NotProbed(String, String),
    #[error("the request of rejection {0} was not kept: it was not read whole, or is longer than 64 KiB")]
    TooLong(String),
}

impl Rejections {
    /// `started` tells the ids of this run from those of another.
    pub fn new(started: Timestamp) -> Self {
        Self(Arc::new(Inner { run: format!("{:x}-", started.as_secs()), kept: Mutex::default() }))
    }

    /// Takes note: the id under which it is found. The request itself is kept where its sender is to be learned (`probed`).
    pub fn note(&self, refused: &Refused<'_>, probed: bool) -> String {
        let registry = refused.receiver.name();
        let request = refused.body.filter(|body| probed && weight(refused, body) <= LONGEST).map(|body| {
            // What is kept is bounded, so what it costs to probe it is, too.
            (SavedRequest::of(refused.caller, body, refused.at), finding(refused, body))
        });
        let (request, finding) = request.unzip();
        let (finding, setting) = finding.flatten().unzip();
        let mut row = RejectionRow {
            id: String::new(),
            registry: registry.to_owned(),
            at: refused.at,
            peer: refused.caller.peer(),
            status: refused.error.status(),
            error: refused.error.word().to_owned(),
            reason: refused.error.to_string(),
            headers: names(refused),
            length: refused.body.map(|body| body.len() as u64).or_else(|| announced(refused)),
            finding,
            setting: setting.flatten(),
            saved: request.is_some(),
        };
        let mut kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.last += 1;
        row.id = [&*self.0.run, &kept.last.to_string()].concat();
        let (id, reason) = (row.id.clone(), row.reason.clone());
        let finding = row.finding.clone();
        let last = kept.registries.entry(registry.to_owned()).or_default();
        if last.len() >= KEPT {
            last.pop_front();
        }
        last.push_back(Rejection { row, request, probed });
        drop(kept);
        warn!(rejection = id, registry, reason, finding, "refused");
        id
    }

    /// The newest first; of one registry, or of all.
    pub fn list(&self, registry: Option<&str>) -> Vec<RejectionRow> {
        let kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = kept.registries.iter().filter(|(name, _)| registry.is_none_or(|wanted| wanted == *name));
        let mut rows: Vec<RejectionRow> =
            wanted.flat_map(|(_, last)| last.iter().rev().map(|rejection| rejection.row.clone())).collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.at));
        rows
    }

    /// The request itself, as raw HTTP.
    pub fn request(&self, id: &str) -> Result<Vec<u8>, NotSaved> {
        let kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.registries.values().flatten().find(|rejection| rejection.row.id == id);
        let rejection = found.ok_or_else(|| NotSaved::Unknown(id.to_owned()))?;
        let registry = &rejection.row.registry;
        match &rejection.request {
            Some(request) => Ok(request.to_http(&format!("/hooks/{registry}"))),
            None if rejection.probed => Err(NotSaved::TooLong(id.to_owned())),
            None => Err(NotSaved::NotProbed(id.to_owned(), registry.clone())),
        }
    }
}

/// What keeping the request takes.
fn weight(refused: &Refused<'_>, body: &[u8]) -> usize {
    refused.caller.headers().map(|(name, value)| name.len() + value.len()).sum::<usize>() + body.len()
}

/// What the request fits, in words and as a setting, if its signature is what was wrong.
fn finding(refused: &Refused<'_>, body: &[u8]) -> Option<(String, Option<String>)> {
    match refused.error {
        WebhookError::Receive(ReceiveError::Unverified(VerifyError::TooOld(..) | VerifyError::TooNew(..))) => None,
        WebhookError::Receive(ReceiveError::Unverified(_)) => {
            Some(match probe(refused.receiver.verifier(), refused.caller, body) {
                Some(found) => (format!("it fits: the sender signs as {}", found.in_words()), Some(found.setting())),
                None => ("it fits no known scheme with a configured secret".to_owned(), None),
            })
        }
        _ => None,
    }
}

fn names(refused: &Refused<'_>) -> Vec<String> {
    let short = |name: &str| {
        if name.len() <= MAX_NAME { name.to_owned() } else { name.chars().take(MAX_NAME).collect() }
    };
    refused.caller.headers().map(|(name, _)| short(name)).take(MAX_NAMES).collect()
}

fn announced(refused: &Refused<'_>) -> Option<u64> {
    std::str::from_utf8(refused.caller.header("content-length").next()?).ok()?.parse().ok()
}
