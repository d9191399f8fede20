//! An item of the queue, until it is a build.

use serde::Deserialize;

use super::server::{Server, with_tree};
use crate::http::Answer;

/// What became of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Seen {
    /// It waits: Jenkins says why.
    Waits(Option<String>),
    /// It is this build.
    Left(u64),
    /// Somebody cancelled it.
    Cancelled,
    /// Jenkins has forgotten it, as it does some minutes after it has left the queue.
    Gone,
    /// Jenkins did not say.
    Silent(String),
    /// Jenkins does not let us look any more.
    Shut(String),
}

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    cancelled: bool,
    why: Option<String>,
    executable: Option<Executable>,
}

#[derive(Deserialize)]
struct Executable {
    number: u64,
}

pub async fn look(server: &Server<'_>, id: u64) -> Seen {
    let url = server.own(&["queue", "item", &id.to_string(), "api", "json"]);
    match server.get(with_tree(url, "cancelled,why,executable[number]")).await {
        Ok(answer) => read(&answer),
        Err(error) => Seen::Silent(error.to_string()),
    }
}

fn read(answer: &Answer) -> Seen {
    match (answer.status, answer.json::<Item>()) {
        (200, Ok(Item { cancelled: true, .. })) => Seen::Cancelled,
        (200, Ok(Item { executable: Some(build), .. })) => Seen::Left(build.number),
        (200, Ok(Item { why, .. })) => Seen::Waits(why),
        (200, Err(cause)) => Seen::Silent(cause),
        (404, _) => Seen::Gone,
        (401 | 403, _) => {
            Seen::Shut(format!("Jenkins answered {} while the run waits there: check JENKINS_TOKEN", answer.status))
        }
        (status, _) => Seen::Silent(format!("Jenkins answered {status}")),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use reqwest::header::HeaderMap;

    use super::*;

    #[test]
    fn an_item_says_where_it_is() {
        let check = |status: u16, body: &'static str, expected: Seen| {
            let body = Bytes::from_static(body.as_bytes());
            assert_eq!(read(&Answer { status, headers: HeaderMap::new(), body, whole: true }), expected);
        };
        check(200, r#"{"_class":"x","why":"In the quiet period"}"#, Seen::Waits(Some("In the quiet period".into())));
        check(200, r#"{"why":null,"cancelled":false,"executable":{"number":7}}"#, Seen::Left(7));
        check(200, r#"{"why":null,"cancelled":false,"executable":null}"#, Seen::Waits(None));
        check(200, r#"{"why":null,"cancelled":true}"#, Seen::Cancelled);
        check(200, "<html>", Seen::Silent("the answer is not the JSON that was expected".into()));
        check(404, "", Seen::Gone);
        check(403, "", Seen::Shut("Jenkins answered 403 while the run waits there: check JENKINS_TOKEN".into()));
        check(503, "", Seen::Silent("Jenkins answered 503".into()));
    }
}
