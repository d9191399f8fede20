//! What an answer means before anybody looks into it: the same for every registry.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::object::Object;
use super::{Exchange, Step};

/// The JSON object of a 2xx answer; anything else is the step that follows from it.
///
/// 408, 429, 5xx, and 401/403 (credentials rotate) can be better later; so can a 2xx that is no answer of this registry,
/// such as a login page. Other answers stay as they are.
pub(super) fn object<'a, T: Deserialize<'a>>(exchange: &'a Exchange) -> Result<T, Step> {
    match exchange.status {
        200..=299 => serde_json::from_slice(&exchange.body).map(|Object(answer)| answer).map_err(|_| {
            Step::Retry(format!(
                "{} was answered {} with what is no answer of this registry",
                exchange.request, exchange.status
            ))
        }),
        status => Err(refused(exchange, status)),
    }
}

/// What follows from an answer that is no 2xx.
fn refused(exchange: &Exchange, status: u16) -> Step {
    match status {
        401 | 403 => {
            Step::Retry(format!("{} was answered {status}: the credentials are not accepted", exchange.request))
        }
        408 | 429 | 500..=599 => Step::Retry(format!("{} was answered {status}", exchange.request)),
        status => Step::Refused(format!("{} was answered {status}", exchange.request)),
    }
}

/// For a registry whose 2xx says everything, with nothing in it or any JSON. A login page is neither.
pub(super) fn settled(exchange: &Exchange) -> Step {
    let said = exchange.body.trim_ascii();
    match exchange.status {
        200..=299 if said.is_empty() || serde_json::from_slice::<IgnoredAny>(said).is_ok() => Step::Done,
        status @ 200..=299 => Step::Retry(format!("{} was answered {status} with what is no JSON", exchange.request)),
        status => refused(exchange, status),
    }
}

/// A path segment: unreserved characters as they are, the rest percent-encoded (RFC 3986 section 2.3).
///
/// `None`: nothing, `.` or `..`, which no encoding makes a segment, since a URL parser takes `%2E` for a dot.
pub(super) fn segment(text: &str) -> Option<String> {
    if ["", ".", ".."].contains(&text) {
        return None;
    }
    Some(encoded(text))
}

/// `?a=b&c=d`, with every value percent-encoded.
pub(super) fn query(pairs: &[(&str, &str)]) -> String {
    let mut query = String::new();
    for (name, value) in pairs {
        query.push(if query.is_empty() { '?' } else { '&' });
        query.extend([name, "=", &encoded(value)]);
    }
    query
}

/// Unreserved characters as they are, the rest percent-encoded (RFC 3986 section 2.3): a query's value, or a part of a segment.
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push_str(&base16ct::upper::encode_string(&[byte]));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_stays_a_segment() {
        assert_eq!(segment("acme-1.2_x~").as_deref(), Some("acme-1.2_x~"));
        assert_eq!(segment("a/b c?d#é").as_deref(), Some("a%2Fb%20c%3Fd%23%C3%A9"));
        assert_eq!(segment("...").as_deref(), Some("..."));
        for none in ["", ".", ".."] {
            assert_eq!(segment(none), None, "{none:?}");
        }
    }

    #[test]
    fn a_value_stays_a_value() {
        assert_eq!(query(&[("name", "a&b=c d"), ("version", "..")]), "?name=a%26b%3Dc%20d&version=..");
        assert_eq!(query(&[]), "");
    }
}
