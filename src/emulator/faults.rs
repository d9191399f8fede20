//! How it misbehaves when it is told to: `PUT /dev/faults {"answers":"503|401|garbage|none"}`.

use serde_json::{Value, json};

use super::answer::{Answer, Fault};
use super::call::Call;
use super::needed;

/// What reads and write-backs are answered with instead.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults(Option<Fault>);

impl Faults {
    pub(super) fn set(&mut self, body: &Value) -> Answer {
        let answers = needed(body, "answers")?;
        self.0 = match answers.as_str() {
            "none" => None,
            "503" => Some(Fault::Unavailable("told to be unavailable".to_owned())),
            "401" => Some(Fault::Unauthenticated),
            "garbage" => Some(Fault::Garbage),
            _ => return Err(Fault::Invalid("answers is one of 503, 401, garbage, none".to_owned())),
        };
        Ok(json!({ "answers": answers }))
    }

    /// Only what an integration calls: whoever makes things happen goes on.
    pub(super) fn on(&self, call: &Call) -> Option<Fault> {
        let integration = matches!(
            call,
            Call::GetModel(_)
                | Call::GetVersion(_)
                | Call::PatchVersion(..)
                | Call::GetBuild(_)
                | Call::PutScan(_)
                | Call::GetScan(_)
        );
        self.0.clone().filter(|_| integration)
    }
}
