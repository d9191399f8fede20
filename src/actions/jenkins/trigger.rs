//! The one request that starts something, and what its answer means.

use super::server::{Server, Unposted};
use super::words;
use crate::http::Answer;

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Triggered {
    /// It is this item of the queue.
    Queued(u64),
    /// It was, and nobody follows it: what was triggered.
    Done(String),
    /// It was, and can be found by nobody: why, and what to do.
    Lost(String),
    /// It may have been triggered: only a search tells.
    Unknown(String),
    /// The same, by a fault of Jenkins' own, which would be there again.
    Faulty(String),
    /// It was not, and may be later.
    Later(String),
    /// It was not, and will not be.
    Refused(String),
}

/// Asks Jenkins to build the job with those parameters.
pub async fn trigger(server: &Server<'_>, name: &str, parameters: &[(String, String)]) -> Triggered {
    let form: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut url = server.job(&["buildWithParameters"]);
    url.query_pairs_mut().append_pair("delay", "0sec");
    match server.post(url, &form).await {
        Ok(answer) => read(name, &answer),
        Err(error @ Unposted::NoCrumb) => Triggered::Refused(error.to_string()),
        Err(Unposted::Unreachable(error)) if error.unsent => Triggered::Later(error.to_string()),
        Err(Unposted::Unreachable(error)) => Triggered::Unknown(error.to_string()),
    }
}

fn read(name: &str, answer: &Answer) -> Triggered {
    let location = answer.header("Location");
    match answer.status {
        // 303: the same is in the queue already, and ours alone has this run's id.
        201 | 303 => match location.and_then(queue_id) {
            Some(id) => Triggered::Queued(id),
            None => Triggered::Unknown(format!("Jenkins answered {} without an item of its queue", answer.status)),
        },
        302 if location.is_some_and(|location| location == "." || location.ends_with("/.")) => {
            Triggered::Later("Jenkins takes no builds now (302): it is about to shut down".to_owned())
        }
        500 if words::is_jenkins(answer) => Triggered::Faulty("Jenkins answered 500".to_owned()),
        // A proxy may say so of a request that went through. The job was there just now.
        status if words::passes(status) || status == 404 && !words::is_jenkins(answer) => {
            Triggered::Unknown(words::silent(answer))
        }
        _ => Triggered::Refused(words::refused(name, answer)),
    }
}

/// The number at the end of `…/queue/item/25/`. Host and scheme are how Jenkins sees itself from inside, and are not looked at.
pub fn queue_id(location: &str) -> Option<u64> {
    let (_, id) = location.trim_end_matches('/').rsplit_once("queue/item/")?;
    id.bytes().all(|byte| byte.is_ascii_digit()).then(|| id.parse().ok())?
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use reqwest::header::{HeaderMap, HeaderValue};

    use super::*;

    fn check(status: u16, location: Option<&'static str>, body: &'static str, expected: &str) {
        let mut headers = HeaderMap::new();
        headers.insert("X-Jenkins", HeaderValue::from_static("2.541.1"));
        if let Some(location) = location {
            headers.insert("Location", HeaderValue::from_static(location));
        }
        let answer = Answer { status, headers, body: Bytes::from_static(body.as_bytes()), whole: true };
        let said = format!("{:?}", read("deploy", &answer));
        assert!(said.starts_with(expected), "{status} {location:?}: {said}");
    }

    #[test]
    fn a_proxy_does_not_say_that_there_is_no_job() {
        let check = |status: u16, expected: &str| {
            let answer = Answer { status, headers: HeaderMap::new(), body: Bytes::new(), whole: true };
            let said = format!("{:?}", read("deploy", &answer));
            assert!(said.starts_with(expected), "{said}");
        };
        check(404, "Unknown(\"404, and not from Jenkins");
        check(500, "Unknown(\"Jenkins answered 500");
    }

    #[test]
    fn every_answer_means_one_thing() {
        check(201, Some("http://10.0.0.1:8080/queue/item/25/"), "", "Queued(25)");
        check(303, Some("queue/item/24"), "", "Queued(24)");
        check(201, Some("http://jenkins/queue/item/x/"), "", "Unknown");
        check(201, None, "", "Unknown");
        check(302, Some("."), "", "Later(\"Jenkins takes no builds now (302)");
        check(302, Some("https://sso.example.com/login"), "", "Refused(\"Jenkins sends us elsewhere (302)");
        check(400, None, "", "Refused(\"deploy takes no parameters (400)");
        check(401, None, "", "Refused(\"Jenkins does not know the user");
        check(403, None, "No valid crumb was included in the request", "Refused(\"Jenkins wants a crumb (403)");
        check(403, None, "", "Refused(\"Jenkins does not let the user do that (403)");
        check(404, None, "", "Refused(\"Jenkins has no deploy");
        check(409, None, "", "Refused(\"deploy is disabled (409)");
        check(502, None, "", "Unknown");
        check(500, None, "", "Faulty(\"Jenkins answered 500");
        check(418, None, "", "Refused(\"Jenkins answered 418");
    }
}
