//! GitHub's REST API (version 2022-11-28), as far as a dispatch needs it.

use reqwest::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use serde_json::{Map, Value, json};
use url::Url;

use super::settings::{Dispatch, Settings};
use crate::http::{Answer, Request, Unreachable};

const VERSION: &str = "2022-11-28";

/// What came of a dispatch.
#[derive(Debug, PartialEq, Eq)]
pub enum Dispatched {
    Yes,
    /// It may have been: only a search tells.
    Unknown(String),
    /// It was not, and may be later.
    Later(String),
    /// It was not, and will not be.
    Refused(String),
}

impl Settings {
    /// The repository's address, and what is below it.
    pub fn repository(&self, below: &[&str]) -> Url {
        self.client.below(&[&["repos", self.owner.as_str(), self.name.as_str()], below].concat())
    }

    /// Where the runs are listed that a dispatch may have begun, and by what they were.
    pub fn runs(&self) -> (Url, &'static str) {
        match &self.dispatch {
            Dispatch::Workflow { workflow, .. } => {
                (self.repository(&["actions", "workflows", workflow, "runs"]), "workflow_dispatch")
            }
            Dispatch::Event(_) => (self.repository(&["actions", "runs"]), "repository_dispatch"),
        }
    }

    pub async fn get(&self, url: Url) -> Result<Answer, Unreachable> {
        self.send(Request::get(url)).await
    }

    pub async fn post(&self, url: Url, body: &Value) -> Result<Answer, Unreachable> {
        let mut request =
            Request::new(Method::POST, url).with(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request.body = body.to_string().into_bytes();
        self.send(request).await
    }

    async fn send(&self, request: Request) -> Result<Answer, Unreachable> {
        let request = request
            .with(AUTHORIZATION, self.token.clone())
            .with(ACCEPT, HeaderValue::from_static("application/vnd.github+json"))
            .with(HeaderName::from_static("x-github-api-version"), HeaderValue::from_static(VERSION));
        self.client.send(request).await
    }

    /// The one request that starts something.
    pub async fn dispatch(&self, inputs: &[(String, String)]) -> Dispatched {
        let inputs: Map<String, Value> =
            inputs.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
        let (url, body) = match &self.dispatch {
            Dispatch::Workflow { workflow, reference } => (
                self.repository(&["actions", "workflows", workflow, "dispatches"]),
                json!({ "ref": reference, "inputs": inputs }),
            ),
            Dispatch::Event(event) => {
                (self.repository(&["dispatches"]), json!({ "event_type": event, "client_payload": inputs }))
            }
        };
        match self.post(url, &body).await {
            Ok(answer) => read(&answer),
            Err(error) if error.unsent => Dispatched::Later(error.to_string()),
            Err(error) => Dispatched::Unknown(error.to_string()),
        }
    }
}

fn read(answer: &Answer) -> Dispatched {
    if let Some(cause) = shut(answer) {
        return Dispatched::Refused(cause.to_owned());
    }
    match answer.status {
        200..300 => Dispatched::Yes,
        status @ (403 | 429) => Dispatched::Later(format!("GitHub is asked too often ({status})")),
        422 => Dispatched::Refused(
            "GitHub does not take the dispatch (422): the workflow must stand on that ref, listen to workflow_dispatch, and declare every input, run_input too; an event takes 10 values at most".to_owned(),
        ),
        status @ (408 | 500..) => Dispatched::Unknown(format!("GitHub answered {status}")),
        status => Dispatched::Refused(format!("GitHub refused the dispatch ({status})")),
    }
}

/// Why GitHub will not until something is corrected, and what; `None`: it says something else.
pub fn shut(answer: &Answer) -> Option<&'static str> {
    match answer.status {
        301 | 302 | 307 | 308 => {
            Some("GitHub leads elsewhere: the repository was renamed or moved, correct settings.repository")
        }
        401 => Some("GitHub does not know the token (401): GITHUB_TOKEN has expired or is another's"),
        403 if !is_limited(answer) => Some(
            "the token may not (403): it needs Actions: write for a workflow, and Contents: write, too, for an event",
        ),
        404 => Some(
            "GitHub has no such repository or workflow for this token (404): check both names, and what the token may see",
        ),
        _ => None,
    }
}

/// Whether 403 means: later. Of its secondary limits GitHub may tell in the body alone.
fn is_limited(answer: &Answer) -> bool {
    answer.header("Retry-After").is_some()
        || answer.header("x-ratelimit-remaining") == Some("0")
        || String::from_utf8_lossy(&answer.body).contains("rate limit")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use reqwest::header::HeaderMap;

    use super::*;

    fn check(status: u16, header: Option<(&'static str, &'static str)>, expected: &str) {
        told(status, header, "", expected);
    }

    fn told(status: u16, header: Option<(&'static str, &'static str)>, body: &'static str, expected: &str) {
        let mut headers = HeaderMap::new();
        if let Some((name, value)) = header {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let answer = Answer { status, headers, body: Bytes::from_static(body.as_bytes()), whole: true };
        let said = format!("{:?}", read(&answer));
        assert!(said.starts_with(expected), "{status}: {said}");
    }

    #[test]
    fn only_what_certainly_began_nothing_is_refused_or_put_off() {
        check(204, None, "Yes");
        check(200, None, "Yes");
        check(429, None, "Later");
        check(403, Some(("x-ratelimit-remaining", "0")), "Later");
        check(403, Some(("retry-after", "60")), "Later");
        check(403, Some(("x-ratelimit-remaining", "4999")), "Refused(\"the token may not");
        told(403, None, r#"{"message":"You have exceeded a secondary rate limit."}"#, "Later");
        check(401, None, "Refused(\"GitHub does not know");
        check(404, None, "Refused(\"GitHub has no such");
        check(422, None, "Refused(\"GitHub does not take");
        check(301, None, "Refused(\"GitHub leads elsewhere");
        check(303, None, "Refused");
        check(502, None, "Unknown");
    }
}
