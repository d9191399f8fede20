//! How far a run has come, as its checkpoint keeps it: each step is stored before what it stands for is relied on.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::call::Call;
use super::checkpoint;
use super::end::End;

/// What a later attempt goes on from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept<S> {
    /// The address that it was about: what came of it, a number for instance, means nothing elsewhere.
    at: String,
    #[serde(flatten)]
    step: S,
}

impl<S: DeserializeOwned> Kept<S> {
    /// The step that an earlier attempt has come to at that address; `None`: there was none. `done` is what it did there:
    /// dispatched.
    pub fn step(call: &Call, at: &str, done: &str) -> Result<Option<S>, End> {
        call.checkpoint().map(|checkpoint| Self::read(checkpoint, at, done)).transpose()
    }

    fn read(checkpoint: &Value, at: &str, done: &str) -> Result<S, End> {
        let kept: Self = serde_json::from_value(checkpoint.clone())
            .map_err(|_| End::Broken("the checkpoint is none of this plugin's".to_owned()))?;
        if kept.at == at {
            return Ok(kept.step);
        }
        Err(End::failed(format!(
            "it was {done} at {}, and the settings lead elsewhere now: look there, then replay the delivery",
            kept.at
        )))
    }
}

impl<S: Serialize> Kept<S> {
    /// Returns when it is stored.
    pub async fn keep(at: impl Into<String>, step: S) -> Result<(), End> {
        let kept = serde_json::to_value(Self { at: at.into(), step });
        let kept = kept.map_err(|error| End::Broken(error.to_string()))?;
        checkpoint::keep(&kept).await.map_err(End::Broken)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "step", rename_all = "lowercase")]
    enum Step {
        Intent,
        Running { run: u64 },
    }

    #[test]
    fn a_step_is_read_as_it_was_kept_and_at_no_other_address() {
        let at = "https://ci.example.com/job/a/";
        for (step, form) in [
            (Step::Intent, json!({ "at": at, "step": "intent" })),
            (Step::Running { run: 7 }, json!({ "at": at, "step": "running", "run": 7 })),
        ] {
            let kept = Kept { at: at.to_owned(), step: step.clone() };
            assert_eq!(serde_json::to_value(&kept).unwrap(), form);
            assert_eq!(Kept::<Step>::read(&form, at, "triggered").ok(), Some(step));
            let elsewhere = Kept::<Step>::read(&form, "https://ci.example.com/job/b/", "triggered");
            let Err(End::Failed { summary, .. }) = elsewhere else { panic!("{form}") };
            assert!(summary.starts_with("it was triggered at https://ci.example.com/job/a/, and"), "{summary}");
        }
        let other = Kept::<Step>::read(&json!({ "step": "intent" }), at, "triggered");
        assert!(matches!(other, Err(End::Broken(_))));
    }
}
