//! Verification: a pure function of headers, body and time.

use std::time::Duration;

use subtle::ConstantTimeEq;

use super::caller::Caller;
use super::error::SchemeError;
use super::key::{Key, Kind};
use super::scheme::{HmacScheme, Scheme, TokenScheme};
use super::writing::{Encoding, Form};
use crate::{Secret, Timestamp};

/// At most this many signatures in one header are tried.
const MAX_CANDIDATES: usize = 16;
const MAX_SECRETS: usize = 16;
/// An id longer than this is not an id.
const MAX_ID: usize = 256;

/// A scheme with its secrets and its tolerance: everything that a delivery is verified with.
///
/// [`Receiver`](crate::Receiver) verifies and reads. A verifier alone is for bodies that are no registry's events:
///
/// ```
/// use scanrelay::{Caller, Scheme, Secret, Timestamp, Verifier, VerifyError};
///
/// // The new secret first: it signs; both verify until the senders have changed over.
/// let secrets = vec![Secret::new("new")?, Secret::new("old")?];
/// let verifier = Verifier::new(Scheme::github(), secrets, Verifier::DEFAULT_TOLERANCE)?;
///
/// let now = Timestamp::from_millis(1_669_852_800_000);
/// let headers = verifier.sign(None, now, b"any bytes")?;
/// let caller = Caller::new(headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
/// assert_eq!(verifier.verify_at(&caller, b"any bytes", now)?.secret, 0);
///
/// let changed = verifier.verify_at(&caller, b"other bytes", now);
/// assert_eq!(changed, Err(VerifyError::Mismatch("X-Hub-Signature-256".into())));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Verifier {
    scheme: Scheme,
    secrets: Vec<Secret>,
    /// The keys that the secrets stand for; none under a token scheme.
    keys: Vec<Key>,
    tolerance: Duration,
}

/// What a verification proved.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// The scheme's name.
    pub scheme: String,
    /// Which of the secrets it was, from 0. Old secrets that are never seen again can be removed.
    pub secret: usize,
    /// The delivery's id, when it is under the signature: visible ASCII without a dot, at most 256 bytes.
    pub id: Option<String>,
    /// The sender's time in whole seconds, when it is under the signature.
    pub timestamp: Option<Timestamp>,
    /// Whether the body is under the signature (a token proves only the sender).
    pub body: bool,
}

/// Why a delivery is not verified. Names headers and schemes, never a value of theirs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The header is not there.
    #[error("header {0} is missing")]
    Missing(String),
    /// The header is there with nothing in it.
    #[error("header {0} is empty")]
    Empty(String),
    /// The header is there more than once, so its meaning depends on who reads it.
    #[error("header {0} is repeated")]
    Repeated(String),
    /// The header, by name, cannot be read, and why.
    #[error("header {0} is malformed: {1}")]
    Malformed(String, &'static str),
    /// No signature fits any secret.
    #[error("no signature in {0} fits: the secret differs, or the body was changed on the way")]
    Mismatch(String),
    /// The signed time is too long ago: by how many seconds, and how many are tolerated.
    #[error("the signed time is {0} s in the past, the tolerance is {1} s")]
    TooOld(u64, u64),
    /// The signed time is too far ahead: by how many seconds, and how many are tolerated.
    #[error("the signed time is {0} s in the future, the tolerance is {1} s")]
    TooNew(u64, u64),
}

impl PartialEq for Verifier {
    fn eq(&self, other: &Self) -> bool {
        // The keys follow from scheme and secrets.
        (&self.scheme, &self.secrets, self.tolerance) == (&other.scheme, &other.secrets, other.tolerance)
    }
}

impl Verifier {
    /// The tolerance that the schemes' own libraries use (Standard Webhooks: 5 minutes).
    pub const DEFAULT_TOLERANCE: Duration = Duration::from_mins(5);

    /// Checks that scheme and secrets can work together. From 1 to 16 secrets, all of them tried, so that keys can rotate.
    ///
    /// `tolerance` counts in whole seconds and both ways; schemes without a signed time do not look at it.
    pub fn new(scheme: Scheme, secrets: Vec<Secret>, tolerance: Duration) -> Result<Self, SchemeError> {
        match secrets.len() {
            0 => return Err(SchemeError::NoSecret),
            1..=MAX_SECRETS => {}
            many => return Err(SchemeError::TooManySecrets(many)),
        }
        let keys = match &scheme {
            Scheme::Hmac(hmac) => {
                hmac.check()?;
                secrets.iter().map(|secret| Key::of(hmac, secret)).collect::<Result<_, _>>()?
            }
            Scheme::Token(token) => {
                secrets.iter().try_for_each(|secret| token.check(secret))?;
                Vec::new()
            }
        };
        Ok(Self { scheme, secrets, keys, tolerance })
    }

    /// The scheme.
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// For who looks for the reason of a refusal.
    pub(crate) fn secrets(&self) -> &[Secret] {
        &self.secrets
    }

    /// How far the signed time may be from ours, both ways.
    pub fn tolerance(&self) -> Duration {
        self.tolerance
    }

    /// Signs with the first secret: see [`sign`](super::sign).
    pub fn sign(&self, id: Option<&str>, now: Timestamp, body: &[u8]) -> Result<Vec<(String, String)>, SchemeError> {
        super::sign(&self.scheme, &self.secrets[0], id, now, body)
    }

    /// Verifies the raw body. `now` is the wall clock: the only one that a sender shares.
    ///
    /// Each header that the scheme names must be there once and not empty. At most 16 signatures in the header are tried.
    /// Whether the signed time is within the tolerance is told only to who signed it.
    pub fn verify_at(&self, caller: &Caller<'_>, body: &[u8], now: Timestamp) -> Result<Verified, VerifyError> {
        match &self.scheme {
            Scheme::Hmac(hmac) => self.verify_mac(hmac, caller, body, now),
            Scheme::Token(token) => self.verify_token(token, caller),
        }
    }

    fn verify_token(&self, token: &TokenScheme, caller: &Caller<'_>) -> Result<Verified, VerifyError> {
        let value = caller.the_header(&token.header)?;
        let bare = match value.split_at_checked(7) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case(b"bearer ") => rest,
            _ => value,
        };
        // Every secret is compared, whichever fits, so that the time tells nothing about the order of secrets.
        let fits = |secret: &Secret| bool::from(secret.expose().ct_eq(value) | secret.expose().ct_eq(bare));
        let matches: Vec<bool> = self.secrets.iter().map(fits).collect();
        match matches.iter().position(|fits| *fits) {
            Some(secret) => Ok(Verified { scheme: "token".into(), secret, id: None, timestamp: None, body: false }),
            None => Err(VerifyError::Mismatch(token.header.clone())),
        }
    }

    fn verify_mac(
        &self,
        hmac: &HmacScheme,
        caller: &Caller<'_>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Verified, VerifyError> {
        let hmac = match &hmac.fallback {
            Some(fallback) if hmac.headers().all(|name| caller.header(name).next().is_none()) => fallback,
            _ => hmac,
        };
        let signature = caller.the_header(&hmac.header)?;
        let id = hmac.id_header.as_deref().map(|name| id(caller, name)).transpose()?;
        let sent = hmac.timestamp_header.as_deref().map(|name| timestamp(caller, name)).transpose()?;
        let candidates = candidates(hmac, &self.keys, signature)?;
        let (timestamp_text, timestamp) = sent.unzip();
        let parts = hmac.signed.parts(id.unwrap_or_default().as_bytes(), timestamp_text.unwrap_or_default(), body);
        let fits = |key: &Key| {
            let mut candidates = candidates.iter().filter(|(kind, _)| *kind == key.kind());
            candidates.any(|(_, candidate)| key.verifies(hmac.algorithm, parts.clone(), candidate))
        };
        let Some(secret) = self.keys.iter().position(fits) else {
            return Err(VerifyError::Mismatch(hmac.header.clone()));
        };
        if let Some(sent) = timestamp {
            self.in_time(sent, now)?;
        }
        Ok(Verified { scheme: hmac.name.clone(), secret, id: id.map(str::to_owned), timestamp, body: true })
    }

    fn in_time(&self, sent: Timestamp, now: Timestamp) -> Result<(), VerifyError> {
        let tolerance = self.tolerance.as_secs();
        // Whole seconds on both sides: the sender's clock has no finer ones.
        let skew = now.as_secs().saturating_sub(sent.as_secs());
        match (skew.unsigned_abs() > tolerance, skew > 0) {
            (true, true) => Err(VerifyError::TooOld(skew.unsigned_abs(), tolerance)),
            (true, false) => Err(VerifyError::TooNew(skew.unsigned_abs(), tolerance)),
            (false, _) => Ok(()),
        }
    }
}

/// The signatures in the header that have a prefix and an encoding of the scheme. Others are of other schemes, and are
/// passed over.
fn candidates(hmac: &HmacScheme, keys: &[Key], header: &[u8]) -> Result<Vec<(Kind, Vec<u8>)>, VerifyError> {
    let malformed = |why| VerifyError::Malformed(hmac.header.clone(), why);
    let text = std::str::from_utf8(header).map_err(|_| malformed("it is not ASCII"))?;
    let all: Vec<&str> = match hmac.separator {
        Some(separator) => text.split(separator).filter(|part| !part.is_empty()).collect(),
        None => vec![text],
    };
    if all.len() > MAX_CANDIDATES {
        return Err(malformed("it holds more than 16 signatures"));
    }
    let macs = [(hmac.prefix.as_str(), hmac.encoding)].into_iter();
    let macs = macs.chain(hmac.also.iter().map(|Form { prefix, encoding }| (prefix.as_str(), *encoding)));
    let forms = macs.map(|(prefix, encoding)| (Kind::Mac, prefix, encoding));
    let public = hmac.ed25519_prefix.iter().map(|prefix| (Kind::Ed25519, prefix.as_str(), Encoding::Base64));
    let forms: Vec<_> = forms.chain(public).filter(|(kind, ..)| keys.iter().any(|key| key.kind() == *kind)).collect();
    let (mut prefixed, mut candidates) = (false, Vec::new());
    for part in all {
        for (kind, prefix, encoding) in &forms {
            let Some(written) = part.strip_prefix(prefix) else { continue };
            prefixed = true;
            candidates.extend(encoding.decode(written).map(|candidate| (*kind, candidate)));
        }
    }
    if !prefixed {
        return Err(malformed("no signature has the scheme's prefix"));
    }
    if candidates.is_empty() {
        return Err(malformed("no signature has the scheme's encoding"));
    }
    Ok(candidates)
}

/// An id of visible ASCII without a dot: with dots, `{id}.{timestamp}` could be cut in two ways.
fn id<'a>(caller: &Caller<'a>, name: &str) -> Result<&'a str, VerifyError> {
    id_text(caller.the_header(name)?).map_err(|why| VerifyError::Malformed(name.to_owned(), why))
}

/// What an id is, to who signs and to who verifies.
pub(super) fn id_text(value: &[u8]) -> Result<&str, &'static str> {
    if value.is_empty() {
        return Err("an id has at least one byte");
    }
    if value.len() > MAX_ID {
        return Err("it is longer than 256 bytes");
    }
    if !value.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'.') {
        return Err("an id is visible ASCII without a dot");
    }
    std::str::from_utf8(value).map_err(|_| "it is not ASCII")
}

fn timestamp<'a>(caller: &Caller<'a>, name: &str) -> Result<(&'a [u8], Timestamp), VerifyError> {
    let value = caller.the_header(name)?;
    let malformed = || VerifyError::Malformed(name.to_owned(), "a time is Unix seconds, digits only");
    // Eleven digits reach the year 5138.
    if value.len() > 11 || !value.iter().all(u8::is_ascii_digit) {
        return Err(malformed());
    }
    let seconds: i64 = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).ok_or_else(malformed)?;
    Ok((value, Timestamp::from_millis(seconds * 1000)))
}
