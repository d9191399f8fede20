//! Verta: what is read from its events, and what is sent back.

mod artifacts;
mod decode;
mod properties;
mod redirect;
mod scan;
mod survey;

use super::*;
use crate::plugin::{Status, Verdict};
use crate::registry::Registry;
use crate::{Caller, EventKind, Stage, Timestamp};

fn registry() -> Verta {
    Verta { workspace: Some("acme".into()), ..Verta::default() }
}

fn read(body: &[u8]) -> Event {
    let (registry, caller) = (Registry::Verta(registry()), Caller::new([]));
    let event = registry.parse("verta", &caller, body).expect("a body that begins an object");
    // Where nothing is wrong with the body, it is read to the same in the pass that checks it.
    if let Ok(mut checked) = registry.read("verta", body) {
        checked.event.raw.clone_from(&event.raw);
        assert_eq!(checked.event, event, "{}", String::from_utf8_lossy(body));
    }
    event
}

fn answered(step: Step, status: u16, body: &str) -> Exchange {
    let Step::Send(request) = step else { panic!("nothing is sent: {step:?}") };
    Exchange::new(request, status, body.to_owned())
}

/// What is asked and done when each request is answered in turn; each step as a line.
fn told(verta: &Verta, event: &Event, outcome: &Outcome, answers: &[(u16, &str)]) -> Vec<String> {
    let mut seen = Vec::new();
    let mut lines = Vec::new();
    for (status, body) in answers {
        let step = verta.next(event, outcome, &seen);
        lines.push(line(&step));
        seen.push(answered(step, *status, body));
    }
    lines.push(line(&verta.next(event, outcome, &seen)));
    lines
}

fn line(step: &Step) -> String {
    match step {
        Step::Send(request) => {
            format!("{request} {}", request.body.as_deref().unwrap_or_default()).trim_end().to_owned()
        }
        Step::Done => "done".into(),
        Step::Retry(reason) => format!("retry: {reason}"),
        Step::Refused(reason) => format!("refused: {reason}"),
    }
}

/// The kind of step that every registry takes after an answer of that status, whatever the request was.
const BY_STATUS: [(u16, &str); 15] = [
    (401, "retry"),
    (403, "retry"),
    (408, "retry"),
    (429, "retry"),
    (500, "retry"),
    (502, "retry"),
    (503, "retry"),
    (599, "retry"),
    (302, "refused"),
    (304, "refused"),
    (400, "refused"),
    (404, "refused"),
    (409, "refused"),
    (422, "refused"),
    (101, "refused"),
];

/// Bodies that no registry answers with, under a 2xx: a proxy, a login page, a cut answer, another service.
const GARBAGE: [&str; 9] = [
    "",
    " ",
    "OK",
    "<html>log in</html>",
    "null",
    "\"safe\"",
    "[]",
    "[\"scanned\",\"safe\"]",
    "{\"scan_status\":\"scan",
];

#[test]
fn credentials_come_in_both_spellings_and_print_nothing() {
    let mut verta = registry();
    assert!(verta.credentials().is_empty());
    let key = Secret::new("key-1").unwrap();
    verta.credentials = Some(Credentials::new("a@example.com", key.clone()));
    let names: Vec<_> = verta.credentials().into_iter().map(|(name, _)| name).collect();
    let expected =
        ["Grpc-Metadata-source", "Grpc-Metadata-email", "Grpc-Metadata-developer_key", "Grpc-Metadata-developer-key"];
    assert_eq!(names, expected);
    assert_eq!(verta.credentials().into_iter().filter(|(_, value)| *value == key).count(), 2);
    assert!(!format!("{verta:?}").contains("key-1"));

    let with_organization = |organization: &str| {
        let mut credentials = Credentials::new("a@example.com", key.clone());
        credentials.organization = Some(organization.into());
        Registry::Verta(Verta { credentials: Some(credentials), ..registry() }).credentials().len()
    };
    assert_eq!((with_organization("7"), with_organization("")), (5, 4));
}
