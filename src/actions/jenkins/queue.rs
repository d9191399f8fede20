//! An item of the queue, until it is a build.

use serde::Deserialize;

use super::build::{self, Whose};
use super::server::{Server, with_tree};
use super::sought::{Action, Executable, Sought, Task};
use super::words;
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
    /// Jenkins has forgotten it, as it does some minutes after it has left the queue; or has given its number to another one,
    /// as a Jenkins does that has lost its queue.
    Gone,
    /// Jenkins did not say.
    Silent(String),
    /// Jenkins does not let us look any more.
    Shut(String),
}

#[derive(Deserialize)]
struct Item {
    task: Option<Task>,
    #[serde(default)]
    actions: Vec<Option<Action>>,
    #[serde(default)]
    cancelled: bool,
    why: Option<String>,
    executable: Option<Executable>,
}

/// Looks once. A build that it has become is the run's own by what it says itself.
pub async fn look(server: &Server<'_>, id: u64, sought: &Sought<'_>) -> Seen {
    let url = server.own(&["queue", "item", &id.to_string(), "api", "json"]);
    let tree = "cancelled,why,task[url],executable[number,url],actions[parameters[name,value]]";
    let seen = match server.get(with_tree(url, tree)).await {
        Ok(answer) => read(&answer, sought),
        Err(error) => Seen::Silent(error.to_string()),
    };
    let Seen::Left(build) = seen else { return seen };
    match build::whose(server, build, sought).await {
        Whose::Ours => Seen::Left(build),
        Whose::Another => Seen::Gone,
        Whose::Silent(reason) => Seen::Silent(reason),
        Whose::Shut(reason) => Seen::Shut(reason),
    }
}

fn read(answer: &Answer, sought: &Sought<'_>) -> Seen {
    match (answer.status, answer.json::<Item>()) {
        (200, Ok(item)) if !sought.is_task(item.task.as_ref()) || !sought.is_in(&item.actions) => Seen::Gone,
        (200, Ok(Item { cancelled: true, .. })) => Seen::Cancelled,
        (200, Ok(Item { executable: Some(build), .. })) if sought.is_build(&build) => Seen::Left(build.number),
        (200, Ok(Item { executable: Some(_), .. })) => Seen::Gone,
        (200, Ok(Item { why, .. })) => Seen::Waits(why),
        (200, Err(cause)) => Seen::Silent(cause),
        (404, _) if words::is_jenkins(answer) => Seen::Gone,
        (401 | 403, _) => {
            Seen::Shut(format!("Jenkins answered {} while the run waits there: check JENKINS_TOKEN", answer.status))
        }
        _ => Seen::Silent(words::silent(answer)),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use reqwest::header::{HeaderMap, HeaderValue};
    use serde_json::{Value, json};

    use super::*;

    fn check(status: u16, jenkins: bool, body: &str, expected: &Seen) {
        let mut headers = HeaderMap::new();
        if jenkins {
            headers.insert("X-Jenkins", HeaderValue::from_static("2.541.1"));
        }
        let answer = Answer { status, headers, body: Bytes::copy_from_slice(body.as_bytes()), whole: true };
        let job = vec!["models".to_owned(), "deploy".to_owned()];
        let sought = Sought { job, parameter: "RUN", id: "r-1", next: 7, nameless: false };
        assert_eq!(&read(&answer, &sought), expected, "{status} {body}");
    }

    /// An item of ours, but for that.
    fn item(but: Value) -> String {
        let mut item = json!({
            "_class": "x", "why": null, "task": { "url": "http://inside:8080/job/models/job/deploy/" },
            "actions": [{}, null, { "parameters": [{ "name": "MODEL", "value": "a" }, { "name": "RUN", "value": "r-1" }] }],
        });
        let Value::Object(but) = but else { panic!("no object") };
        item.as_object_mut().unwrap().extend(but);
        item.to_string()
    }

    #[test]
    fn an_item_says_where_it_is() {
        let build = |number: u64, job: &str| json!({ "executable": { "number": number, "url": format!("http://inside:8080/job/models/job/{job}/{number}/") } });
        check(
            200,
            true,
            &item(json!({ "why": "In the quiet period" })),
            &Seen::Waits(Some("In the quiet period".into())),
        );
        check(200, true, &item(json!({ "executable": null, "cancelled": false })), &Seen::Waits(None));
        check(200, true, &item(build(7, "deploy")), &Seen::Left(7));
        check(200, true, &item(json!({ "cancelled": true })), &Seen::Cancelled);
        check(200, true, "<html>", &Seen::Silent("the answer is not the JSON that was expected".into()));
        check(404, true, "", &Seen::Gone);
        check(403, true, "", &Seen::Shut("Jenkins answered 403 while the run waits there: check JENKINS_TOKEN".into()));
        check(503, true, "", &Seen::Silent("Jenkins answered 503".into()));
        check(404, false, "", &Seen::Silent("404, and not from Jenkins: what stands before it answered".into()));
    }

    #[test]
    fn what_is_not_ours_is_gone() {
        let build = |number: u64, job: &str| json!({ "executable": { "number": number, "url": format!("http://inside:8080/job/models/job/{job}/{number}/") } });
        check(200, true, &item(build(6, "deploy")), &Seen::Gone);
        check(200, true, &item(build(7, "other")), &Seen::Gone);
        check(200, true, &item(json!({ "executable": { "number": 7 } })), &Seen::Gone);
        check(200, true, &item(json!({ "actions": [{}] })), &Seen::Gone);
        for url in
            ["/job/deploy/", "/job/a/job/models/job/deploy/", "/job/models/job/deploy/7/", "/job/models/job/other/"]
        {
            check(
                200,
                true,
                &item(json!({ "task": { "url": format!("http://inside:8080{url}") }, "cancelled": true })),
                &Seen::Gone,
            );
        }
        check(200, true, &item(json!({ "task": {} })), &Seen::Gone);
    }
}
