//! What a verification proves, and why one fails.

use std::net::IpAddr;

use crate::Timestamp;

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
    /// The path does not end with the secret that the verifier asks for.
    #[error("the path does not end with the secret that was agreed on: the sender posts to /hooks/NAME/SECRET")]
    PathSecret,
    /// The address is none from which deliveries may come.
    #[error("{0} is no address from which deliveries may come")]
    Address(IpAddr),
    /// Who sent it is not known: there is no address, or a proxy's header that should tell it cannot be read.
    #[error("the sender's address is not known: see that the trusted proxy sends X-Forwarded-For with addresses")]
    NoAddress,
    /// The signed time is too long ago: by how many seconds, and how many are tolerated.
    #[error("the signed time is {0} s in the past, the tolerance is {1} s")]
    TooOld(u64, u64),
    /// The signed time is too far ahead: by how many seconds, and how many are tolerated.
    #[error("the signed time is {0} s in the future, the tolerance is {1} s")]
    TooNew(u64, u64),
}
