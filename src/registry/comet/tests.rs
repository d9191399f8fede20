//! Comet: what is read from its events, and what is sent back.

mod artifacts;
mod decode;
mod details;
mod pretence;
mod properties;
mod survey;
mod tell;

use pretence::Pretence;

use super::*;
use crate::event::Fact;
use crate::plugin::{Status, Verdict};
use crate::registry::{Registry, Rule, Rules};
use crate::{EventKind, Stage, Timestamp};

/// Comet's own example.
const EXAMPLE: &str = r#"{"workspaceName":"a-team-name","registryModelName":"some-registry-model name","version":"2.3.42","stages":["someStage"]}"#;

fn read(comet: &Comet, body: &str) -> Reading {
    comet.read("comet", body.as_bytes()).unwrap()
}

fn rules() -> Rules {
    let rule = |stage: &str| Rule { stage: Some(Stage::new(stage)), ..Rule::default() };
    let created = Rule { event: Some(EventKind::VersionCreated), ..Rule::default() };
    Rules { promote_on: vec![rule("Production")], scan_on: vec![rule("scan me"), created] }
}

/// As a receiver with these rules gives it.
fn event(body: &str) -> Event {
    rules().apply(read(&Comet::default(), body)).remove(0)
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

#[test]
fn the_key_goes_without_a_scheme_s_word_and_prints_nothing() {
    assert!(Comet::default().credentials().is_empty());
    let comet = Comet { api_key: Secret::new("key-1").ok(), ..Comet::default() };
    assert_eq!(comet.credentials(), [("Authorization".into(), Secret::new("key-1").unwrap())]);
    assert!(!format!("{comet:?}").contains("key-1"));
}

#[test]
fn nothing_is_done_before_the_registry_was_asked() {
    assert!(Registry::Comet(Comet::default()).is_doubtful(&event(EXAMPLE)));
}
