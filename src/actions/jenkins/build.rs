//! A build, until it has ended.

use serde::Deserialize;

use super::server::{Server, with_tree};
use crate::http::Answer;

/// How a build is.
#[derive(Debug, PartialEq, Eq)]
pub enum Seen {
    Runs,
    Ended(Outcome),
    /// It was deleted.
    Gone,
    /// Jenkins did not say.
    Silent(String),
    /// Jenkins does not let us look any more.
    Shut(String),
}

/// Jenkins' word for how a build ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Outcome {
    Success,
    Unstable,
    Failure,
    NotBuilt,
    Aborted,
}

impl Outcome {
    pub fn word(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Unstable => "UNSTABLE",
            Self::Failure => "FAILURE",
            Self::NotBuilt => "NOT_BUILT",
            Self::Aborted => "ABORTED",
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Build {
    building: bool,
    in_progress: Option<bool>,
    result: Option<Outcome>,
}

pub async fn look(server: &Server<'_>, number: u64) -> Seen {
    let url = server.job(&[&number.to_string(), "api", "json"]);
    match server.get(with_tree(url, "building,inProgress,result")).await {
        Ok(answer) => read(&answer),
        Err(error) => Seen::Silent(error.to_string()),
    }
}

fn read(answer: &Answer) -> Seen {
    match (answer.status, answer.json::<Build>()) {
        // What is done after the build proper, such as archiving, runs on while `building` is false already.
        (200, Ok(Build { building, in_progress, result: Some(result) })) if !in_progress.unwrap_or(building) => {
            Seen::Ended(result)
        }
        (200, Ok(_)) => Seen::Runs,
        (200, Err(cause)) => Seen::Silent(cause),
        (404, _) => Seen::Gone,
        (401 | 403, _) => {
            Seen::Shut(format!("Jenkins answered {} while the build runs: check JENKINS_TOKEN", answer.status))
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
    fn a_build_has_ended_when_nothing_of_it_runs() {
        let check = |status: u16, body: &'static str, expected: Seen| {
            let body = Bytes::from_static(body.as_bytes());
            assert_eq!(read(&Answer { status, headers: HeaderMap::new(), body, whole: true }), expected);
        };
        check(200, r#"{"building":true,"inProgress":true,"result":null}"#, Seen::Runs);
        check(200, r#"{"building":true,"inProgress":true,"result":"FAILURE"}"#, Seen::Runs);
        check(200, r#"{"building":false,"inProgress":true,"result":"SUCCESS"}"#, Seen::Runs);
        check(200, r#"{"building":false,"inProgress":false,"result":null}"#, Seen::Runs);
        check(200, r#"{"building":false,"inProgress":false,"result":"SUCCESS"}"#, Seen::Ended(Outcome::Success));
        check(200, r#"{"building":false,"result":"NOT_BUILT"}"#, Seen::Ended(Outcome::NotBuilt));
        check(200, r#"{"building":true,"result":"ABORTED"}"#, Seen::Runs);
        check(
            200,
            r#"{"building":false,"result":"ODD"}"#,
            Seen::Silent("the answer is not the JSON that was expected".into()),
        );
        check(404, "", Seen::Gone);
        check(502, "", Seen::Silent("Jenkins answered 502".into()));
    }
}
