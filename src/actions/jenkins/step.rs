//! How far a run has come, as its checkpoint keeps it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::checkpoint;

/// What a later attempt goes on from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The job's address: a number means nothing elsewhere.
    pub job: String,
    #[serde(flatten)]
    pub step: Step,
}

/// One step of a run. Each is stored before what it stands for is relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "lowercase")]
pub enum Step {
    /// It is about to be triggered, or was: nobody knows. Its build will have this number or a higher one.
    Intent { next: u64 },
    /// Jenkins has it in its queue.
    Queued { queue: u64, next: u64 },
    /// It is this build.
    Building { build: u64 },
    /// It was triggered, and is not followed.
    Triggered,
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
            let whole = Kept { job: "https://ci.example.com/job/a/".to_owned(), step };
            assert_eq!(serde_json::to_value(&whole).unwrap(), kept);
            assert_eq!(Kept::read(&kept), Some(whole));
        };
        let job = "https://ci.example.com/job/a/";
        check(Step::Intent { next: 7 }, json!({ "job": job, "step": "intent", "next": 7 }));
        check(Step::Queued { queue: 25, next: 7 }, json!({ "job": job, "step": "queued", "queue": 25, "next": 7 }));
        check(Step::Building { build: 8 }, json!({ "job": job, "step": "building", "build": 8 }));
        check(Step::Triggered, json!({ "job": job, "step": "triggered" }));
        assert_eq!(Kept::read(&json!({ "queue": 25 })), None);
    }
}
