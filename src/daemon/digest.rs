//! What bytes are known by.

use std::fmt;
use std::io::{self, Read};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// SHA-256, in lower-case hex.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(Box<str>);

impl Digest {
    /// Of 64 hex digits, with or without `sha256:` before them.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix("sha256:").unwrap_or(text);
        let good = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        good.then(|| Self(hex.to_ascii_lowercase().into()))
    }

    /// Of all that can be read there, and how many bytes that is.
    pub fn of(mut content: impl Read) -> io::Result<(Self, u64)> {
        let (mut hash, mut size, mut block) = (Sha256::new(), 0, vec![0; 64 * 1024]);
        loop {
            match content.read(&mut block)? {
                0 => return Ok((Self(base16ct::lower::encode_string(&hash.finalize()).into()), size)),
                read => {
                    hash.update(&block[..read]);
                    size += read as u64;
                }
            }
        }
    }

    pub fn hex(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.0)
    }
}

impl TryFrom<String> for Digest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| "a digest is 64 hex digits".to_owned())
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_64_hex_digits() {
        let hex = "0aF1".repeat(16);
        let digest = Digest::parse(&hex).unwrap();
        assert_eq!(Digest::parse(&format!("sha256:{hex}")), Some(digest.clone()));
        assert_eq!(digest.to_string(), format!("sha256:{}", "0af1".repeat(16)));
        for other in ["", "sha256:", &hex[1..], &format!("{hex}0"), &format!("sha512:{hex}"), &hex.replace('a', "g")] {
            assert_eq!(Digest::parse(other), None, "{other:?}");
        }
        let kept = serde_json::to_string(&digest).unwrap();
        assert_eq!(kept, format!("\"{}\"", "0af1".repeat(16)));
        assert_eq!(serde_json::from_str::<Digest>(&kept).unwrap(), digest);
        assert!(serde_json::from_str::<Digest>("\"0af1\"").is_err());
    }

    #[test]
    fn it_is_of_all_that_is_read() {
        // FIPS 180-2, appendix B.1 and B.3.
        let check = |content: &[u8], hex: &str| {
            let (digest, size) = Digest::of(content).unwrap();
            assert_eq!((digest.hex(), size), (hex, content.len() as u64));
        };
        check(b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        check(&b"a".repeat(1_000_000), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    }
}
