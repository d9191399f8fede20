//! What is asked, taken apart.

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header::HeaderMap;
use actix_web::web::Bytes;
use percent_encoding::percent_decode_str;
use url::form_urlencoded;

use super::ROOT;
use crate::emulator::origin;

/// One request.
pub struct Asked {
    pub method: Method,
    /// Below where Jenkins lives, decoded.
    pub path: Vec<String>,
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Where Jenkins is, as whoever asks sees it, with a slash at its end.
    pub base: String,
}

impl Asked {
    pub fn of(request: &HttpRequest, body: Bytes) -> Self {
        let path = request.uri().path().strip_prefix(ROOT).unwrap_or_default();
        let pairs = form_urlencoded::parse(request.query_string().as_bytes());
        Self {
            method: request.method().clone(),
            path: path.split('/').filter(|part| !part.is_empty()).map(decoded).collect(),
            query: pairs.into_owned().collect(),
            headers: request.headers().clone(),
            body,
            base: format!("{}{ROOT}/", origin::of(request)),
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Of the query, else of the form.
    pub fn parameter(&self, name: &str) -> Option<String> {
        self.parameters().into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Of the query and of the form.
    pub fn parameters(&self) -> Vec<(String, String)> {
        let kind = self.header("Content-Type").unwrap_or_default();
        let form = if kind.starts_with("application/x-www-form-urlencoded") { &self.body[..] } else { b"" };
        self.query.iter().cloned().chain(form_urlencoded::parse(form).into_owned()).collect()
    }
}

/// Percent-encoding undone; what is none stays.
fn decoded(part: &str) -> String {
    percent_decode_str(part).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn segments_are_decoded_once() {
        assert_eq!(decoded("a%20b%2Fc%25"), "a b/c%");
        assert_eq!(decoded("%zz%4"), "%zz%4");
        assert_eq!(decoded("%C3%A9"), "é");
    }
}
