//! A build, until it has ended.

use serde::Deserialize;

use super::server::{Server, with_tree};
use super::sought::{Action, Sought};
use super::words;
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

/// Whose a build is.
#[derive(Debug, PartialEq, Eq)]
pub enum Whose {
    Ours,
    /// It has not the run's id, or is not there.
    Another,
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

#[derive(Deserialize)]
struct Given {
    #[serde(default)]
    actions: Vec<Option<Action>>,
}

/// Whether the build was given the run's id.
pub async fn whose(server: &Server<'_>, number: u64, sought: &Sought<'_>) -> Whose {
    let url = server.job(&[&number.to_string(), "api", "json"]);
    match server.get(with_tree(url, "actions[parameters[name,value]]")).await {
        Ok(answer) => read_whose(&answer, sought),
        Err(error) => Whose::Silent(error.to_string()),
    }
}

fn read_whose(answer: &Answer, sought: &Sought<'_>) -> Whose {
    match (answer.status, answer.json::<Given>()) {
        (200, Ok(build)) if sought.is_in(&build.actions) => Whose::Ours,
        (200, Ok(_)) => Whose::Another,
        (200, Err(cause)) => Whose::Silent(cause),
        (404, _) if words::is_jenkins(answer) => Whose::Another,
        (401 | 403, _) => Whose::Shut(shut(answer)),
        _ => Whose::Silent(words::silent(answer)),
    }
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
        (404, _) if words::is_jenkins(answer) => Seen::Gone,
        (401 | 403, _) => Seen::Shut(shut(answer)),
        _ => Seen::Silent(words::silent(answer)),
    }
}

fn shut(answer: &Answer) -> String {
    format!("Jenkins answered {} while the build runs: check JENKINS_TOKEN", answer.status)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use reqwest::header::{HeaderMap, HeaderValue};

    use super::*;

    fn answer(status: u16, body: &'static str) -> Answer {
        let headers = HeaderMap::from_iter([("X-Jenkins".parse().unwrap(), HeaderValue::from_static("2.541.1"))]);
        Answer { status, headers, body: Bytes::from_static(body.as_bytes()), whole: true }
    }

    #[test]
    fn a_build_is_the_run_s_by_its_id() {
        let check = |status: u16, body: &'static str, expected: Whose| {
            let sought = Sought { job: Vec::new(), parameter: "RUN", id: "r-1", next: 1, nameless: true };
            assert_eq!(read_whose(&answer(status, body), &sought), expected, "{status} {body}");
        };
        check(200, r#"{"actions":[{},null,{"parameters":[{"name":"RUN","value":"r-1"}]}]}"#, Whose::Ours);
        check(200, r#"{"actions":[{"parameters":[{"name":"RUN","value":"r-2"}]}]}"#, Whose::Another);
        check(200, r#"{"actions":[{"parameters":[{"name":"OTHER","value":"r-1"},{"name":"RUN"}]}]}"#, Whose::Another);
        check(200, "{}", Whose::Another);
        check(404, "", Whose::Another);
        check(401, "", Whose::Shut("Jenkins answered 401 while the build runs: check JENKINS_TOKEN".into()));
        check(502, "", Whose::Silent("Jenkins answered 502".into()));
    }

    #[test]
    fn a_build_has_ended_when_nothing_of_it_runs() {
        let check = |status: u16, body: &'static str, expected: Seen| {
            assert_eq!(read(&answer(status, body)), expected);
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

    #[test]
    fn a_proxy_does_not_say_that_a_build_is_gone() {
        let answer = Answer { status: 404, headers: HeaderMap::new(), body: Bytes::new(), whole: true };
        assert!(matches!(read(&answer), Seen::Silent(reason) if reason.starts_with("404, and not from Jenkins")));
    }
}
