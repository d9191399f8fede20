//! Schemes and secrets that cannot work.

/// A scheme, or a secret under it, that cannot work. Found when a [`Verifier`](super::Verifier) is made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemeError {
    /// The template of the signed content is not one.
    #[error("signed = {0:?} is no template: use {{body}} once, {{id}} and {{timestamp}} at most once, and text")]
    Template(String),
    /// A header's value would be believed without being signed.
    #[error(
        "{0}_header is set but {{{0}}} is not part of `signed`: an unsigned {0} proves nothing, remove one or add the other"
    )]
    NotSigned(&'static str),
    /// A signed value has no header to come from.
    #[error("`signed` names {{{0}}} but {0}_header is not set")]
    NoHeader(&'static str),
    /// A name no HTTP header can have.
    #[error("{0:?} is no header name")]
    HeaderName(String),
    /// The secret is not base64 of at least one byte, or, after `whpk_` or `whsk_`, of no Ed25519 key.
    #[error("the secret is not base64 as the scheme needs it: check for a cut or a wrapped line")]
    Key,
    /// A public key verifies and cannot sign.
    #[error("a public key (whpk_) cannot sign: give the private one (whsk_)")]
    PublicKey,
    /// An Ed25519 key under a scheme that has none. A public key is known to everybody: as a MAC's key or a token it would
    /// prove nothing.
    #[error(
        "the secret is an Ed25519 key (whpk_ or whsk_), which is for standard-webhooks and svix: set that scheme, or the secret that the sender signs with"
    )]
    Asymmetric,
    /// A secret that is a segment of a path must be one that no client rewrites and nobody guesses.
    #[error("a path secret is from 16 to 256 letters, digits, and - _ . ~: make one with openssl rand -hex 24")]
    PathSecret,
    /// Secrets where nothing is to be proved by them.
    #[error("secrets are given, and nothing is signed with them")]
    UnusedSecrets,
    /// No address would be let in.
    #[error("no network is given from which deliveries may come")]
    NoNetwork,
    /// A verifier without secrets would refuse everybody.
    #[error("no secret is given")]
    NoSecret,
    /// More secrets than can be tried on each delivery.
    #[error("{0} secrets are given, at most 16 can be tried")]
    TooManySecrets(usize),
    /// A token is sent as a header's value.
    #[error("the token is not text that a header can carry")]
    TokenNotText,
    /// Signing under a scheme with an id header needs an id that a receiver takes.
    #[error("the scheme signs an id: give one of visible ASCII without a dot, of at most 256 bytes")]
    IdNeeded,
}
