//! The development registry, as a Comet server: the endpoints that its webhooks, its own client and an integration use.
//!
//! Paths, names and errors are those of `comet_ml`'s calls and of Comet's pages. What neither tells is done plainly: a
//! configuration of webhooks takes the place of the one of the same workspace and model, writing metadata keeps the other
//! keys, and every asset of type `model-element` belongs to the models that are registered from its experiment.

mod answer;
mod changes;
mod deliver;
mod experiments;
mod hooks;
mod items;
mod models;
mod state;
mod upload;

use actix_web::dev::ServiceRequest;
use actix_web::web::{self, PayloadConfig, QueryConfig, ServiceConfig};
use actix_web::{HttpResponse, ResponseError as _};

use answer::{Refusal, at};

pub use state::Comet;

/// The version that it says it has: metadata of a version can be written since 4.18.133.
const VERSION: &str = "4.21.0";
/// The longest asset, with what is around it in the request.
const MAX_ASSET: usize = 16 * 1024 * 1024;

const ROOT: &str = "/api/rest/v2";

pub fn routes(config: &mut ServiceConfig) {
    let rest = web::scope(ROOT)
        .app_data(QueryConfig::default().error_handler(|error, _| Refusal::invalid(error.to_string()).into()))
        .configure(reads)
        .configure(writes)
        .configure(states_by_get)
        .default_service(web::to(|| async { Refusal::unknown("endpoint at this path").error_response() }));
    config.service(rest).service(
        at("/clientlib/isAlive/ver", "GET")
            .route(web::get().to(|| async { web::Json(serde_json::json!({ "version": VERSION })) })),
    );
}

fn reads(config: &mut ServiceConfig) {
    let model = |path: &str| at(&format!("/registry-model{path}"), "GET");
    config
        .service(at("/workspaces", "GET").route(web::get().to(models::workspaces)))
        .service(at("/account-details", "GET").route(web::get().to(models::account)))
        .service(
            at("/webhooks/config", "GET, POST").route(web::get().to(hooks::find)).route(web::post().to(hooks::set)),
        )
        .service(at("/experiment/metadata", "GET").route(web::get().to(experiments::metadata)))
        .service(at("/experiment/asset/get-asset", "GET").route(web::get().to(experiments::asset)))
        .service(model("").route(web::get().to(models::list)))
        .service(model("/count").route(web::get().to(models::count)))
        .service(model("/compact-details").route(web::get().to(models::compact)))
        .service(model("/details").route(web::get().to(models::details)))
        .service(model("/items").route(web::get().to(models::items)))
        .service(model("/allowed_status_values").route(web::get().to(models::allowed)))
        .service(model("/item/details").route(web::get().to(items::details)))
        .service(model("/item/download-instructions").route(web::get().to(items::instructions)))
        .service(model("/item/{item}/metadata").route(web::get().to(items::metadata)));
}

fn writes(config: &mut ServiceConfig) {
    let write = |path: &str| at(&format!("/write/{path}"), "POST");
    config
        .service(write("experiment/create").route(web::post().to(experiments::create)))
        .service(
            write("experiment/upload-asset")
                .app_data(PayloadConfig::new(MAX_ASSET))
                .route(web::post().to(experiments::upload)),
        )
        .service(write("registry-model/item/create").route(web::post().to(items::create)))
        .service(write("registry-model/item/update").route(web::post().to(changes::update)))
        .service(write("registry-model/item/status").route(web::post().to(changes::status)))
        .service(write("registry-model/item/{item}/metadata").route(web::post().to(changes::metadata)));
}

/// Comet changes these by `GET`.
fn states_by_get(config: &mut ServiceConfig) {
    let stage = |path: &str| at(&format!("/write/registry-model/item/{path}"), "GET");
    config
        .service(stage("stage").route(web::get().to(changes::add_stage)))
        .service(stage("stage/delete").route(web::get().to(changes::delete_stage)));
}

/// Whether a request is for this server, which wants another identity than Verta's.
pub fn is_asked(request: &ServiceRequest) -> bool {
    request.path().starts_with("/api/rest/")
}

/// Any key is good, but somebody has to be there: the answer to nobody.
pub fn turned_away(request: &ServiceRequest) -> Option<HttpResponse> {
    let key = request.headers().get("Authorization").and_then(|key| key.to_str().ok());
    let known = key.is_some_and(|key| !key.trim().is_empty());
    (!known).then(|| Refusal::nobody().error_response())
}
