//! Activities: who said or did what about a version's stage.

use actix_web::web::{Data, Json, ReqData};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, Body, Refusal};
use super::date;
use super::entity::{Stage, Uint64};
use super::registry::{Registry, State};
use super::routes::Email;
use super::stages::{Transition, TransitionState};
use super::versions::replace;

/// The oldest are forgotten first.
const KEPT: usize = 4096;

#[derive(Clone)]
pub struct Activity {
    pub id: Uint64,
    pub version: Uint64,
    pub author: String,
    pub created: Uint64,
    pub comment: String,
    pub what: What,
}

#[derive(Clone)]
pub enum What {
    Comment,
    /// As it stood then.
    Asked(Transition),
    Approved(Transition),
    Rejected(Transition),
    Closed(Transition),
    Committed(Transition),
    Updated(Stage),
}

impl What {
    pub fn transition(&self) -> Option<&Transition> {
        match self {
            Self::Asked(transition)
            | Self::Approved(transition)
            | Self::Rejected(transition)
            | Self::Closed(transition)
            | Self::Committed(transition) => Some(transition),
            Self::Comment | Self::Updated(_) => None,
        }
    }
}

impl Activity {
    fn to_json(&self) -> Value {
        let mut activity = json!({
            "id": self.id, "model_version_id": self.version, "author_id": self.author, "time_created": self.created,
        });
        if !self.comment.is_empty() {
            activity["comment"] = json!(self.comment);
        }
        if let Some(transition) = self.what.transition() {
            activity["transition"] = json!(transition);
            activity["activity_state"] = json!(transition.state());
        }
        match &self.what {
            What::Approved(_) => activity["approval"] = json!({}),
            What::Rejected(_) => activity["rejection"] = json!({}),
            What::Closed(_) => activity["close"] = json!({}),
            What::Updated(stage) => activity["update"] = json!({ "stage": stage }),
            What::Comment | What::Asked(_) | What::Committed(_) => {}
        }
        activity
    }
}

/// Enters what somebody did, which the version's date tells too; answers with the activity.
pub fn record(
    state: &mut State,
    version: Uint64,
    author: &str,
    comment: String,
    what: What,
) -> Result<Json<Value>, Refusal> {
    let touched = state.version(version)?.clone();
    replace(state, touched);
    let (id, created) = (state.next_id(), date::now());
    let activity = Activity { id, version, author: author.to_owned(), created, comment, what };
    let answer = activity.to_json();
    if state.activities.len() == KEPT {
        state.activities.pop_front();
    }
    state.activities.push_back(activity);
    Ok(Json(answer))
}

#[derive(Deserialize)]
pub struct Comment {
    #[serde(alias = "modelVersionId")]
    model_version_id: Uint64,
    comment: String,
}

pub async fn comment(registry: Data<Registry>, caller: ReqData<Email>, Body(asked): Body<Comment>) -> Answer {
    if asked.comment.is_empty() {
        return Err(Refusal::invalid("comment: it says nothing"));
    }
    record(&mut registry.state(), asked.model_version_id, &caller.0, asked.comment, What::Comment)
}

/// Of a model or of a version.
#[derive(Deserialize)]
pub struct Find {
    #[serde(default, alias = "registeredModelId")]
    registered_model_id: Option<Uint64>,
    #[serde(default, alias = "modelVersionId")]
    model_version_id: Option<Uint64>,
    /// Of transitions only.
    #[serde(default)]
    state: Vec<TransitionState>,
}

impl Find {
    fn wants(&self, state: &State, version: Uint64) -> bool {
        let model = state.versions.get(&version).map(|version| version.registered_model_id);
        self.model_version_id.is_none_or(|wanted| wanted == version)
            && self.registered_model_id.is_none_or(|wanted| Some(wanted) == model)
    }

    fn checked(self) -> Result<Self, Refusal> {
        if self.registered_model_id.is_none() && self.model_version_id.is_none() {
            return Err(Refusal::invalid("model_version_id: this or registered_model_id must be given"));
        }
        Ok(self)
    }
}

pub async fn find(registry: Data<Registry>, Body(asked): Body<Find>) -> Answer {
    let (asked, state) = (asked.checked()?, registry.state());
    let wanted = |activity: &&Activity| asked.wants(&state, activity.version);
    let found: Vec<Value> = state.activities.iter().filter(wanted).map(Activity::to_json).collect();
    Ok(Json(json!({ "activities": found })))
}

/// Transitions as they stand now.
pub async fn find_transitions(registry: Data<Registry>, Body(asked): Body<Find>) -> Answer {
    let (asked, state) = (asked.checked()?, registry.state());
    let found: Vec<Value> = state
        .activities
        .iter()
        .filter(|activity| matches!(activity.what, What::Asked(_)) && asked.wants(&state, activity.version))
        .filter_map(|activity| {
            let now = state.transitions.get(&activity.what.transition()?.id)?.clone();
            (asked.state.is_empty() || asked.state.contains(&now.state()))
                .then(|| Activity { what: What::Asked(now), ..activity.clone() }.to_json())
        })
        .collect();
    Ok(Json(json!({ "activities": found })))
}
