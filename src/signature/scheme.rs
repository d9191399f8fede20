//! What a sender signs, with what, and where it says so.

use base64ct::{Base64, Encoding as _};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha512};
use zeroize::Zeroizing;

use crate::Secret;

/// How deliveries of one registry are signed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scheme {
    /// A MAC over the raw body, perhaps with an id and a time.
    Hmac(HmacScheme),
    /// The secret itself in a header. Proves the sender, not the body: it needs TLS.
    Token(TokenScheme),
}

impl Scheme {
    /// `X-Hub-Signature-256: sha256=<hex>` over the body (GitHub, "Validating webhook deliveries").
    pub fn github() -> Self {
        let mut scheme = HmacScheme::new("X-Hub-Signature-256");
        scheme.name = "github".into();
        scheme.prefix = "sha256=".into();
        Self::Hmac(scheme)
    }

    /// Standard Webhooks 1.0.0, symmetric (`v1`): `webhook-id`, `webhook-timestamp`, `webhook-signature`.
    pub fn standard_webhooks() -> Self {
        let mut scheme = HmacScheme::new("webhook-signature");
        scheme.name = "standard-webhooks".into();
        scheme.prefix = "v1,".into();
        scheme.separator = Some(' ');
        scheme.encoding = Encoding::Base64;
        scheme.id_header = Some("webhook-id".into());
        scheme.timestamp_header = Some("webhook-timestamp".into());
        scheme.key = KeyForm::Whsec;
        scheme.signed = SignedContent::parse("{id}.{timestamp}.{body}").unwrap_or_default();
        Self::Hmac(scheme)
    }

    /// The secret in the header `header`, with or without `Bearer ` before it.
    pub fn token(header: impl Into<String>) -> Self {
        Self::Token(TokenScheme { header: header.into() })
    }

    /// The name by which listings and errors call it.
    pub fn name(&self) -> &str {
        match self {
            Self::Hmac(hmac) => &hmac.name,
            Self::Token(_) => "token",
        }
    }

    /// The header that carries the signature or the token.
    pub fn header(&self) -> &str {
        match self {
            Self::Hmac(hmac) => &hmac.header,
            Self::Token(token) => &token.header,
        }
    }
}

/// A header that carries the secret: visible ASCII, within which blanks may stand.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenScheme {
    /// The header's name.
    pub header: String,
}

impl TokenScheme {
    /// Whether the header can carry that secret. Blanks at its ends would be dropped on the way.
    pub(super) fn check(&self, secret: &Secret) -> Result<(), SchemeError> {
        let token = secret.expose();
        if !is_header_name(&self.header) {
            Err(SchemeError::HeaderName(self.header.clone()))
        } else if token.trim_ascii().len() < token.len() || !token.iter().all(|byte| matches!(byte, b' '..=b'~')) {
            Err(SchemeError::TokenNotText)
        } else {
            Ok(())
        }
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
            separator: None,
            id_header: None,
            timestamp_header: None,
            key: KeyForm::Raw,
            signed: SignedContent::default(),
        }
    }

    /// Whether its parts agree: what a header brings is signed, and what is signed has a header.
    pub fn check(&self) -> Result<(), SchemeError> {
        let pairs = [(&self.id_header, Part::Id, "id"), (&self.timestamp_header, Part::Timestamp, "timestamp")];
        for (header, part, word) in pairs {
            match (header, self.signed.0.contains(&part)) {
                (Some(_), false) => return Err(SchemeError::NotSigned(word)),
                (None, true) => return Err(SchemeError::NoHeader(word)),
                _ => {}
            }
        }
        let names = [Some(&self.header), self.id_header.as_ref(), self.timestamp_header.as_ref()];
        match names.into_iter().flatten().find(|name| !is_header_name(name)) {
            Some(name) => Err(SchemeError::HeaderName(name.clone())),
            None => Ok(()),
        }
    }
}

/// RFC 9110 section 5.6.2: a token.
fn is_header_name(name: &str) -> bool {
    let symbols = b"!#$%&'*+-.^_`|~";
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || symbols.contains(&byte))
}

/// The hash under an HMAC (RFC 2104 with FIPS 180-4). SHA-1 and MD5 are not offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Algorithm {
    /// HMAC-SHA256.
    Sha256,
    /// HMAC-SHA512.
    Sha512,
}

/// How a MAC is written in a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encoding {
    /// Hexadecimal, of either case.
    Hex,
    /// Base64 with padding (RFC 4648 section 4), canonical: stray final bits are refused.
    Base64,
}

impl Encoding {
    pub(super) fn encode(self, bytes: &[u8]) -> String {
        match self {
            Self::Hex => base16ct::lower::encode_string(bytes),
            Self::Base64 => Base64::encode_string(bytes),
        }
    }

    pub(crate) fn decode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Hex => base16ct::mixed::decode_vec(text).ok(),
            Self::Base64 => Base64::decode_vec(text).ok(),
        }
    }
}

/// How a secret becomes the key of an HMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyForm {
    /// The secret's bytes are the key.
    Raw,
    /// The secret is base64 of the key.
    Base64,
    /// Standard Webhooks: base64 of the key, after an optional `whsec_`.
    Whsec,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Id,
    Timestamp,
    Body,
    Text(String),
}

/// What is signed: a template of `{id}`, `{timestamp}`, `{body}` and the text between them.
///
/// ```
/// use scanrelay::signature::SignedContent;
///
/// assert!(SignedContent::parse("v0:{timestamp}:{body}").is_ok());
/// assert!(SignedContent::parse("{id}.{timestamp}").is_err(), "the body is what matters");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedContent(Vec<Part>);

impl Default for SignedContent {
    /// The body alone.
    fn default() -> Self {
        Self(vec![Part::Body])
    }
}

impl SignedContent {
    /// Reads a template. It must name `{body}` exactly once and the others at most once.
    pub fn parse(template: &str) -> Result<Self, SchemeError> {
        let fault = || SchemeError::Template(template.to_owned());
        let mut parts = Vec::new();
        let mut rest = template;
        while let Some(open) = rest.find('{') {
            if open > 0 {
                parts.push(Part::Text(rest[..open].to_owned()));
            }
            let close = rest[open..].find('}').ok_or_else(fault)? + open;
            let part = match &rest[open + 1..close] {
                "id" => Part::Id,
                "timestamp" => Part::Timestamp,
                "body" => Part::Body,
                _ => return Err(fault()),
            };
            if parts.contains(&part) {
                return Err(fault());
            }
            parts.push(part);
            rest = &rest[close + 1..];
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        if parts.contains(&Part::Body) { Ok(Self(parts)) } else { Err(fault()) }
    }

    pub(super) fn parts<'a>(
        &'a self,
        id: &'a [u8],
        timestamp: &'a [u8],
        body: &'a [u8],
    ) -> impl Iterator<Item = &'a [u8]> + Clone {
        self.0.iter().map(move |part| match part {
            Part::Id => id,
            Part::Timestamp => timestamp,
            Part::Body => body,
            Part::Text(text) => text.as_bytes(),
        })
    }
}

impl std::fmt::Display for SignedContent {
    /// The template, as [`SignedContent::parse`] takes it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Id => f.write_str("{id}"),
            Part::Timestamp => f.write_str("{timestamp}"),
            Part::Body => f.write_str("{body}"),
            Part::Text(text) => f.write_str(text),
        })
    }
}

/// A key ready for use.
#[derive(Clone)]
pub(super) struct Key(Zeroizing<Vec<u8>>);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(redacted)")
    }
}

impl Key {
    pub(super) fn of(scheme: &HmacScheme, secret: &Secret) -> Result<Self, SchemeError> {
        let bytes = secret.expose();
        let encoded = match scheme.key {
            KeyForm::Raw => return Ok(Self(Zeroizing::new(bytes.to_vec()))),
            KeyForm::Base64 => bytes,
            KeyForm::Whsec => bytes.strip_prefix(b"whsec_").unwrap_or(bytes),
        };
        let text = std::str::from_utf8(encoded).map_err(|_| SchemeError::Key)?;
        let key = Zeroizing::new(Base64::decode_vec(text).map_err(|_| SchemeError::Key)?);
        if key.is_empty() { Err(SchemeError::Key) } else { Ok(Self(key)) }
    }

    pub(super) fn mac<'a>(&self, algorithm: Algorithm, parts: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
        match algorithm {
            Algorithm::Sha256 => fed::<Hmac<Sha256>>(&self.0, parts).finalize().into_bytes().to_vec(),
            Algorithm::Sha512 => fed::<Hmac<Sha512>>(&self.0, parts).finalize().into_bytes().to_vec(),
        }
    }

    pub(super) fn verifies<'a>(
        &self,
        algorithm: Algorithm,
        parts: impl Iterator<Item = &'a [u8]>,
        candidate: &[u8],
    ) -> bool {
        match algorithm {
            Algorithm::Sha256 => fed::<Hmac<Sha256>>(&self.0, parts).verify_slice(candidate).is_ok(),
            Algorithm::Sha512 => fed::<Hmac<Sha512>>(&self.0, parts).verify_slice(candidate).is_ok(),
        }
    }
}

fn fed<'a, M: Mac + KeyInit>(key: &[u8], parts: impl Iterator<Item = &'a [u8]>) -> M {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
    parts.for_each(|part| mac.update(part));
    mac
}

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
    /// The secret is not base64 of at least one byte.
    #[error("the secret is not base64 as the scheme needs it: check for a cut or a wrapped line")]
    Key,
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
