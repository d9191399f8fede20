//! Verification: a pure function of headers, body and time.

use std::time::Duration;

use subtle::{Choice, ConstantTimeEq};

use super::caller::Caller;
use super::candidates::candidates;
use super::error::SchemeError;
use super::key::Key;
use super::network::Network;
use super::scheme::{HmacScheme, Scheme};
use super::token::TokenScheme;
use super::verified::{Verified, VerifyError};
use super::{headers, path};
use crate::{Secret, Timestamp};

const MAX_SECRETS: usize = 16;

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
    /// The keys that the secrets stand for; none but under a scheme that signs.
    keys: Vec<Key>,
    tolerance: Duration,
    /// What the path has to end with beside the signature or the token.
    path_secret: Option<Secret>,
    /// From where deliveries may come; empty: from anywhere.
    networks: Vec<Network>,
}

impl PartialEq for Verifier {
    fn eq(&self, other: &Self) -> bool {
        // The keys follow from scheme and secrets.
        (&self.scheme, &self.secrets, self.tolerance, &self.path_secret, &self.networks)
            == (&other.scheme, &other.secrets, other.tolerance, &other.path_secret, &other.networks)
    }
}

impl Verifier {
    /// The tolerance that the schemes' own libraries use (Standard Webhooks: 5 minutes).
    pub const DEFAULT_TOLERANCE: Duration = Duration::from_mins(5);

    /// Checks that scheme and secrets can work together. From 1 to 16 secrets, all of them tried, so that keys can rotate;
    /// none under [`Scheme::Unsigned`].
    ///
    /// `tolerance` counts in whole seconds and both ways; schemes without a signed time do not look at it.
    pub fn new(scheme: Scheme, secrets: Vec<Secret>, tolerance: Duration) -> Result<Self, SchemeError> {
        match (&scheme, secrets.len()) {
            (Scheme::Unsigned, 0) => {}
            (Scheme::Unsigned, _) => return Err(SchemeError::UnusedSecrets),
            (_, 0) => return Err(SchemeError::NoSecret),
            (_, 1..=MAX_SECRETS) => {}
            (_, many) => return Err(SchemeError::TooManySecrets(many)),
        }
        let mut keys = Vec::new();
        match &scheme {
            Scheme::Hmac(hmac) => {
                hmac.check()?;
                keys = secrets.iter().map(|secret| Key::of(hmac, secret)).collect::<Result<_, _>>()?;
            }
            Scheme::Token(token) => secrets.iter().try_for_each(|secret| token.check(secret))?,
            Scheme::Path => secrets.iter().try_for_each(path::check)?,
            Scheme::Unsigned => {}
        }
        Ok(Self { scheme, secrets, keys, tolerance, path_secret: None, networks: Vec::new() })
    }

    /// The path has to end with that secret, too.
    pub fn with_path_secret(self, secret: Secret) -> Result<Self, SchemeError> {
        path::check(&secret)?;
        Ok(Self { path_secret: Some(secret), ..self })
    }

    /// Only from addresses in these networks, as [`Caller::peer`] tells them. It narrows: everything else is asked for, too.
    pub fn with_networks(self, networks: Vec<Network>) -> Result<Self, SchemeError> {
        if networks.is_empty() { Err(SchemeError::NoNetwork) } else { Ok(Self { networks, ..self }) }
    }

    /// From where deliveries may come; empty: from anywhere.
    pub fn networks(&self) -> &[Network] {
        &self.networks
    }

    /// The same for requests of which only the text is left, as in a file: nobody knows any more from where they came.
    #[must_use]
    pub fn from_anywhere(self) -> Self {
        Self { networks: Vec::new(), ..self }
    }

    /// The scheme.
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// For who looks for the reason of a refusal.
    pub(crate) fn secrets(&self) -> &[Secret] {
        &self.secrets
    }

    /// The secret with which the path has to end, the newest.
    pub fn path_secret(&self) -> Option<&Secret> {
        if self.scheme == Scheme::Path { self.secrets.first() } else { self.path_secret.as_ref() }
    }

    /// Whether a request carries a secret itself, so that who reads it on the way can send others. It needs TLS.
    pub fn sends_a_secret(&self) -> bool {
        matches!(self.scheme, Scheme::Token(_)) || self.path_secret().is_some()
    }

    /// How far the signed time may be from ours, both ways.
    pub fn tolerance(&self) -> Duration {
        self.tolerance
    }

    /// Signs with the first secret: see [`sign`](super::sign).
    pub fn sign(&self, id: Option<&str>, now: Timestamp, body: &[u8]) -> Result<Vec<(String, String)>, SchemeError> {
        match self.secrets.first() {
            Some(secret) => super::sign(&self.scheme, secret, id, now, body),
            None => Ok(Vec::new()),
        }
    }

    /// Verifies the raw body. `now` is the wall clock: the only one that a sender shares.
    ///
    /// Each header that the scheme names must be there once and not empty. At most 16 signatures in the header are tried.
    /// Whether the signed time is within the tolerance is told only to who signed it.
    pub fn verify_at(&self, caller: &Caller<'_>, body: &[u8], now: Timestamp) -> Result<Verified, VerifyError> {
        self.comes_from_where_it_may(caller)?;
        if let Some(secret) = &self.path_secret {
            path::verify(std::slice::from_ref(secret), caller)?;
        }
        match &self.scheme {
            Scheme::Hmac(hmac) => self.verify_signature(hmac, caller, body, now),
            Scheme::Token(token) => self.verify_token(token, caller).map(|secret| self.sender(secret)),
            Scheme::Path => path::verify(&self.secrets, caller).map(|secret| self.sender(secret)),
            Scheme::Unsigned => Ok(self.sender(0)),
        }
    }

    fn comes_from_where_it_may(&self, caller: &Caller<'_>) -> Result<(), VerifyError> {
        match caller.peer() {
            _ if self.networks.is_empty() => Ok(()),
            Some(peer) if self.networks.iter().any(|network| network.contains(peer)) => Ok(()),
            Some(peer) => Err(VerifyError::Address(peer)),
            None => Err(VerifyError::NoAddress),
        }
    }

    /// Proof of who sent it, and not of what.
    fn sender(&self, secret: usize) -> Verified {
        let scheme = match &self.scheme {
            Scheme::Unsigned if self.path_secret.is_none() && !self.networks.is_empty() => "address",
            scheme => scheme.name(),
        };
        Verified { scheme: scheme.to_owned(), secret, id: None, timestamp: None, body: false }
    }

    fn verify_token(&self, token: &TokenScheme, caller: &Caller<'_>) -> Result<usize, VerifyError> {
        let value = caller.the_header(&token.header)?;
        let bare = match value.split_at_checked(7) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case(b"bearer ") => rest,
            _ => value,
        };
        let fits = |secret: &Secret| secret.expose().ct_eq(value) | secret.expose().ct_eq(bare);
        which(&self.secrets, fits).ok_or_else(|| VerifyError::Mismatch(token.header.clone()))
    }

    fn verify_signature(
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
        let id = hmac.id_header.as_deref().map(|name| headers::id(caller, name)).transpose()?;
        let sent = hmac.timestamp_header.as_deref().map(|name| headers::timestamp(caller, name)).transpose()?;
        let candidates = candidates(hmac, &self.keys, signature)?;
        let (timestamp_text, timestamp) = sent.unzip();
        let parts = hmac.signed.parts(id.unwrap_or_default().as_bytes(), timestamp_text.unwrap_or_default(), body);
        let fits = |key: &Key| {
            let ours = candidates.iter().filter(|(kind, _)| *kind == key.kind());
            key.verifies(hmac.algorithm, parts.clone(), ours.map(|(_, candidate)| candidate.as_slice()))
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

/// Which secret fits. Every one is compared, whichever fits, so that the time tells nothing about the order of secrets.
pub(super) fn which(secrets: &[Secret], fits: impl Fn(&Secret) -> Choice) -> Option<usize> {
    let matches: Vec<bool> = secrets.iter().map(|secret| bool::from(fits(secret))).collect();
    matches.iter().position(|fits| *fits)
}
