//! Who we are, as HTTP's `Authorization` says it.

use base64ct::{Base64, Encoding as _};
use zeroize::Zeroizing;

use crate::Secret;

/// The header of both.
pub(super) const AUTHORIZATION: &str = "Authorization";

/// `Bearer TOKEN` (RFC 6750 section 2.1).
pub fn bearer(token: &Secret) -> Secret {
    filled([b"Bearer ".as_slice(), token.expose()].concat(), token)
}

/// `Basic BASE64` (RFC 7617 section 2). A user's name has no colon.
pub fn basic(user: &str, password: &Secret) -> Secret {
    let login = Zeroizing::new([user.as_bytes(), b":", password.expose()].concat());
    filled(["Basic ", &Zeroizing::new(Base64::encode_string(&login))].concat().into_bytes(), password)
}

/// What is made of a secret is never empty.
fn filled(bytes: Vec<u8>, secret: &Secret) -> Secret {
    Secret::new(bytes).unwrap_or_else(|_| secret.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_written_as_http_says() {
        let secret = Secret::new("open sesame").unwrap();
        assert_eq!(bearer(&secret), Secret::new("Bearer open sesame").unwrap());
        // RFC 7617 section 2.
        assert_eq!(basic("Aladdin", &secret), Secret::new("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==").unwrap());
    }
}
