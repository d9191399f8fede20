//! Which hash, and how what comes of it is written.

use base64ct::{Base64, Encoding as _};

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
    /// Hexadecimal, all of one case: so that a signature with one bit changed is none.
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
            Self::Hex => base16ct::lower::decode_vec(text).or_else(|_| base16ct::upper::decode_vec(text)).ok(),
            Self::Base64 => Base64::decode_vec(text).ok(),
        }
    }
}

/// One way to write a MAC: what stands before it, and its encoding.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Form {
    /// What stands before the MAC.
    pub prefix: String,
    /// How the MAC itself is written.
    pub encoding: Encoding,
}

impl Form {
    /// That encoding after that prefix.
    pub fn new(prefix: impl Into<String>, encoding: Encoding) -> Self {
        Self { prefix: prefix.into(), encoding }
    }
}
