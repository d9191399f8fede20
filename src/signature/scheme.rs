//! What a sender signs, with what, and where it says so.

use super::content::{Part, SignedContent};
use super::error::SchemeError;
use super::key::KeyForm;
use super::token::{TokenScheme, is_header_name};
use super::writing::{Algorithm, Encoding, Form};

/// How deliveries of one registry are signed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scheme {
    /// A MAC over the raw body, perhaps with an id and a time.
    Hmac(HmacScheme),
    /// The secret itself in a header. Proves the sender, not the body: it needs TLS.
    Token(TokenScheme),
    /// The secret itself as the last segment of the path, for senders that can send nothing else. As a token, it needs TLS.
    Path,
    /// Nothing. Who can connect is believed; what a [`Verifier`](super::Verifier) may still look at is the address.
    Unsigned,
}

impl Scheme {
    /// The secret in the header `header`, with or without `Bearer ` before it.
    pub fn token(header: impl Into<String>) -> Self {
        Self::Token(TokenScheme { header: header.into() })
    }

    /// The name by which listings and errors call it.
    pub fn name(&self) -> &str {
        match self {
            Self::Hmac(hmac) => &hmac.name,
            Self::Token(_) => "token",
            Self::Path => "path secret",
            Self::Unsigned => "nothing",
        }
    }

    /// The header that carries the signature or the token, if one does.
    pub fn header(&self) -> Option<&str> {
        match self {
            Self::Hmac(hmac) => Some(&hmac.header),
            Self::Token(token) => Some(&token.header),
            Self::Path | Self::Unsigned => None,
        }
    }

    /// Whether a header of that name may carry a signature or a token, under whichever name the scheme knows it.
    pub(crate) fn is_carried_by(&self, name: &str) -> bool {
        let other = match self {
            Self::Hmac(hmac) => hmac.fallback.as_ref().map(|fallback| fallback.header.as_str()),
            _ => None,
        };
        [self.header(), other].into_iter().flatten().any(|header| header.eq_ignore_ascii_case(name))
    }
}

/// A MAC in a header. Start from [`HmacScheme::new`] and set what differs.
///
/// ```
/// use scanrelay::signature::{HmacScheme, SignedContent};
///
/// let mut scheme = HmacScheme::new("X-Signature");
/// scheme.id_header = Some("X-Id".into());
/// scheme.timestamp_header = Some("X-Time".into());
/// scheme.signed = SignedContent::parse("{id}.{timestamp}.{body}").unwrap();
/// scheme.check().unwrap();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HmacScheme {
    /// The name by which listings and errors call it; `custom` unless it is a preset.
    pub name: String,
    /// The hash under the MAC.
    pub algorithm: Algorithm,
    /// The header with the signature or signatures.
    pub header: String,
    /// How the MAC is written.
    pub encoding: Encoding,
    /// What stands before the MAC; a candidate without it is passed over.
    pub prefix: String,
    /// Other prefixes and encodings in which the MAC may come. Nobody signs by them here.
    pub also: Vec<Form>,
    /// What stands before an Ed25519 signature, in base64, for secrets that are keys of that kind; `None`: there are none.
    pub ed25519_prefix: Option<String>,
    /// What separates several signatures in the header; `None`: there is one.
    pub separator: Option<char>,
    /// The header with the delivery's id, which must be part of the signed content.
    pub id_header: Option<String>,
    /// The header with the Unix time in seconds, which must be part of the signed content.
    pub timestamp_header: Option<String>,
    /// How the secret becomes the key.
    pub key: KeyForm,
    /// What is signed.
    pub signed: SignedContent,
    /// What to look for where a request has none of the headers above.
    pub fallback: Option<Box<Self>>,
}

impl HmacScheme {
    /// HMAC-SHA256 over the body, in hex, in that header, with the secret's bytes as the key.
    pub fn new(header: impl Into<String>) -> Self {
        Self {
            name: "custom".into(),
            algorithm: Algorithm::Sha256,
            header: header.into(),
            encoding: Encoding::Hex,
            prefix: String::new(),
            also: Vec::new(),
            ed25519_prefix: None,
            separator: None,
            id_header: None,
            timestamp_header: None,
            key: KeyForm::Raw,
            signed: SignedContent::default(),
            fallback: None,
        }
    }

    /// Whether its parts agree: what a header brings is signed, and what is signed has a header.
    pub fn check(&self) -> Result<(), SchemeError> {
        let pairs = [(&self.id_header, Part::Id, "id"), (&self.timestamp_header, Part::Timestamp, "timestamp")];
        for (header, part, word) in pairs {
            match (header, self.signed.names(&part)) {
                (Some(_), false) => return Err(SchemeError::NotSigned(word)),
                (None, true) => return Err(SchemeError::NoHeader(word)),
                _ => {}
            }
        }
        match self.headers().find(|name| !is_header_name(name)) {
            Some(name) => Err(SchemeError::HeaderName(name.to_owned())),
            None => self.fallback.as_ref().map_or(Ok(()), |fallback| fallback.check()),
        }
    }

    /// The headers that it looks at.
    pub(super) fn headers(&self) -> impl Iterator<Item = &str> {
        let names = [Some(&self.header), self.id_header.as_ref(), self.timestamp_header.as_ref()];
        names.into_iter().flatten().map(String::as_str)
    }
}
