//! The id and the time that a signature covers, as headers bring them.

use super::caller::Caller;
use super::verified::VerifyError;
use crate::Timestamp;

/// An id longer than this is not an id.
const MAX_ID: usize = 256;

/// An id of visible ASCII without a dot: with dots, `{id}.{timestamp}` could be cut in two ways.
pub(super) fn id<'a>(caller: &Caller<'a>, name: &str) -> Result<&'a str, VerifyError> {
    id_text(caller.the_header(name)?).map_err(|why| VerifyError::Malformed(name.to_owned(), why))
}

/// What an id is, to who signs and to who verifies.
pub(super) fn id_text(value: &[u8]) -> Result<&str, &'static str> {
    if value.is_empty() {
        return Err("an id has at least one byte");
    }
    if value.len() > MAX_ID {
        return Err("it is longer than 256 bytes");
    }
    if !value.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'.') {
        return Err("an id is visible ASCII without a dot");
    }
    std::str::from_utf8(value).map_err(|_| "it is not ASCII")
}

pub(super) fn timestamp<'a>(caller: &Caller<'a>, name: &str) -> Result<(&'a [u8], Timestamp), VerifyError> {
    let value = caller.the_header(name)?;
    let malformed = || VerifyError::Malformed(name.to_owned(), "a time is Unix seconds, digits only");
    // Eleven digits reach the year 5138.
    if value.len() > 11 || !value.iter().all(u8::is_ascii_digit) {
        return Err(malformed());
    }
    let seconds: i64 = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).ok_or_else(malformed)?;
    Ok((value, Timestamp::from_millis(seconds * 1000)))
}
