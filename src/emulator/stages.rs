//! The stage flow: a transition is created, approved by somebody else, and committed.

use serde_json::{Value, json};

use super::answer::{Answer, Fault};
use super::state::State;
use super::{Object, id, needed};

const STAGES: [&str; 5] = ["DEVELOPMENT", "STAGING", "PRODUCTION", "ARCHIVED", "UNASSIGNED"];

/// A wish to change a stage.
#[derive(Clone, Debug)]
pub(super) struct Transition {
    version: u64,
    author: String,
    desired: String,
    standing: Standing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Open,
    Approved,
    Committed,
}

impl State {
    pub(super) fn create_transition(&mut self, author: &str, body: &Value) -> Answer {
        let version = id(body, "model_version_id")?;
        let (version, _) = self.find_version(&version.to_string())?;
        let desired = stage(body, "desired_stage")?;
        let transition = self.new_id();
        let made = Transition { version, author: author.to_owned(), desired, standing: Standing::Open };
        self.transitions.insert(transition, made);
        self.activity(transition)
    }

    pub(super) fn approve_transition(&mut self, email: &str, body: &Value) -> Answer {
        let id = id(body, "transition_id")?;
        let transition = self.transition(id)?;
        match transition.standing {
            _ if transition.author == email => {
                return Err(Fault::Forbidden("the author of a transition cannot approve it".to_owned()));
            }
            Standing::Open => transition.standing = Standing::Approved,
            Standing::Approved | Standing::Committed => {
                return Err(Fault::Precondition("the transition is approved already".to_owned()));
            }
        }
        self.activity(id)
    }

    /// Fires PROMOTE when the stage is PRODUCTION.
    pub(super) fn commit_transition(&mut self, body: &Value) -> Answer {
        let id = id(body, "transition_id")?;
        let transition = self.transition(id)?;
        match transition.standing {
            Standing::Open => return Err(Fault::Precondition("the transition is not approved yet".to_owned())),
            Standing::Committed => return Err(Fault::Precondition("the transition is committed already".to_owned())),
            Standing::Approved => transition.standing = Standing::Committed,
        }
        let (version, desired) = (transition.version, transition.desired.clone());
        let event = if desired == "PRODUCTION" { "PROMOTE" } else { "UPDATE" };
        self.change_version(version, to_stage(&desired), event)?;
        self.activity(id)
    }

    /// Without approval. Whether Verta's fires PROMOTE is not known; this one fires UPDATE, the lesser claim.
    pub(super) fn update_stage(&mut self, body: &Value) -> Answer {
        let version = id(body, "model_version_id")?;
        let stage = stage(body, "stage")?;
        self.change_version(version, to_stage(&stage), "UPDATE")?;
        let activity = self.new_id();
        Ok(json!({ "id": activity.to_string(), "model_version_id": version.to_string(), "stage": stage }))
    }

    fn transition(&mut self, id: u64) -> Result<&mut Transition, Fault> {
        self.transitions.get_mut(&id).ok_or_else(|| Fault::NotFound(format!("there is no transition {id}")))
    }

    /// What the stage service answers with.
    fn activity(&mut self, transition: u64) -> Answer {
        let (activity, now) = (self.new_id(), self.now());
        let found = self.transition(transition)?;
        let standing = match found.standing {
            Standing::Open => "OPEN",
            Standing::Approved => "APPROVED",
            Standing::Committed => "COMMITTED",
        };
        Ok(json!({
            "id": activity.to_string(),
            "model_version_id": found.version.to_string(),
            "time": now.to_string(),
            "transition": {
                "id": transition.to_string(), "author": found.author, "desired_stage": found.desired, "status": standing,
            },
        }))
    }
}

fn to_stage(stage: &str) -> Object {
    Object::from_iter([("stage".to_owned(), stage.into())])
}

fn stage(body: &Value, key: &str) -> Result<String, Fault> {
    let stage = needed(body, key)?;
    if STAGES.contains(&stage.as_str()) {
        return Ok(stage);
    }
    Err(Fault::Invalid(format!("{key} is one of {}", STAGES.join(", "))))
}
