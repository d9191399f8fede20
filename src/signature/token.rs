//! The secret itself in a header.

use super::error::SchemeError;
use super::key::is_asymmetric;
use crate::Secret;

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
        } else if is_asymmetric(secret) {
            Err(SchemeError::Asymmetric)
        } else if token.trim_ascii().len() < token.len() || !token.iter().all(|byte| matches!(byte, b' '..=b'~')) {
            Err(SchemeError::TokenNotText)
        } else {
            Ok(())
        }
    }
}

/// RFC 9110 section 5.6.2: a token.
pub(super) fn is_header_name(name: &str) -> bool {
    let symbols = b"!#$%&'*+-.^_`|~";
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || symbols.contains(&byte))
}
