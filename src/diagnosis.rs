//! Why does a request not verify? For a person with a saved request, and never for a decision.
//!
//! [`diagnose`] answers in one sentence that says what to do. It looks for the scheme, the writing or the rewriting of the
//! body under which the signature fits one of the secrets; what fits is proof of what went wrong. Nothing here makes a
//! [`Delivery`](crate::Delivery), and nothing is told of a secret or a MAC: names of headers, forms and lengths only.

use std::fmt;

use crate::body::{self, BodyError};
use crate::{Caller, Scheme, Timestamp, Verifier, VerifyError};

mod found;
mod request;
mod rewrite;
mod search;

pub use found::Found;
pub use request::{RequestError, SavedRequest};
pub use rewrite::Change;
pub use search::probe;

use search::Search;

/// What came of looking at a request.
///
/// ```
/// use scanrelay::diagnosis::{Change, Diagnosis, diagnose};
/// use scanrelay::{Caller, Scheme, Secret, Timestamp, Verifier};
///
/// let verifier = Verifier::new(Scheme::github(), vec![Secret::new("hunter2")?], Verifier::DEFAULT_TOLERANCE)?;
/// let now = Timestamp::default();
/// let headers = verifier.sign(None, now, br#"{"a":1}"#)?;
/// let caller = Caller::new(headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
///
/// let altered = diagnose(&verifier, &caller, br#"{ "a": 1 }"#, now);
/// assert!(matches!(altered, Diagnosis::Altered(Change::Whitespace(_))));
/// assert!(altered.to_string().contains("only whitespace differs"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Diagnosis {
    /// It verifies: by this scheme, in this header.
    Verified(String, String),
    /// It verifies, and the body is none that a webhook sends.
    Body(BodyError),
    /// The signature fits, and the signed time is too far from ours.
    Stale(VerifyError),
    /// A header is not there; these could be signatures.
    Missing(String, Vec<String>),
    /// A header cannot be read; what it looks like.
    Unreadable(VerifyError, Option<&'static str>),
    /// The same MAC in the same header, written in another way than the scheme expects.
    Writing(Found),
    /// The signature fits under another scheme, in another header or with another form of the key.
    OtherScheme(Found),
    /// The signature fits the body as it was before somebody changed it.
    Altered(Change),
    /// The body is not as long as was announced: announced, found.
    Length(u64, usize),
    /// Who sent it is not who may: the path has not the secret, or the address is another. The signature was not looked at.
    Sender(VerifyError),
    /// The secret fits without the blanks or line ends around it, or with one after it.
    SecretEnds(String),
    /// Nothing fits.
    Secret(String),
}

/// Why the request verifies under `verifier` at `now`, or why not.
pub fn diagnose(verifier: &Verifier, caller: &Caller<'_>, body: &[u8], now: Timestamp) -> Diagnosis {
    let header = verifier.scheme().header().unwrap_or_default().to_owned();
    let error = match verifier.verify_at(caller, body, now) {
        Ok(verified) => {
            return match body::check(body) {
                Ok(()) => Diagnosis::Verified(verified.scheme, header),
                Err(fault) => Diagnosis::Body(fault),
            };
        }
        Err(error @ (VerifyError::TooOld(..) | VerifyError::TooNew(..))) => return Diagnosis::Stale(error),
        Err(error @ (VerifyError::PathSecret | VerifyError::Address(_) | VerifyError::NoAddress)) => {
            return Diagnosis::Sender(error);
        }
        Err(error) => error,
    };
    let mut search = Search::new(verifier, caller, search::THOROUGH);
    if let Some(found) = search.scheme(body) {
        return if found.is_another_writing(verifier.scheme()) {
            Diagnosis::Writing(found)
        } else {
            Diagnosis::OtherScheme(found)
        };
    }
    if search.other_ends(body) {
        return Diagnosis::SecretEnds(header);
    }
    let announced = announced(caller);
    let mut changed = rewrite::variants(body, announced);
    if let Some((change, _)) = changed.find(|(_, before)| search.as_configured(before)) {
        return Diagnosis::Altered(change);
    }
    match error {
        VerifyError::Missing(name) => Diagnosis::Missing(name, search::like_signatures(caller)),
        VerifyError::Mismatch(name) => match announced {
            Some(length) if length != body.len() as u64 => Diagnosis::Length(length, body.len()),
            _ => Diagnosis::Secret(name),
        },
        error => {
            let looks = search::looks_like(caller, verifier.scheme());
            Diagnosis::Unreadable(error, looks)
        }
    }
}

fn announced(caller: &Caller<'_>) -> Option<u64> {
    let value = caller.header("content-length").next()?;
    std::str::from_utf8(value).ok()?.trim().parse().ok()
}

impl Diagnosis {
    /// Whether the request verifies and its body can be read.
    pub fn verifies(&self) -> bool {
        matches!(self, Self::Verified(..))
    }

    /// The word for it, for machines.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Verified(..) => "verified",
            Self::Body(_) => "bad_body",
            Self::Stale(_) => "stale",
            Self::Missing(..) => "missing_header",
            Self::Unreadable(..) => "unreadable_header",
            Self::Sender(VerifyError::PathSecret) => "wrong_path",
            Self::Sender(_) => "wrong_address",
            Self::Writing(_) => "wrong_encoding",
            Self::OtherScheme(_) => "other_scheme",
            Self::Altered(_) | Self::Length(..) => "altered_body",
            Self::SecretEnds(_) | Self::Secret(_) => "wrong_secret",
        }
    }

    /// The scheme under which it would verify, where another than the configured one fits.
    pub fn scheme(&self) -> Option<&Scheme> {
        match self {
            Self::Writing(found) | Self::OtherScheme(found) => Some(found.scheme()),
            _ => None,
        }
    }
}

impl fmt::Display for Diagnosis {
    /// One sentence: why, and what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verified(scheme, header) if header.is_empty() => write!(f, "it verifies by {scheme} alone"),
            Self::Verified(scheme, header) => {
                write!(f, "it verifies: the signature in {header} is good under {scheme}")
            }
            Self::Body(fault) => {
                write!(
                    f,
                    "the signature is good, and {fault}: it is answered 400, have the sender post one JSON object"
                )
            }
            Self::Stale(error) => write!(
                f,
                "the signature is good, but {error}: set both clocks right, or, if this request was kept for a while, judge it with --at"
            ),
            Self::Sender(error @ VerifyError::PathSecret) => write!(
                f,
                "{error}; what was signed was not looked at (the path of a request that scanrelay kept is cut, judge it by its own path)"
            ),
            Self::Sender(error) => {
                write!(
                    f,
                    "{error}: add its network to allow_ips, or have it sent from where it may; the rest was not looked at"
                )
            }
            Self::Missing(name, like) if like.is_empty() => write!(
                f,
                "header {name} is missing, and no other header looks like a signature: set the secret at the sender, and see that no proxy drops the header"
            ),
            Self::Missing(name, like) => write!(
                f,
                "header {name} is missing, and under what {} holds no known scheme fits the secret: name the header and the secret that the sender uses",
                like.join(", ")
            ),
            Self::Unreadable(error, None) => {
                write!(f, "{error}: have the sender send the header once, as the scheme says")
            }
            Self::Unreadable(error, Some(looks)) => {
                write!(
                    f,
                    "{error}; it looks like {looks}, and fits no configured secret: compare scheme and secret with the sender's"
                )
            }
            Self::Writing(found) => {
                write!(
                    f,
                    "wrong encoding: the secret is right, but the signature is written as {}: set {}",
                    found.form(),
                    found.setting()
                )
            }
            Self::OtherScheme(found) => write!(
                f,
                "another scheme: the secret is right, but the sender signs as {}: set {}",
                found.in_words(),
                found.setting()
            ),
            Self::Altered(change) => write!(f, "the body was altered after it was signed: {change}"),
            Self::Length(announced, found) => write!(
                f,
                "the body was altered or cut: Content-Length says {announced} bytes and it has {found}; save the request byte for byte, or find the proxy that rewrites it"
            ),
            Self::SecretEnds(header) => write!(
                f,
                "wrong secret: the signature in {header} fits it with other blanks or line ends around it: write the same bytes at both ends"
            ),
            Self::Secret(header) => write!(
                f,
                "wrong secret: the signature in {header} has the right form and fits no configured secret under any known scheme or rewriting of the body: set the secret that the sender has (only a value changed in the body would look the same)"
            ),
        }
    }
}

#[cfg(test)]
mod tests;
