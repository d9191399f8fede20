//! The registry's state, behind one lock that is never held across an await.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::Options;
use super::activities::Activity;
use super::answer::Refusal;
use super::artifacts::Artifacts;
use super::builds::Build;
use super::comet::Comet;
use super::date;
use super::deliver::{self, Call};
use super::dev::{Fault, Write};
use super::entity::{ModelVersion, RegisteredModel, Uint64};
use super::event::{EventType, Happening, ResourceType, Uuids};
use super::jenkins::Jenkins;
use super::mlflow::Mlflow;
use super::stages::Transition;
use super::webhooks::Webhook;

/// As in Verta's examples: far from the other ids, so that none is taken for another.
const FIRST_BUILD: u64 = 5150;
/// The oldest are forgotten first.
const KEPT_CALLS: usize = 4096;

/// The state, and where work goes on after an answer.
pub struct Registry {
    state: Mutex<State>,
    pub options: Options,
    pub client: reqwest::Client,
    /// Of the caller's runtime: the server's workers have runtimes of their own, which end with them.
    tasks: Handle,
    stop: CancellationToken,
}

impl Registry {
    /// Tasks run on the current runtime until `stop`.
    pub fn new(options: Options, stop: CancellationToken) -> std::io::Result<Self> {
        let state = Mutex::new(State::new(Uuids::new()));
        let client = deliver::client(options.delivery_timeout).map_err(std::io::Error::other)?;
        Ok(Self { state, options, client, tasks: Handle::current(), stop })
    }

    /// A panic in one request leaves the state to the others as it is.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something after the answer.
    pub fn later(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move { stop.run_until_cancelled(task).await });
    }
}

/// All that it knows. Ids are unique over all kinds of things, so that none is taken for another; builds count apart.
pub struct State {
    last_id: u64,
    next_build: u64,
    uuids: Uuids,
    /// By name.
    workspaces: BTreeMap<String, Uint64>,
    pub webhooks: BTreeMap<Uint64, Webhook>,
    pub models: BTreeMap<Uint64, RegisteredModel>,
    pub versions: BTreeMap<Uint64, ModelVersion>,
    pub transitions: BTreeMap<Uint64, Transition>,
    pub activities: VecDeque<Activity>,
    pub builds: BTreeMap<u64, Build>,
    pub calls: BTreeMap<Uint64, Call>,
    pub artifacts: Artifacts,
    pub comet: Comet,
    pub mlflow: Mlflow,
    pub jenkins: Jenkins,
    pub writes: Vec<Write>,
    pub fault: Fault,
}

impl State {
    fn new(uuids: Uuids) -> Self {
        Self {
            last_id: 0,
            next_build: FIRST_BUILD,
            uuids,
            workspaces: BTreeMap::new(),
            webhooks: BTreeMap::new(),
            models: BTreeMap::new(),
            versions: BTreeMap::new(),
            transitions: BTreeMap::new(),
            activities: VecDeque::new(),
            builds: BTreeMap::new(),
            calls: BTreeMap::new(),
            artifacts: Artifacts::default(),
            comet: Comet::default(),
            mlflow: Mlflow::default(),
            jenkins: Jenkins::default(),
            writes: Vec::new(),
            fault: Fault::None,
        }
    }

    pub fn next_id(&mut self) -> Uint64 {
        self.last_id += 1;
        Uint64(self.last_id)
    }

    pub fn next_build(&mut self) -> u64 {
        self.next_build += 1;
        self.next_build - 1
    }

    pub fn next_uuid(&mut self) -> String {
        self.uuids.next()
    }

    /// Letters and digits, as Comet's ids are.
    pub fn next_comet_id(&mut self) -> String {
        self.uuids.next().replace('-', "")
    }

    /// The workspace of that name, which exists from now on.
    pub fn workspace(&mut self, name: &str) -> Uint64 {
        if let Some(id) = self.workspaces.get(name) {
            return *id;
        }
        let id = self.next_id();
        self.workspaces.insert(name.to_owned(), id);
        id
    }

    /// The name of a version's workspace.
    pub fn workspace_name(&self, version: Uint64) -> Result<String, Refusal> {
        let id = self.workspace_of(self.version(version)?)?;
        let known = self.workspaces.iter().find(|(_, known)| **known == id);
        known.map(|(name, _)| name.clone()).ok_or_else(|| Refusal::unknown("workspace", id))
    }

    /// By name.
    pub fn workspaces(&self) -> impl Iterator<Item = (&str, Uint64)> {
        self.workspaces.iter().map(|(name, id)| (name.as_str(), *id))
    }

    pub fn workspace_id(&self, name: &str) -> Option<Uint64> {
        self.workspaces.get(name).copied()
    }

    pub fn has_workspace(&self, id: Uint64) -> bool {
        self.workspaces.values().any(|known| *known == id)
    }

    pub fn model(&self, id: Uint64) -> Result<&RegisteredModel, Refusal> {
        self.models.get(&id).ok_or_else(|| Refusal::unknown("registered model", id))
    }

    pub fn version(&self, id: Uint64) -> Result<&ModelVersion, Refusal> {
        self.versions.get(&id).ok_or_else(|| Refusal::unknown("model version", id))
    }

    /// The workspace of a version.
    pub fn workspace_of(&self, version: &ModelVersion) -> Result<Uint64, Refusal> {
        Ok(self.model(version.registered_model_id)?.workspace_id)
    }

    /// Queues what happened for every webhook that hears it.
    pub fn fire(&mut self, workspace: Uint64, happening: &Happening<'_>) {
        let uuid = self.uuids.next();
        let body = happening.body(&uuid, workspace, date::now());
        self.send(workspace, happening.event_type(), Some(&happening.resource_type()), &uuid, &body);
    }

    /// Queues a body for every webhook that hears such events.
    pub fn send(
        &mut self,
        workspace: Uint64,
        event: EventType,
        resource: Option<&ResourceType>,
        uuid: &str,
        body: &Value,
    ) {
        let hears = |hook: &&Webhook| hook.hears(workspace, event, resource);
        let hearing: Vec<Uint64> = self.webhooks.values().filter(hears).map(|hook| hook.id).collect();
        for hook in hearing {
            self.queue(hook, uuid, body, None);
        }
    }

    /// Records a call to one webhook, if there is such, and queues it: the call's id. `answered` hears how it ended.
    pub fn queue(
        &mut self,
        hook: Uint64,
        uuid: &str,
        body: &Value,
        answered: Option<deliver::Answered>,
    ) -> Option<Uint64> {
        let id = self.next_id();
        let hook = self.webhooks.get(&hook)?;
        if self.calls.len() == KEPT_CALLS {
            self.calls.pop_first();
        }
        self.calls.insert(id, Call::new(id, hook.id, uuid, body));
        let target = Arc::clone(&hook.target);
        hook.queue(deliver::Post { call: id, target, body: body.to_string(), answered });
        Some(id)
    }
}
