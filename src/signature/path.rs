//! The secret as the last segment of the path.

use subtle::ConstantTimeEq;

use super::caller::Caller;
use super::error::SchemeError;
use super::key::is_asymmetric;
use super::verified::VerifyError;
use super::verify::which;
use crate::Secret;

/// A shorter one could be guessed, a longer one is cut by some client.
const LENGTHS: std::ops::RangeInclusive<usize> = 16..=256;

/// Whether it can stand in a path as it is: RFC 3986's unreserved characters, which nobody on the way rewrites.
pub(super) fn check(secret: &Secret) -> Result<(), SchemeError> {
    let bytes = secret.expose();
    let unreserved = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(byte);
    if is_asymmetric(secret) {
        Err(SchemeError::Asymmetric)
    } else if LENGTHS.contains(&bytes.len()) && bytes.iter().all(unreserved) {
        Ok(())
    } else {
        Err(SchemeError::PathSecret)
    }
}

/// Which secret the path ends with. Whether there is none or another one is not told.
pub(super) fn verify(secrets: &[Secret], caller: &Caller<'_>) -> Result<usize, VerifyError> {
    let segment = caller.path_secret().unwrap_or_default().as_bytes();
    which(secrets, |secret| secret.expose().ct_eq(segment)).ok_or(VerifyError::PathSecret)
}
