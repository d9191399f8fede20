//! Key bytes that cannot be printed by accident.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A secret: signing key, token or password.
///
/// Its `Debug` is redacted, its memory is wiped when it is dropped, it is never empty, and it compares in constant time.
///
/// ```
/// use scanrelay::Secret;
///
/// let secret = Secret::new("It's a Secret to Everybody").unwrap();
/// assert_eq!(format!("{secret:?}"), "Secret(redacted)");
/// assert!(Secret::new("").is_err());
/// ```
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

/// A secret with no bytes. An empty key would verify whatever an attacker signs with an empty key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the secret is empty")]
#[non_exhaustive]
pub struct EmptySecret;

impl Secret {
    /// Takes the bytes as they stand; nothing is trimmed or decoded.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, EmptySecret> {
        let bytes = Zeroizing::new(bytes.into());
        if bytes.is_empty() { Err(EmptySecret) } else { Ok(Self(bytes)) }
    }

    /// The bytes, for the one call that needs them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The same with other ends: without the blanks and line ends around it, and with a line end after it.
    pub(crate) fn with_other_ends(&self) -> Vec<Self> {
        let trimmed = self.0.trim_ascii();
        let ended = Zeroizing::new([trimmed, b"\n"].concat());
        let others = [trimmed, ended.as_slice()].into_iter().filter(|other| *other != self.0.as_slice());
        others.filter_map(|other| Self::new(other).ok()).collect()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_slice().ct_eq(other.0.as_slice()).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_nothing_of_itself() {
        let secret = Secret::new("hunter2").unwrap();
        assert!(!format!("{secret:?} {:#?}", Some(&secret)).contains("hunter"));
    }

    #[test]
    fn secrets_compare_by_bytes() {
        let secret = |text: &str| Secret::new(text).unwrap();
        assert_eq!(secret("a"), secret("a"));
        assert_ne!(secret("a"), secret("b"));
        assert_ne!(secret("a"), secret("ab"));
    }
}
