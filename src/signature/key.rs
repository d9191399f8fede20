//! Secrets made into keys.

use base64ct::{Base64, Encoding as _};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha512};
use zeroize::Zeroizing;

use super::error::SchemeError;
use super::scheme::HmacScheme;
use super::writing::Algorithm;
use crate::Secret;

/// How a secret becomes the key of an HMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyForm {
    /// The secret's bytes are the key.
    Raw,
    /// The secret is base64 of the key.
    Base64,
    /// Standard Webhooks: base64 of the key, after an optional `whsec_`. After `whpk_` it is an Ed25519 public key, after
    /// `whsk_` a private one, of 32 bytes or, with the public one behind it, of 64: where the scheme has a prefix for those.
    Whsec,
}

/// Whether it is written as one of Standard Webhooks' Ed25519 keys.
pub(super) fn is_asymmetric(secret: &Secret) -> bool {
    [PUBLIC, PRIVATE].iter().any(|prefix| secret.expose().starts_with(prefix))
}

const PUBLIC: &[u8] = b"whpk_";
const PRIVATE: &[u8] = b"whsk_";

/// A key ready for use.
#[derive(Clone)]
pub(super) enum Key {
    /// Of an HMAC.
    Shared(Zeroizing<Vec<u8>>),
    /// Of Ed25519 (RFC 8032).
    Public(VerifyingKey),
    Private(Box<SigningKey>),
}

/// What a key is tried on, and what it makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Mac,
    Ed25519,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(redacted)")
    }
}

impl Key {
    pub(super) fn of(scheme: &HmacScheme, secret: &Secret) -> Result<Self, SchemeError> {
        let bytes = secret.expose();
        if is_asymmetric(secret) {
            let has_them = scheme.key == KeyForm::Whsec && scheme.ed25519_prefix.is_some();
            return if has_them { asymmetric(bytes) } else { Err(SchemeError::Asymmetric) };
        }
        if scheme.key == KeyForm::Raw {
            return Ok(Self::Shared(Zeroizing::new(bytes.to_vec())));
        }
        let encoded = if scheme.key == KeyForm::Whsec { bytes.strip_prefix(b"whsec_").unwrap_or(bytes) } else { bytes };
        decoded(encoded).map(Self::Shared)
    }

    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Shared(_) => Kind::Mac,
            Self::Public(_) | Self::Private(_) => Kind::Ed25519,
        }
    }

    pub(super) fn sign<'a>(
        &self,
        algorithm: Algorithm,
        parts: impl Iterator<Item = &'a [u8]>,
    ) -> Result<Vec<u8>, SchemeError> {
        match self {
            Self::Shared(key) => Ok(match algorithm {
                Algorithm::Sha256 => fed::<Hmac<Sha256>>(key, parts).finalize().into_bytes().to_vec(),
                Algorithm::Sha512 => fed::<Hmac<Sha512>>(key, parts).finalize().into_bytes().to_vec(),
            }),
            Self::Private(key) => Ok(key.sign(&whole(parts)).to_bytes().to_vec()),
            Self::Public(_) => Err(SchemeError::PublicKey),
        }
    }

    /// Whether one of the candidates is its signature. What is signed is hashed once for all MACs.
    pub(super) fn verifies<'a, 'c>(
        &self,
        algorithm: Algorithm,
        parts: impl Iterator<Item = &'a [u8]>,
        mut candidates: impl Iterator<Item = &'c [u8]>,
    ) -> bool {
        let public = match (self, algorithm) {
            (Self::Shared(key), Algorithm::Sha256) => {
                let fed = fed::<Hmac<Sha256>>(key, parts);
                return candidates.any(|candidate| fed.clone().verify_slice(candidate).is_ok());
            }
            (Self::Shared(key), Algorithm::Sha512) => {
                let fed = fed::<Hmac<Sha512>>(key, parts);
                return candidates.any(|candidate| fed.clone().verify_slice(candidate).is_ok());
            }
            (Self::Public(key), _) => *key,
            (Self::Private(key), _) => key.verifying_key(),
        };
        let signed = whole(parts);
        // Strict: no weak key, no second signature of the same bytes.
        let fits = |signature| public.verify_strict(&signed, &signature).is_ok();
        candidates.any(|candidate| Signature::from_slice(candidate).is_ok_and(fits))
    }
}

fn asymmetric(secret: &[u8]) -> Result<Key, SchemeError> {
    if let Some(public) = secret.strip_prefix(PUBLIC) {
        let public = decoded(public)?;
        let public = public.as_slice().try_into().map_err(|_| SchemeError::Key)?;
        let key = VerifyingKey::from_bytes(public).map_err(|_| SchemeError::Key)?;
        // Under a key of small order one signature would fit many bodies.
        return if key.is_weak() { Err(SchemeError::Key) } else { Ok(Key::Public(key)) };
    }
    let private = decoded(secret.strip_prefix(PRIVATE).unwrap_or_default())?;
    private_key(&private).map(|key| Key::Private(Box::new(key)))
}

/// Ed25519 reads what is signed twice, so that it has to be in one piece.
fn whole<'a>(parts: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    parts.fold(Vec::new(), |mut whole, part| {
        whole.extend_from_slice(part);
        whole
    })
}

fn decoded(base64: &[u8]) -> Result<Zeroizing<Vec<u8>>, SchemeError> {
    let text = std::str::from_utf8(base64).map_err(|_| SchemeError::Key)?;
    let key = Zeroizing::new(Base64::decode_vec(text).map_err(|_| SchemeError::Key)?);
    if key.is_empty() { Err(SchemeError::Key) } else { Ok(key) }
}

/// A seed, or a seed with its public key.
fn private_key(bytes: &[u8]) -> Result<SigningKey, SchemeError> {
    if let Ok(seed) = bytes.try_into() {
        return Ok(SigningKey::from_bytes(seed));
    }
    let pair = bytes.try_into().map_err(|_| SchemeError::Key)?;
    SigningKey::from_keypair_bytes(pair).map_err(|_| SchemeError::Key)
}

fn fed<'a, M: Mac + KeyInit>(key: &[u8], parts: impl Iterator<Item = &'a [u8]>) -> M {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
    parts.for_each(|part| mac.update(part));
    mac
}
