//! What the registry knows, and which call does what to it.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};

use scanrelay::Timestamp;
use serde_json::{Value, json};

use super::Object;
use super::answer::{Answer, Fault};
use super::builds::Build;
use super::call::Call;
use super::courier::Sent;
use super::faults::Faults;
use super::stages::Transition;
use super::webhooks::{Webhook, WebhookCall};

/// All of it.
pub(super) struct State {
    clock: fn() -> Timestamp,
    pub(super) random: RandomState,
    pub(super) workspaces: Vec<String>,
    pub(super) webhooks: BTreeMap<u64, Webhook>,
    pub(super) calls: BTreeMap<u64, WebhookCall>,
    pub(super) models: BTreeMap<u64, Object>,
    pub(super) versions: BTreeMap<u64, Object>,
    pub(super) transitions: BTreeMap<u64, Transition>,
    pub(super) builds: BTreeMap<u64, Build>,
    /// What was written back, in order.
    pub(super) writes: Vec<Value>,
    pub(super) faults: Faults,
    /// What the call in hand fires.
    pub(super) outbox: Vec<Sent>,
    last_id: u64,
}

impl State {
    pub(super) fn new(clock: fn() -> Timestamp) -> Self {
        Self {
            clock,
            random: RandomState::new(),
            workspaces: Vec::new(),
            webhooks: BTreeMap::new(),
            calls: BTreeMap::new(),
            models: BTreeMap::new(),
            versions: BTreeMap::new(),
            transitions: BTreeMap::new(),
            builds: BTreeMap::new(),
            writes: Vec::new(),
            faults: Faults::default(),
            outbox: Vec::new(),
            last_id: 0,
        }
    }

    pub(super) fn carry_out(&mut self, call: &Call, email: &str, body: &Value, path: &str) -> Answer {
        match call {
            Call::CreateWebhook => self.create_webhook(body),
            Call::FindCalls => Ok(self.find_webhook_calls(body)),
            Call::CreateModel(workspace) => self.create_model(workspace, body),
            Call::GetModel(model) => self.model(model),
            Call::CreateVersion(model) => self.create_version(model, body),
            Call::GetVersion(version) => self.version(version),
            Call::PatchVersion(version, masked) => {
                let answer = self.patch_version(version, *masked, body)?;
                self.writes.push(write("PATCH", path, body, self.now()));
                Ok(answer)
            }
            Call::CreateTransition => self.create_transition(email, body),
            Call::ApproveTransition => self.approve_transition(email, body),
            Call::CommitTransition => self.commit_transition(body),
            Call::UpdateStage => self.update_stage(body),
            Call::CreateBuild(workspace) => self.create_build(workspace, body),
            Call::GetBuild(build) => self.show_build(build),
            Call::RequestScan(build) => self.request_scan(build, body),
            Call::PutScan(build) => {
                let answer = self.put_scan(build, body)?;
                self.writes.push(write("PUT", path, body, self.now()));
                Ok(answer)
            }
            Call::GetScan(build) => self.scan(build),
            Call::PutFaults => self.faults.set(body),
            Call::GetWrites => Ok(self.writes.clone().into()),
            Call::TriggerTest => Err(Fault::Precondition("a test is sent by its own way".to_owned())),
        }
    }

    /// Milliseconds since 1970.
    pub(super) fn now(&self) -> i64 {
        (self.clock)().as_millis()
    }

    pub(super) fn new_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// A workspace exists once it is named; its number is its place in the order of naming.
    pub(super) fn workspace_id(&mut self, name: &str) -> u64 {
        let found = self.workspaces.iter().position(|known| known == name);
        let index = found.unwrap_or_else(|| {
            self.workspaces.push(name.to_owned());
            self.workspaces.len() - 1
        });
        index as u64 + 1
    }

    /// A UUID in form, random enough for a registry that lives for an afternoon.
    pub(super) fn new_uuid(&mut self) -> String {
        let nth = self.new_id();
        let (high, low) = (self.random.hash_one((nth, "high")), self.random.hash_one((nth, "low")));
        let variant = 0x8000 | ((low >> 48) & 0x3fff);
        let (a, b, c) = (high >> 32, (high >> 16) & 0xffff, high & 0xfff);
        format!("{a:08x}-{b:04x}-4{c:03x}-{variant:04x}-{:012x}", low & 0xffff_ffff_ffff)
    }

    /// What changes of an entity look like to those who listen.
    pub(super) fn entity(kind: &str, entity: impl Into<Value>, workspace: u64) -> Value {
        let id = workspace.to_string().into();
        Object::from_iter([(kind.to_owned(), entity.into()), ("entity_workspace_id".to_owned(), id)]).into()
    }
}

/// One accepted write-back, as `GET /dev/writes` lists it.
fn write(method: &str, path: &str, body: &Value, at: i64) -> Value {
    json!({ "method": method, "path": path, "body": body, "at": at })
}
