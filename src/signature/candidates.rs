//! What in a header could be the signature.

use super::key::{Key, Kind};
use super::scheme::HmacScheme;
use super::verified::VerifyError;
use super::writing::{Encoding, Form};

/// At most this many signatures in one header are tried.
const MAX_CANDIDATES: usize = 16;

/// The signatures in the header that have a prefix and an encoding of the scheme. Others are of other schemes, and are
/// passed over.
pub(super) fn candidates(hmac: &HmacScheme, keys: &[Key], header: &[u8]) -> Result<Vec<(Kind, Vec<u8>)>, VerifyError> {
    let malformed = |why| VerifyError::Malformed(hmac.header.clone(), why);
    let text = std::str::from_utf8(header).map_err(|_| malformed("it is not ASCII"))?;
    let all: Vec<&str> = match hmac.separator {
        Some(separator) => text.split(separator).filter(|part| !part.is_empty()).collect(),
        None => vec![text],
    };
    if all.len() > MAX_CANDIDATES {
        return Err(malformed("it holds more than 16 signatures"));
    }
    let macs = [(hmac.prefix.as_str(), hmac.encoding)].into_iter();
    let macs = macs.chain(hmac.also.iter().map(|Form { prefix, encoding }| (prefix.as_str(), *encoding)));
    let forms = macs.map(|(prefix, encoding)| (Kind::Mac, prefix, encoding));
    let public = hmac.ed25519_prefix.iter().map(|prefix| (Kind::Ed25519, prefix.as_str(), Encoding::Base64));
    let forms: Vec<_> = forms.chain(public).filter(|(kind, ..)| keys.iter().any(|key| key.kind() == *kind)).collect();
    let (mut prefixed, mut candidates) = (false, Vec::new());
    for part in all {
        for (kind, prefix, encoding) in &forms {
            let Some(written) = part.strip_prefix(prefix) else { continue };
            prefixed = true;
            candidates.extend(encoding.decode(written).map(|candidate| (*kind, candidate)));
        }
    }
    if !prefixed {
        return Err(malformed("no signature has the scheme's prefix"));
    }
    if candidates.is_empty() {
        return Err(malformed("no signature has the scheme's encoding"));
    }
    Ok(candidates)
}
