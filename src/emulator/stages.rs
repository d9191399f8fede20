//! The stage flow: a transition is asked for, approved by somebody else, and committed.

use actix_web::web::{Data, Json, ReqData};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::{Answer, Body, Refusal};
use super::entity::{ModelVersion, Stage, Uint64};
use super::event::Happening;
use super::registry::{Registry, State};
use super::routes::Email;
use super::versions::replace;

/// The names of the states are ours: Verta's are not documented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    Open,
    Approved,
    Committed,
}

#[derive(Clone, Debug, Serialize)]
pub struct Transition {
    id: Uint64,
    model_version_id: Uint64,
    desired_stage: Stage,
    status: Status,
    #[serde(skip)]
    author: String,
}

#[derive(Deserialize)]
pub struct Create {
    #[serde(alias = "modelVersionId")]
    model_version_id: Uint64,
    #[serde(alias = "desiredStage")]
    desired_stage: Stage,
}

#[derive(Deserialize)]
pub struct Named {
    #[serde(alias = "transitionId")]
    transition_id: Uint64,
}

#[derive(Deserialize)]
pub struct Update {
    #[serde(alias = "modelVersionId")]
    model_version_id: Uint64,
    stage: Stage,
}

pub async fn create(registry: Data<Registry>, caller: ReqData<Email>, Body(asked): Body<Create>) -> Answer {
    let mut state = registry.state();
    let version = state.version(asked.model_version_id)?.clone();
    let transition = Transition {
        id: state.next_id(),
        model_version_id: version.id,
        desired_stage: asked.desired_stage,
        status: Status::Open,
        author: caller.into_inner().0,
    };
    replace(&mut state, version);
    Ok(activity(&mut state, transition))
}

pub async fn approve(registry: Data<Registry>, caller: ReqData<Email>, Body(asked): Body<Named>) -> Answer {
    let mut state = registry.state();
    let mut transition = open(&state, asked.transition_id)?;
    if transition.author == caller.into_inner().0 {
        return Err(Refusal::forbidden("the author of a transition cannot approve it"));
    }
    transition.status = Status::Approved;
    let version = state.version(transition.model_version_id)?.clone();
    replace(&mut state, version);
    Ok(activity(&mut state, transition))
}

pub async fn commit(registry: Data<Registry>, Body(asked): Body<Named>) -> Answer {
    let mut state = registry.state();
    let mut transition = open(&state, asked.transition_id)?;
    if transition.status != Status::Approved {
        return Err(Refusal::too_early(format!("transition {} is not approved", transition.id)));
    }
    transition.status = Status::Committed;
    let (old, new) = move_to(transition.desired_stage, transition.model_version_id, &mut state)?;
    let workspace = state.workspace_of(&new)?;
    let (old, new) = (&old, &new);
    let happening = match new.stage {
        Stage::Production => Happening::Promoted { old, new },
        _ => Happening::VersionUpdated { old, new },
    };
    state.fire(workspace, &happening);
    Ok(activity(&mut state, transition))
}

/// Past all approval. Whether Verta fires PROMOTE for it is not known; here it fires nothing, so that a promotion is
/// always one that somebody approved.
pub async fn update(registry: Data<Registry>, Body(asked): Body<Update>) -> Answer {
    let mut state = registry.state();
    let (_, version) = move_to(asked.stage, asked.model_version_id, &mut state)?;
    let id = state.next_id();
    Ok(Json(json!({ "id": id, "model_version_id": version.id, "stage": version.stage })))
}

/// The version before and after.
fn move_to(stage: Stage, id: Uint64, known: &mut State) -> Result<(ModelVersion, ModelVersion), Refusal> {
    let old = known.version(id)?.clone();
    let new = replace(known, ModelVersion { stage, ..old.clone() });
    Ok((old, new))
}

fn open(state: &State, id: Uint64) -> Result<Transition, Refusal> {
    let transition = state.transitions.get(&id).ok_or_else(|| Refusal::unknown("transition", id))?;
    match transition.status {
        Status::Committed => Err(Refusal::too_early(format!("transition {id} is committed already"))),
        Status::Open | Status::Approved => Ok(transition.clone()),
    }
}

/// Keeps the transition and answers with the activity that changed it.
fn activity(state: &mut State, transition: Transition) -> Json<Value> {
    let answer = json!({ "id": state.next_id(), "transition": transition });
    state.transitions.insert(transition.id, transition);
    Json(answer)
}
