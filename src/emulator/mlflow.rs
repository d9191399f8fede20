//! The development registry, as an MLflow server: models, versions, aliases, tags, webhooks and the artifact service.
//!
//! Paths, answers, errors and deliveries are those of `mlflow server` 3.17 and do for its own client, `MlflowClient`. It has no
//! runs, no experiments and no prompts. So a version may be made of any place in the artifact service, where MLflow wants the
//! run that it belongs to; and webhooks are told of models alone, one delivery after another.

mod aliases;
mod answer;
mod asked;
mod deliver;
mod event;
mod files;
mod filter;
mod hooks;
mod models;
mod names;
mod pages;
mod python;
mod state;
mod tags;
mod versions;

use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::web::{self, Json, ServiceConfig};
use actix_web::{Resource, ResponseError as _};
use serde_json::json;

use answer::{Refusal, at};

pub use state::Mlflow;

/// Where what a person and an integration ask for is.
const ROOT: &str = "/api/2.0/mlflow";
/// Where the client asks what the server can do.
const SERVER_INFO: &str = "/api/3.0/mlflow/server-info";

pub fn routes(config: &mut ServiceConfig) {
    let rest = web::scope("/api/2.0")
        .configure(registered_models)
        .configure(model_versions)
        .configure(webhooks)
        .configure(artifacts)
        .default_service(web::to(|| async { Refusal::no_endpoint().error_response() }));
    let info = || async {
        Json(json!({
            "store_type": "SqlStore", "workspaces_enabled": false, "trace_archival_enabled": false,
            "multipart_uploads_enabled": false, "multipart_downloads_enabled": false,
        }))
    };
    config.service(rest).service(at(SERVER_INFO, "GET").route(web::get().to(info)));
}

fn registered_models(config: &mut ServiceConfig) {
    let model = |path: &str, allowed| at(&format!("/mlflow/registered-models/{path}"), allowed);
    config
        .service(model("create", "POST").route(web::post().to(models::create)))
        .service(model("get", "GET").route(web::get().to(models::get)))
        .service(model("search", "GET").route(web::get().to(models::search)))
        .service(model("delete", "DELETE").route(web::delete().to(models::delete)))
        .service(model("get-latest-versions", "POST").route(web::post().to(models::latest)))
        .service(model("set-tag", "POST").route(web::post().to(tags::set_of_model)))
        .service(model("delete-tag", "DELETE").route(web::delete().to(tags::delete_of_model)))
        .service(
            model("alias", "GET, POST, DELETE")
                .route(web::get().to(aliases::get))
                .route(web::post().to(aliases::set))
                .route(web::delete().to(aliases::delete)),
        );
}

fn model_versions(config: &mut ServiceConfig) {
    let version = |path: &str, allowed| at(&format!("/mlflow/model-versions/{path}"), allowed);
    config
        .service(version("create", "POST").route(web::post().to(versions::create)))
        .service(version("get", "GET").route(web::get().to(versions::get)))
        .service(version("get-download-uri", "GET").route(web::get().to(versions::download_uri)))
        .service(version("search", "GET").route(web::get().to(versions::search)))
        .service(version("update", "PATCH").route(web::patch().to(versions::update)))
        .service(version("transition-stage", "POST").route(web::post().to(versions::transition)))
        .service(version("delete", "DELETE").route(web::delete().to(versions::delete)))
        .service(version("set-tag", "POST").route(web::post().to(tags::set)))
        .service(version("delete-tag", "DELETE").route(web::delete().to(tags::delete)));
}

fn webhooks(config: &mut ServiceConfig) {
    let hook = |path: &str, allowed| at(&format!("/mlflow/webhooks{path}"), allowed);
    config
        .service(hook("", "GET, POST").route(web::get().to(hooks::list)).route(web::post().to(hooks::create)))
        .service(
            hook("/{id}", "GET, PATCH, DELETE")
                .route(web::get().to(hooks::get))
                .route(web::patch().to(hooks::update))
                .route(web::delete().to(hooks::delete)),
        )
        .service(hook("/{id}/test", "POST").route(web::post().to(hooks::test)));
}

fn artifacts(config: &mut ServiceConfig) {
    let place = |path: &str, allowed| -> Resource { at(&format!("/mlflow-artifacts/artifacts{path}"), allowed) };
    config.service(place("", "GET").route(web::get().to(files::list))).service(
        place("/{path:.*}", "GET, PUT, DELETE")
            .route(web::get().to(files::get))
            .route(web::put().to(files::put))
            .route(web::delete().to(files::delete)),
    );
}

/// Whether a request is for this server, which wants nobody's name.
pub fn is_asked(request: &ServiceRequest) -> bool {
    request.path().starts_with("/api/2.0/") || request.path() == SERVER_INFO
}

/// An outcome is told here by `POST`.
pub fn is_told(request: &ServiceRequest) -> bool {
    request.method() == Method::POST && request.path() == [ROOT, "/model-versions/set-tag"].concat()
}
