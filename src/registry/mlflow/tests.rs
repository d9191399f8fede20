//! MLflow as tables: what it sent, what it is asked and told.

mod artifacts;
mod decode;
mod survey;
mod tell;

use super::*;
use crate::registry::Registry;
use crate::{EventKind, Stage};

fn read(body: &str) -> Event {
    Registry::Mlflow(Mlflow::default()).read("mlflow", body.as_bytes()).unwrap().event
}

fn event(entity: &str, action: &str, data: &str) -> Event {
    read(&format!(
        r#"{{"entity": "{entity}", "action": "{action}", "timestamp": "2026-11-23T05:10:21.017821+00:00", "data": {data}}}"#
    ))
}

fn alias(version: &str) -> Event {
    let data = format!(r#"{{"name": "fraud/\u00e9", "alias": "production", "version": "{version}"}}"#);
    event("model_version_alias", "created", &data)
}

/// What is sent when each request is answered in turn; each step as a line.
fn steps(next: impl Fn(&[Exchange]) -> Step, answers: &[(u16, &str)]) -> Vec<String> {
    let (mut seen, mut lines) = (Vec::new(), Vec::new());
    for (status, body) in answers {
        match next(&seen) {
            Step::Send(request) => {
                lines.push(format!("{request} {}", request.body.as_deref().unwrap_or_default()).trim_end().to_owned());
                seen.push(Exchange::new(request, *status, (*body).to_owned()));
            }
            step => panic!("{step:?} after {lines:?}"),
        }
    }
    lines.push(match next(&seen) {
        Step::Send(request) => {
            format!("{request} {}", request.body.as_deref().unwrap_or_default()).trim_end().to_owned()
        }
        step => format!("{step:?}"),
    });
    lines
}
