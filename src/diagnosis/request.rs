//! A request in a file: raw HTTP, `curl -v`, or JSON.

use std::fmt::Write as _;

use serde::Deserialize;

use crate::{Caller, Timestamp};

/// A line of ours in raw HTTP: Unix seconds. It is no header of the request.
const RECEIVED_AT: &str = "Scanrelay-Received-At";
const MAX_HEADERS: usize = 256;

/// A request as it was saved, its body byte for byte.
///
/// ```
/// use scanrelay::diagnosis::SavedRequest;
///
/// let request = SavedRequest::parse(b"POST /hooks/verta HTTP/1.1\r\nX-Signature: abc\r\n\r\n{\"a\":1}").unwrap();
/// assert_eq!(request.body(), Some(b"{\"a\":1}".as_slice()));
/// assert_eq!(request.caller().header("x-signature").next(), Some(b"abc".as_slice()));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct SavedRequest {
    headers: Vec<(String, Vec<u8>)>,
    body: Option<Vec<u8>>,
    received_at: Option<Timestamp>,
    /// What follows the registry's name in the path.
    path_secret: Option<String>,
}

/// A file that is no request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// It looks like JSON and is not the JSON of a request.
    #[error(
        "it is no JSON of a request: write {{\"headers\": {{\"NAME\": \"VALUE\"}}, \"body\": \"…\"}}, one request a file"
    )]
    Json,
    /// A line of the head is none.
    #[error(
        "line {0} is no header: write raw HTTP (request line, NAME: VALUE lines, an empty line, the body), curl -v or JSON"
    )]
    Line(usize),
    /// More headers than a request has.
    #[error("it has more than {MAX_HEADERS} headers")]
    TooMany,
}

#[derive(Deserialize)]
struct Document {
    headers: Pairs,
    body: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Pairs {
    List(Vec<(String, String)>),
    Map(std::collections::BTreeMap<String, Values>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Values {
    One(String),
    Many(Vec<String>),
}

impl SavedRequest {
    /// Reads raw HTTP, `curl -v` or JSON, whichever it is.
    pub fn parse(file: &[u8]) -> Result<Self, RequestError> {
        let first = file.trim_ascii_start();
        let request = if first.starts_with(b"{") {
            json(first)?
        } else if file.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"> ")) {
            curl(file)?
        } else {
            raw(file)?
        };
        if request.headers.len() > MAX_HEADERS { Err(RequestError::TooMany) } else { Ok(request) }
    }

    /// A request that was received, to be written down.
    pub fn of(caller: &Caller<'_>, body: &[u8], received_at: Timestamp) -> Self {
        let headers = caller.headers().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let (body, received_at) = (Some(body.to_owned()), Some(received_at));
        // Who asks for a kept request asks for its signature: the secret of its path stays here.
        Self { headers: headers.collect(), body, received_at, path_secret: None }
    }

    /// The same with another body: `curl -v` does not print the one that it sends.
    #[must_use]
    pub fn with_body(self, body: Vec<u8>) -> Self {
        Self { body: Some(body), ..self }
    }

    /// Who called, as far as path and headers tell.
    pub fn caller(&self) -> Caller<'_> {
        let caller = Caller::new(self.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())));
        match &self.path_secret {
            Some(segment) => caller.with_path_secret(segment),
            None => caller,
        }
    }

    /// The body, if it was saved.
    pub fn body(&self) -> Option<&[u8]> {
        self.body.as_deref()
    }

    /// When it came, if that was written down.
    pub fn received_at(&self) -> Option<Timestamp> {
        self.received_at
    }

    /// Raw HTTP that [`SavedRequest::parse`] reads. The body was put together already, however it came.
    pub fn to_http(&self, path: &str) -> Vec<u8> {
        let mut head = format!("POST {path} HTTP/1.1\r\n");
        if let Some(at) = self.received_at {
            // Writing into a String cannot fail.
            let _ = write!(head, "{RECEIVED_AT}: {}\r\n", at.as_secs());
        }
        let mut text = head.into_bytes();
        for (name, value) in self.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("transfer-encoding")) {
            text.extend_from_slice(&[name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        text.extend_from_slice(b"\r\n");
        text.extend_from_slice(self.body.as_deref().unwrap_or_default());
        text
    }

    fn new(headers: Vec<(String, Vec<u8>)>, body: Option<Vec<u8>>) -> Self {
        let (ours, headers): (Vec<_>, Vec<_>) =
            headers.into_iter().partition(|(name, _)| name.eq_ignore_ascii_case(RECEIVED_AT));
        let seconds = ours.first().and_then(|(_, value)| std::str::from_utf8(value).ok()?.parse::<i64>().ok());
        let received_at = seconds.and_then(|seconds| seconds.checked_mul(1000)).map(Timestamp::from_millis);
        Self { headers, body, received_at, path_secret: None }
    }
}

impl std::fmt::Debug for SavedRequest {
    /// No value and no body: either may be a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("SavedRequest").field("headers", &names).finish_non_exhaustive()
    }
}

fn json(file: &[u8]) -> Result<SavedRequest, RequestError> {
    let document: Document = serde_json::from_slice(file).map_err(|_| RequestError::Json)?;
    let headers: Vec<(String, String)> = match document.headers {
        Pairs::List(pairs) => pairs,
        Pairs::Map(map) => map
            .into_iter()
            .flat_map(|(name, values)| {
                let values = match values {
                    Values::One(value) => vec![value],
                    Values::Many(values) => values,
                };
                values.into_iter().map(move |value| (name.clone(), value))
            })
            .collect(),
    };
    let headers = headers.into_iter().map(|(name, value)| (name, value.into_bytes())).collect();
    Ok(SavedRequest::new(headers, Some(document.body.into_bytes())))
}

fn raw(file: &[u8]) -> Result<SavedRequest, RequestError> {
    let mut headers = Vec::new();
    let mut path_secret = None;
    let mut rest = file;
    for number in 1.. {
        let (line, after) = next_line(rest);
        rest = after;
        if line.is_empty() {
            break;
        }
        match (header(line), target(line)) {
            (Some(header), _) => headers.push(header),
            (None, Some(target)) if number == 1 => path_secret = secret_in(target),
            _ => return Err(RequestError::Line(number)),
        }
    }
    if headers.is_empty() {
        return Err(RequestError::Line(1));
    }
    Ok(SavedRequest { path_secret, ..SavedRequest::new(headers, Some(rest.to_owned())) })
}

/// The head is what `> ` stands before; the body, if somebody put it there, is what follows until curl speaks again.
fn curl(file: &[u8]) -> Result<SavedRequest, RequestError> {
    let mut headers = Vec::new();
    let mut path_secret = None;
    let mut body: Option<Vec<u8>> = None;
    let mut rest = file;
    for number in 1.. {
        if rest.is_empty() {
            break;
        }
        let (line, after) = next_line(rest);
        let whole = &rest[..rest.len() - after.len()];
        rest = after;
        let sent = line.strip_prefix(b"> ").or_else(|| line.strip_prefix(b">"));
        match (sent.map(<[u8]>::trim_ascii_end), &mut body) {
            (Some(b""), None) => body = Some(Vec::new()),
            (Some(line), None) => match (header(line), target(line)) {
                (Some(header), _) => headers.push(header),
                (None, Some(target)) => path_secret = secret_in(target),
                (None, None) => return Err(RequestError::Line(number)),
            },
            (None, Some(_)) if [b"* ".as_slice(), b"< ", b"} ["].iter().any(|mark| line.starts_with(mark)) => break,
            (_, Some(body)) => body.extend_from_slice(whole),
            (None, None) => {}
        }
    }
    let body = body.filter(|body| !body.is_empty()).map(|body| without_line_end(body, &headers));
    if headers.is_empty() {
        return Err(RequestError::Line(1));
    }
    Ok(SavedRequest { path_secret, ..SavedRequest::new(headers, body) })
}

/// What follows the body begins a line of its own; where the length was announced, that line end is known to be no part.
fn without_line_end(mut body: Vec<u8>, headers: &[(String, Vec<u8>)]) -> Vec<u8> {
    let announced = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = announced.and_then(|(_, value)| std::str::from_utf8(value).ok()?.parse().ok()).unwrap_or(body.len());
    if body.get(length..).is_some_and(|rest| rest.iter().all(u8::is_ascii_whitespace)) {
        body.truncate(length);
    }
    body
}

/// A line without its end, and what follows.
fn next_line(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| *byte == b'\n');
    let (line, rest) = end.map_or((text, &text[text.len()..]), |end| (&text[..end], &text[end + 1..]));
    (line.strip_suffix(b"\r").unwrap_or(line), rest)
}

fn header(line: &[u8]) -> Option<(String, Vec<u8>)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = std::str::from_utf8(&line[..colon]).ok()?;
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    is_name.then(|| (name.to_owned(), line[colon + 1..].trim_ascii().to_owned()))
}

/// What a request line asks for.
fn target(line: &[u8]) -> Option<&[u8]> {
    match line.split(|byte| *byte == b' ').collect::<Vec<_>>()[..] {
        [method, target, version] if version.starts_with(b"HTTP/") && method.iter().all(u8::is_ascii_uppercase) => {
            Some(target)
        }
        _ => None,
    }
}

/// `/hooks/NAME/SECRET`
fn secret_in(target: &[u8]) -> Option<String> {
    let (_, secret) = std::str::from_utf8(target).ok()?.strip_prefix("/hooks/")?.split_once('/')?;
    Some(secret.to_owned())
}
