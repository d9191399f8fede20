//! Who signed this? Schemes, verification over the raw bytes, and signing.
//!
//! Sources: GitHub's "Validating webhook deliveries", Standard Webhooks 1.0.0, and those that each preset of [`Scheme`] names.
//! A [`Verifier`] never parses the body, never needs it to be UTF-8, and compares in constant time (`hmac`'s `verify_slice`,
//! `subtle` for tokens and path secrets); Ed25519 signatures are verified strictly.
//!
//! | what is proved | scheme | by what |
//! |---|---|---|
//! | body, id and time | `standard-webhooks`, `svix`, `mlflow` | a MAC; under the first two an Ed25519 signature, too |
//! | body | `github`, `databricks`, `wandb` | a MAC |
//! | as it says | [`HmacScheme`] | a MAC in any header, over any template |
//! | sender | [`Scheme::token`], [`Scheme::Path`] | the secret itself: it needs TLS |
//! | nothing | [`Scheme::Unsigned`] | at most the address: [`Verifier::with_networks`] |

mod caller;
mod candidates;
mod content;
mod error;
mod headers;
mod key;
mod network;
mod path;
mod preset;
mod scheme;
mod token;
mod verified;
mod verify;
mod writing;

pub use caller::Caller;
pub use content::SignedContent;
pub use error::SchemeError;
pub use key::KeyForm;
pub use network::Network;
pub use scheme::{HmacScheme, Scheme};
pub use token::TokenScheme;
pub use verified::{Verified, VerifyError};
pub use verify::Verifier;
pub use writing::{Algorithm, Encoding, Form};

use crate::{Secret, Timestamp};
use key::{Key, Kind};

/// Signs `body` as a sender under `scheme` would: the headers to send with it. [`Scheme::Path`] and [`Scheme::Unsigned`] have
/// none.
///
/// `id` and `now` are used only by schemes that sign them; a scheme with an id header needs an `id` of visible ASCII
/// without a dot, since no [`Verifier`] takes another.
///
/// ```
/// use scanrelay::signature::{sign, Scheme};
/// use scanrelay::{Secret, Timestamp};
///
/// let secret = Secret::new("It's a Secret to Everybody").unwrap();
/// let headers = sign(&Scheme::github(), &secret, None, Timestamp::default(), b"Hello, World!").unwrap();
/// assert_eq!(headers[0].0, "X-Hub-Signature-256");
/// assert_eq!(headers[0].1, "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17");
/// ```
pub fn sign(
    scheme: &Scheme,
    secret: &Secret,
    id: Option<&str>,
    now: Timestamp,
    body: &[u8],
) -> Result<Vec<(String, String)>, SchemeError> {
    match scheme {
        Scheme::Token(token) => {
            token.check(secret)?;
            let value = std::str::from_utf8(secret.expose()).map_err(|_| SchemeError::TokenNotText)?;
            Ok(vec![(token.header.clone(), value.to_owned())])
        }
        Scheme::Hmac(hmac) => {
            hmac.check()?;
            let timestamp = now.as_secs().to_string();
            let id = id.unwrap_or_default();
            if hmac.id_header.is_some() {
                headers::id_text(id.as_bytes()).map_err(|_| SchemeError::IdNeeded)?;
            }
            let key = Key::of(hmac, secret)?;
            let signature = key.sign(hmac.algorithm, hmac.signed.parts(id.as_bytes(), timestamp.as_bytes(), body))?;
            let written = match (key.kind(), &hmac.ed25519_prefix) {
                (Kind::Ed25519, Some(prefix)) => [prefix, Encoding::Base64.encode(&signature).as_str()].concat(),
                _ => [hmac.prefix.as_str(), &hmac.encoding.encode(&signature)].concat(),
            };
            let mut made = Vec::with_capacity(3);
            if let Some(name) = &hmac.id_header {
                made.push((name.clone(), id.to_owned()));
            }
            if let Some(name) = &hmac.timestamp_header {
                made.push((name.clone(), timestamp));
            }
            made.push((hmac.header.clone(), written));
            Ok(made)
        }
        Scheme::Path => path::check(secret).map(|()| Vec::new()),
        Scheme::Unsigned => Ok(Vec::new()),
    }
}

#[cfg(test)]
mod tests;
