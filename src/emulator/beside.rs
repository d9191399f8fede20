//! What is told of a version beside its own fields: attributes, and where it was deployed.

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::web::{Data, Json, Path};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::answer::{Answer, Body, Refusal};
use super::dev::Write;
use super::entity::Uint64;
use super::event::Happening;
use super::patch::{self, merged};
use super::registry::{Registry, State};
use super::versions::replace;

const DEPLOYMENTS: &str = "external_deployments";

/// Attributes with the same key take the place of the old ones.
pub async fn log_attributes(
    registry: Data<Registry>,
    request: HttpRequest,
    id: Path<u64>,
    Body(body): Body<Map<String, Value>>,
) -> Answer {
    let named = |attribute: &Value| attribute["key"].as_str().is_some_and(|key| !key.is_empty());
    let Some(attributes) =
        body.get("attributes").filter(|list| list.as_array().is_some_and(|all| all.iter().all(named)))
    else {
        return Err(Refusal::invalid("attributes: it must be a list of objects with a key"));
    };
    let mut state = registry.state();
    let mut version = state.version(Uint64(*id))?.clone();
    patch::unmasked(&mut version, Map::from_iter([("attributes".to_owned(), attributes.clone())]))?;
    let answer = changed(&mut state, version)?;
    state.writes.push(Write::new(&request, Value::Object(body)));
    Ok(Json(json!({ "model_version": answer })))
}

#[derive(Deserialize)]
struct Deployment {
    #[serde(default)]
    id: Option<Uint64>,
    #[serde(alias = "modelVersionId")]
    model_version_id: Uint64,
    #[serde(alias = "locationDeployed")]
    location_deployed: String,
}

/// `POST` makes one, `PUT` with its id takes its place. The form of the answer is not known: it is the deployment.
pub async fn deployment(
    registry: Data<Registry>,
    request: HttpRequest,
    Body(body): Body<Map<String, Value>>,
) -> Answer {
    let invalid = |error: serde_json::Error| Refusal::invalid(format!("the body: {error}"));
    let asked = Deployment::deserialize(&Value::Object(body.clone())).map_err(invalid)?;
    if asked.location_deployed.is_empty() {
        return Err(Refusal::invalid("location_deployed: a deployment is somewhere"));
    }
    let mut state = registry.state();
    let mut version = state.version(asked.model_version_id)?.clone();
    let standing = version.rest.get(DEPLOYMENTS).cloned();
    let id = if request.method() == Method::PUT {
        let id = asked.id.ok_or_else(|| Refusal::invalid("id: which deployment is it?"))?;
        let known = standing.as_ref().and_then(Value::as_array).into_iter().flatten();
        known
            .map(|known| &known["id"])
            .find(|known| **known == json!(id))
            .map(|_| id)
            .ok_or_else(|| Refusal::unknown("external deployment of this version with the id", id))?
    } else {
        state.next_id()
    };
    let mut deployment = body.clone();
    deployment.insert("id".to_owned(), json!(id));
    let all = merged(standing.as_ref(), vec![json!(deployment)], |deployment| &deployment["id"]);
    version.rest.insert(DEPLOYMENTS.to_owned(), all);
    changed(&mut state, version)?;
    state.writes.push(Write::new(&request, Value::Object(body)));
    Ok(Json(json!({ "external_deployment": deployment })))
}

fn changed(state: &mut State, version: super::entity::ModelVersion) -> Result<Value, Refusal> {
    let old = state.version(version.id)?.clone();
    let new = replace(state, version);
    let workspace = state.workspace_of(&new)?;
    state.fire(workspace, &Happening::VersionUpdated { old: &old, new: &new });
    Ok(json!(new))
}
