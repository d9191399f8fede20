//! Registered models and their versions.

use serde_json::{Value, json};

use super::answer::{Answer, Fault};
use super::call::Masked;
use super::state::State;
use super::{Object, needed};

/// What a PATCH may not touch: ids and times are the registry's, a stage is changed by a transition.
const FIXED: [&str; 5] = ["id", "registered_model_id", "time_created", "time_updated", "stage"];

impl State {
    pub(super) fn create_model(&mut self, workspace: &str, body: &Value) -> Answer {
        let name = needed(body, "name")?;
        let workspace = self.workspace_id(workspace);
        let taken = |model: &Object| model["name"] == name.as_str() && workspace_of(model) == workspace;
        if self.models.values().any(taken) {
            return Err(Fault::Exists(format!("the workspace has a model {name} already")));
        }
        let (id, now) = (self.new_id(), self.now().to_string());
        let mut model = Object::new();
        model.insert("id".into(), id.to_string().into());
        model.insert("workspace_id".into(), workspace.to_string().into());
        model.insert("name".into(), name.into());
        model.insert("time_created".into(), now.clone().into());
        model.insert("time_updated".into(), now.into());
        self.models.insert(id, model.clone());
        self.fire(
            "CREATE",
            workspace,
            "REGISTERED_MODEL",
            None,
            Self::entity("registered_model", model.clone(), workspace),
        );
        Ok(json!({ "registered_model": model }))
    }

    pub(super) fn model(&self, model: &str) -> Answer {
        Ok(json!({ "registered_model": self.find_model(model)?.1 }))
    }

    pub(super) fn create_version(&mut self, model: &str, body: &Value) -> Answer {
        let name = needed(body, "version")?;
        let (model, workspace) = {
            let (id, found) = self.find_model(model)?;
            (id, workspace_of(found))
        };
        let model_id = model.to_string();
        let taken = |version: &Object| {
            version["version"] == name.as_str() && version["registered_model_id"] == model_id.as_str()
        };
        if self.versions.values().any(taken) {
            return Err(Fault::Exists(format!("the model has a version {name} already")));
        }
        let (id, now) = (self.new_id(), self.now().to_string());
        let mut version = Object::new();
        version.insert("id".into(), id.to_string().into());
        version.insert("registered_model_id".into(), model_id.into());
        version.insert("version".into(), name.into());
        version.insert("time_created".into(), now.clone().into());
        version.insert("time_updated".into(), now.into());
        version.insert("stage".into(), "UNASSIGNED".into());
        self.versions.insert(id, version.clone());
        let entity = Self::entity("model_version", version.clone(), workspace);
        self.fire("CREATE", workspace, "REGISTERED_MODEL_VERSION", None, entity);
        Ok(json!({ "model_version": version }))
    }

    pub(super) fn version(&self, version: &str) -> Answer {
        Ok(json!({ "model_version": self.find_version(version)?.1 }))
    }

    pub(super) fn patch_version(&mut self, version: &str, masked: Masked, body: &Value) -> Answer {
        let (id, _) = self.find_version(version)?;
        let changes = match masked {
            Masked::No => body.as_object().cloned().unwrap_or_default(),
            Masked::Yes => under_mask(body)?,
        };
        if let Some(key) = FIXED.iter().find(|key| changes.contains_key(**key)) {
            return Err(Fault::Invalid(format!("{key} cannot be changed by a PATCH")));
        }
        self.change_version(id, changes, "UPDATE")
    }

    /// Changes a version and tells those who listen.
    pub(super) fn change_version(&mut self, id: u64, changes: Object, event: &str) -> Answer {
        let now = self.now().to_string();
        let version = self.versions.get_mut(&id).ok_or_else(|| no_version(&id.to_string()))?;
        let before = version.clone();
        version.extend(changes);
        version.insert("time_updated".into(), now.into());
        let after = version.clone();
        let workspace = self.workspace_of_version(&after);
        self.fire(
            event,
            workspace,
            "REGISTERED_MODEL_VERSION",
            Some(Self::entity("model_version", before, workspace)),
            Self::entity("model_version", after.clone(), workspace),
        );
        Ok(json!({ "model_version": after }))
    }

    pub(super) fn workspace_of_version(&self, version: &Object) -> u64 {
        let model = version["registered_model_id"].as_str().and_then(|id| id.parse().ok());
        model.and_then(|model: u64| self.models.get(&model)).map_or(0, workspace_of)
    }

    fn find_model(&self, model: &str) -> Result<(u64, &Object), Fault> {
        let found = model.parse().ok().and_then(|id: u64| Some((id, self.models.get(&id)?)));
        found.ok_or_else(|| Fault::NotFound(format!("there is no registered model {model}")))
    }

    pub(super) fn find_version(&self, version: &str) -> Result<(u64, &Object), Fault> {
        let found = version.parse().ok().and_then(|id: u64| Some((id, self.versions.get(&id)?)));
        found.ok_or_else(|| no_version(version))
    }
}

fn no_version(version: &str) -> Fault {
    Fault::NotFound(format!("there is no model version {version}"))
}

fn workspace_of(model: &Object) -> u64 {
    model["workspace_id"].as_str().and_then(|id| id.parse().ok()).unwrap_or_default()
}

/// The masked keys. The mask is `{"paths":["a_key"]}`, as Verta's client writes it, or `"aKey,…"`, as protobuf's JSON does.
fn under_mask(body: &Value) -> Result<Object, Fault> {
    let version = body["model_version"].as_object();
    let version = version.ok_or_else(|| Fault::Invalid("model_version is missing".to_owned()))?;
    let paths: Vec<String> = match &body["update_mask"] {
        Value::String(mask) => mask.split(',').map(snake_case).collect(),
        mask => mask["paths"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect(),
    };
    if paths.is_empty() {
        return Err(Fault::Invalid("update_mask names no path".to_owned()));
    }
    Ok(paths.into_iter().map(|path| (path.clone(), version.get(&path).cloned().unwrap_or_else(|| "".into()))).collect())
}

fn snake_case(path: &str) -> String {
    let mut snake = String::with_capacity(path.len() + 4);
    for letter in path.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}
