//! How far a run has come, as its checkpoint keeps it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::checkpoint;

/// What a later attempt goes on from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The address that is called: what came of it means nothing elsewhere.
    pub called: String,
    #[serde(flatten)]
    pub step: Step,
}

/// One step of a run. Each is stored before what it stands for is relied on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "lowercase")]
pub enum Step {
    /// It was not called: that is certain.
    Open,
    /// It is about to be called, or was: nobody knows.
    Intent,
    /// It was, and this address says how it goes on.
    Begun { ask: String },
}

impl Kept {
    pub fn read(checkpoint: &Value) -> Option<Self> {
        serde_json::from_value(checkpoint.clone()).ok()
    }

    /// Returns when it is stored.
    pub async fn keep(&self) -> Result<(), String> {
        checkpoint::keep(&serde_json::to_value(self).map_err(|error| error.to_string())?).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_checkpoint_is_read_as_it_was_kept() {
        let check = |step: Step, kept: Value| {
            let whole = Kept { called: "https://api.example.com/runs".to_owned(), step };
            assert_eq!(serde_json::to_value(&whole).unwrap(), kept);
            assert_eq!(Kept::read(&kept), Some(whole));
        };
        let called = "https://api.example.com/runs";
        check(Step::Open, json!({ "called": called, "step": "open" }));
        check(Step::Intent, json!({ "called": called, "step": "intent" }));
        let ask = "https://api.example.com/runs/7";
        check(Step::Begun { ask: ask.to_owned() }, json!({ "called": called, "step": "begun", "ask": ask }));
        assert_eq!(Kept::read(&json!({ "step": "intent" })), None);
    }
}
