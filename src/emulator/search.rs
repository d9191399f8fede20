//! Finding models and versions: predicates, an order, and pages.

use actix_web::HttpRequest;
use actix_web::web::{Data, Json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, Body, Refusal};
use super::entity::{RegisteredModel, Uint64};
use super::registry::{Registry, State};

/// What is found on one page if nobody says.
const PAGE: i64 = 10;

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Find {
    #[serde(alias = "workspaceName")]
    workspace_name: String,
    predicates: Vec<Predicate>,
    pagination: Pagination,
    ascending: bool,
    #[serde(alias = "sortKey")]
    sort_key: String,
}

#[derive(Deserialize)]
struct Predicate {
    key: String,
    value: Value,
    #[serde(default)]
    operator: Operator,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Operator {
    #[default]
    Eq,
    Ne,
    Contain,
    NotContain,
}

/// A page of nothing or less is all of it.
#[derive(Deserialize)]
#[serde(default)]
struct Pagination {
    #[serde(alias = "pageNumber")]
    page_number: i64,
    #[serde(alias = "pageLimit")]
    page_limit: i64,
}

impl Default for Pagination {
    fn default() -> Self {
        Self { page_number: 1, page_limit: PAGE }
    }
}

impl Predicate {
    /// A field that is a list is met by any of its entries.
    fn is_met(&self, entity: &Value) -> bool {
        let wanted = text(&self.value);
        let any = |is: fn(&str, &str) -> bool| match &entity[&self.key] {
            Value::Array(entries) => entries.iter().any(|entry| is(&text(entry), &wanted)),
            field => is(&text(field), &wanted),
        };
        match self.operator {
            Operator::Eq => any(|field, wanted| field == wanted),
            Operator::Ne => !any(|field, wanted| field == wanted),
            Operator::Contain => any(|field, wanted| field.contains(wanted)),
            Operator::NotContain => !any(|field, wanted| field.contains(wanted)),
        }
    }
}

impl Find {
    /// The page, and how many there are on all pages.
    fn among(&self, mut all: Vec<Value>) -> (Vec<Value>, usize) {
        all.retain(|entity| self.predicates.iter().all(|predicate| predicate.is_met(entity)));
        let key = if self.sort_key.is_empty() { "id" } else { &self.sort_key };
        // Numbers are written as strings: the shorter is the smaller.
        all.sort_by_cached_key(|entity| {
            let field = text(&entity[key]);
            (if field.parse::<u64>().is_ok() { field.len() } else { 0 }, field)
        });
        if !self.ascending {
            all.reverse();
        }
        let total = all.len();
        if let Ok(limit @ 1..) = usize::try_from(self.pagination.page_limit) {
            let before = usize::try_from(self.pagination.page_number - 1).unwrap_or_default().saturating_mul(limit);
            all = all.into_iter().skip(before).take(limit).collect();
        }
        (all, total)
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| if value.is_null() { String::new() } else { value.to_string() }, str::to_owned)
}

/// The models of the workspace that the path or the body names, or of all.
pub async fn models(registry: Data<Registry>, request: HttpRequest, Body(asked): Body<Find>) -> Answer {
    let state = registry.state();
    let named = request.match_info().get("ws").unwrap_or(&asked.workspace_name);
    let own = |model: &&RegisteredModel| named.is_empty() || state.workspace_id(named) == Some(model.workspace_id);
    let (found, total) = asked.among(state.models.values().filter(own).map(|model| json!(model)).collect());
    Ok(Json(json!({ "registered_models": found, "total_records": total.to_string() })))
}

/// The versions of the model or workspace that the path names, or of all.
pub async fn versions(registry: Data<Registry>, request: HttpRequest, Body(asked): Body<Find>) -> Answer {
    let state = registry.state();
    let path = request.match_info();
    let model = match (path.get("model"), path.get("ws"), path.get("name")) {
        (Some(id), ..) => Some(state.model(Uint64(id.parse().map_err(|_| Refusal::no_path())?))?.id),
        (None, Some(workspace), Some(name)) => Some(by_name(&state, workspace, name)?.id),
        _ => None,
    };
    let workspace = path.get("ws");
    let all = state.versions.values().filter(|version| {
        let of = state.models.get(&version.registered_model_id).map(|model| model.workspace_id);
        model.is_none_or(|model| version.registered_model_id == model)
            && workspace.is_none_or(|name| state.workspace_id(name).is_some_and(|id| Some(id) == of))
    });
    let (found, total) = asked.among(all.map(|version| json!(version)).collect());
    Ok(Json(json!({ "model_versions": found, "total_records": total.to_string() })))
}

pub fn by_name<'a>(state: &'a State, workspace: &str, name: &str) -> Result<&'a RegisteredModel, Refusal> {
    let id = state.workspace_id(workspace);
    let found = state.models.values().find(|model| Some(model.workspace_id) == id && model.name == name);
    found.ok_or_else(|| Refusal::unknown(&format!("registered model in {workspace} of the name"), name))
}
