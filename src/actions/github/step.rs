//! How far a run has come, as its checkpoint keeps it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::checkpoint;

/// What a later attempt goes on from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The repository's address: a number means nothing elsewhere.
    pub repository: String,
    #[serde(flatten)]
    pub step: Step,
}

/// One step of a run. Each is stored before what it stands for is relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "lowercase")]
pub enum Step {
    /// It is about to be dispatched, or was: nobody knows. Its run is younger than this one.
    Intent { after: u64 },
    /// GitHub has taken it, and its run is younger than this one.
    Dispatched { after: u64 },
    /// It is this run.
    Running { run: u64 },
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
        let repository = "https://api.github.com/repos/acme/deploy";
        let check = |step: Step, kept: Value| {
            let whole = Kept { repository: repository.to_owned(), step };
            assert_eq!(serde_json::to_value(&whole).unwrap(), kept);
            assert_eq!(Kept::read(&kept), Some(whole));
        };
        check(Step::Intent { after: 7 }, json!({ "repository": repository, "step": "intent", "after": 7 }));
        check(Step::Dispatched { after: 7 }, json!({ "repository": repository, "step": "dispatched", "after": 7 }));
        check(Step::Running { run: 8 }, json!({ "repository": repository, "step": "running", "run": 8 }));
        assert_eq!(Kept::read(&json!({ "run": 8 })), None);
    }
}
