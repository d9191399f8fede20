//! The stage flow: a transition is asked for, approved by somebody else, and committed; or rejected, or closed.

use std::collections::BTreeMap;

use actix_web::web::{Data, ReqData};
use serde::{Deserialize, Serialize};

use super::activities::{What, record};
use super::answer::{Answer, Body, Refusal};
use super::entity::{ModelVersion, Stage, Uint64};
use super::event::Happening;
use super::registry::{Registry, State};
use super::routes::Email;
use super::versions::replace;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TransitionState {
    Pending,
    Approved,
    Rejected,
    Closed,
    Committed,
}

#[derive(Clone, Debug, Serialize)]
pub struct Transition {
    pub id: Uint64,
    model_version_id: Uint64,
    source_stage: Stage,
    pub desired_stage: Stage,
    state: TransitionState,
    #[serde(skip)]
    author: String,
    /// By person, whether they approve: the last word of each counts.
    #[serde(skip)]
    votes: BTreeMap<String, bool>,
}

impl Transition {
    pub fn state(&self) -> TransitionState {
        self.state
    }

    fn vote(&mut self, voter: &str, approves: bool) {
        self.votes.insert(voter.to_owned(), approves);
        // One rejection outweighs every approval.
        let all = self.votes.values().all(|approves| *approves);
        self.state = if all { TransitionState::Approved } else { TransitionState::Rejected };
    }
}

#[derive(Deserialize)]
pub struct Create {
    #[serde(alias = "modelVersionId")]
    model_version_id: Uint64,
    #[serde(alias = "desiredStage")]
    desired_stage: Stage,
    #[serde(default)]
    comment: String,
}

#[derive(Deserialize)]
pub struct Named {
    #[serde(alias = "transitionId")]
    transition_id: Uint64,
    #[serde(default)]
    comment: String,
}

#[derive(Deserialize)]
pub struct Update {
    #[serde(alias = "modelVersionId")]
    model_version_id: Uint64,
    stage: Stage,
    #[serde(default)]
    comment: String,
}

pub async fn create(registry: Data<Registry>, caller: ReqData<Email>, Body(asked): Body<Create>) -> Answer {
    let mut state = registry.state();
    let transition = begin(&mut state, asked.model_version_id, asked.desired_stage, &caller.0)?;
    record(&mut state, asked.model_version_id, &caller.0, asked.comment, What::Asked(transition))
}

fn begin(state: &mut State, version: Uint64, to: Stage, author: &str) -> Result<Transition, Refusal> {
    let source_stage = state.version(version)?.stage;
    let transition = Transition {
        id: state.next_id(),
        model_version_id: version,
        source_stage,
        desired_stage: to,
        state: TransitionState::Pending,
        author: author.to_owned(),
        votes: BTreeMap::new(),
    };
    state.transitions.insert(transition.id, transition.clone());
    Ok(transition)
}

pub async fn approve(registry: Data<Registry>, caller: ReqData<Email>, Body(asked): Body<Named>) -> Answer {
    vote(&mut registry.state(), &caller.0, true, asked)
}

pub async fn reject(registry: Data<Registry>, caller: ReqData<Email>, Body(asked): Body<Named>) -> Answer {
    vote(&mut registry.state(), &caller.0, false, asked)
}

fn vote(state: &mut State, voter: &str, approves: bool, asked: Named) -> Answer {
    let mut transition = open(state, asked.transition_id)?;
    if transition.author == voter {
        let act = if approves { "approve" } else { "reject" };
        return Err(Refusal::forbidden(format!("the author of a transition cannot {act} it")));
    }
    transition.vote(voter, approves);
    state.transitions.insert(transition.id, transition.clone());
    let version = transition.model_version_id;
    let what = if approves { What::Approved(transition) } else { What::Rejected(transition) };
    record(state, version, voter, asked.comment, what)
}

/// Whoever can write can do this, the author too.
pub async fn close(registry: Data<Registry>, caller: ReqData<Email>, Body(asked): Body<Named>) -> Answer {
    let mut state = registry.state();
    let mut transition = open(&state, asked.transition_id)?;
    transition.state = TransitionState::Closed;
    state.transitions.insert(transition.id, transition.clone());
    record(&mut state, transition.model_version_id, &caller.0, asked.comment, What::Closed(transition))
}

pub async fn commit(registry: Data<Registry>, caller: ReqData<Email>, Body(asked): Body<Named>) -> Answer {
    finish(&mut registry.state(), &caller.0, asked)
}

fn finish(state: &mut State, caller: &str, asked: Named) -> Answer {
    let mut transition = open(state, asked.transition_id)?;
    if transition.state != TransitionState::Approved {
        return Err(Refusal::too_early(format!("transition {} is not approved", transition.id)));
    }
    transition.state = TransitionState::Committed;
    let to = transition.desired_stage;
    let (old, new) = move_to(to, to == Stage::Production, transition.model_version_id, state)?;
    let workspace = state.workspace_of(&new)?;
    let (old, new) = (&old, &new);
    let happening = match new.stage {
        Stage::Production => Happening::Promoted { old, new },
        _ => Happening::VersionUpdated { old, new },
    };
    state.fire(workspace, &happening);
    state.transitions.insert(transition.id, transition.clone());
    record(state, new.id, caller, asked.comment, What::Committed(transition))
}

/// The whole way to production: asked for by one, approved and committed by another.
pub fn promote(state: &mut State, version: Uint64, author: &str, approver: &str) -> Result<(), Refusal> {
    let transition = begin(state, version, Stage::Production, author)?;
    let named = || Named { transition_id: transition.id, comment: String::new() };
    let (approval, commit) = (named(), named());
    record(state, version, author, String::new(), What::Asked(transition))?;
    vote(state, approver, true, approval)?;
    finish(state, approver, commit).map(drop)
}

/// Past all approval. Whether Verta fires PROMOTE for it is not known; here it fires nothing, so that a promotion is
/// always one that somebody approved.
pub async fn update(registry: Data<Registry>, caller: ReqData<Email>, Body(asked): Body<Update>) -> Answer {
    let mut state = registry.state();
    let (_, version) = move_to(asked.stage, false, asked.model_version_id, &mut state)?;
    record(&mut state, version.id, &caller.0, asked.comment, What::Updated(version.stage))
}

/// The version before and after.
fn move_to(
    stage: Stage,
    promoting: bool,
    id: Uint64,
    known: &mut State,
) -> Result<(ModelVersion, ModelVersion), Refusal> {
    let old = known.version(id)?.clone();
    let new = replace(known, ModelVersion { stage, promoting, ..old.clone() });
    Ok((old, new))
}

fn open(state: &State, id: Uint64) -> Result<Transition, Refusal> {
    let transition = state.transitions.get(&id).ok_or_else(|| Refusal::unknown("transition", id))?;
    match transition.state {
        TransitionState::Committed => Err(Refusal::too_early(format!("transition {id} is committed already"))),
        TransitionState::Closed => Err(Refusal::too_early(format!("transition {id} is closed"))),
        TransitionState::Pending | TransitionState::Approved | TransitionState::Rejected => Ok(transition.clone()),
    }
}
