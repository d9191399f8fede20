//! What is where, and what stands before all of it: identity, then faults.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::{DefaultHeaders, Next, from_fn};
use actix_web::web::{self, Data, FormConfig, PathConfig, PayloadConfig, QueryConfig, ServiceConfig};
use actix_web::{HttpMessage as _, Resource, ResponseError as _};

use super::answer::{self, MAX_BODY, Refusal};
use super::registry::Registry;
use super::{
    SERVER, activities, artifacts, beside, builds, calls, comet, dev, jenkins, login, mlflow, models, page, scans,
    search, stages, versions, webhooks,
};

/// Who calls.
#[derive(Clone)]
pub struct Email(pub String);

pub fn routes(registry: &Data<Registry>) -> impl FnOnce(&mut ServiceConfig) + use<> {
    let registry = registry.clone();
    move |config| {
        let all = web::scope("")
            .app_data(registry)
            .app_data(PayloadConfig::new(MAX_BODY))
            .app_data(
                FormConfig::default().error_handler(|_, _| Refusal::invalid("the form: it must have an id").into()),
            )
            .app_data(QueryConfig::default().error_handler(|error, _| Refusal::invalid(error.to_string()).into()))
            .app_data(PathConfig::default().error_handler(|_, _| Refusal::no_path().into()))
            .configure(events)
            .configure(login)
            .configure(found)
            .configure(models_and_versions)
            .configure(deployment)
            .configure(the_page)
            .configure(comet::routes)
            .configure(mlflow::routes)
            .configure(jenkins::routes)
            .service(at("/dev/faults", "PUT").route(web::put().to(dev::faults)))
            .service(at("/dev/writes", "GET").route(web::get().to(dev::writes)))
            .service(
                at("/dev/artifacts/{token}", "GET, PUT")
                    .route(web::get().to(artifacts::get))
                    .route(web::put().to(artifacts::put)),
            )
            .default_service(web::to(|| async { Refusal::no_path().error_response() }))
            .wrap(from_fn(door))
            .wrap(DefaultHeaders::new().add(("Server", SERVER)));
        config.service(all);
    }
}

fn the_page(config: &mut ServiceConfig) {
    let act = |name: &str| at(&format!("/dev/page/{name}"), "POST");
    config
        .service(at("/", "GET").route(web::get().to(page::show)).wrap(from_fn(page::guard)))
        .service(at("/dev/page.css", "GET").route(web::get().to(page::style)))
        .service(act("promote").route(web::post().to(page::promote)).wrap(from_fn(page::guard)))
        .service(act("request-scan").route(web::post().to(page::request_scan)).wrap(from_fn(page::guard)))
        .service(act("retrigger").route(web::post().to(page::retrigger)).wrap(from_fn(page::guard)));
}

fn events(config: &mut ServiceConfig) {
    let path = |name: &str| format!("/api/v1/uac-proxy/events/{name}");
    let event = |name: &str| at(&path(name), "POST");
    config
        .service(event("createWebhook").route(web::post().to(webhooks::create)))
        .service(event("triggerTest").route(web::post().to(calls::trigger_test)))
        .service(event("updateWebhook").route(web::post().to(webhooks::update)))
        .service(event("findWebhook").route(web::post().to(webhooks::find)))
        .service(at(&path("deleteWebhook"), "DELETE").route(web::delete().to(webhooks::delete)))
        .service(event("createEvent").route(web::post().to(calls::create_event)))
        .service(event("findWebhookCall").route(web::post().to(calls::find)))
        .service(event("retriggerWebhookCall").route(web::post().to(calls::retrigger)));
}

fn login(config: &mut ServiceConfig) {
    let uac = |path: &str| at(&format!("/api/v1/uac-proxy/{path}"), "GET");
    config
        .service(at("/api/v1/modeldb/project/verifyConnection", "GET").route(web::get().to(login::verify_connection)))
        .service(uac("uac/getCurrentUser").route(web::get().to(login::current_user)))
        .service(uac("workspace/getVisibleWorkspaces").route(web::get().to(login::visible_workspaces)))
        .service(uac("workspace/getWorkspaceById").route(web::get().to(login::workspace_by_id)))
        .service(uac("workspace/getWorkspaceByName").route(web::get().to(login::workspace_by_name)));
}

fn found(config: &mut ServiceConfig) {
    let find = |path: &str| at(&format!("/api/v1/registry/{path}/find"), "POST");
    let of_workspace = "workspaces/{ws}";
    for path in ["registered_models", &format!("{of_workspace}/registered_models")] {
        config.service(find(path).route(web::post().to(search::models)));
    }
    for path in [
        "model_versions",
        "registered_models/{model}/model_versions",
        &format!("{of_workspace}/model_versions"),
        &format!("{of_workspace}/registered_models/{{name}}/model_versions"),
    ] {
        config.service(find(path).route(web::post().to(search::versions)));
    }
}

fn models_and_versions(config: &mut ServiceConfig) {
    let registry = |path: &str, allowed| at(&format!("/api/v1/registry/{path}"), allowed);
    let model = "registered_models/{model}";
    let version = format!("{model}/model_versions/{{version}}");
    config
        .service(registry("workspaces/{ws}/registered_models", "POST").route(web::post().to(models::create)))
        .service(registry("workspaces/{ws}/registered_models/{name}", "GET").route(web::get().to(models::get_named)))
        .service(
            registry("registered_models/model_versions/external_deployments", "POST, PUT")
                .route(web::post().to(beside::deployment))
                .route(web::put().to(beside::deployment)),
        )
        .service(
            registry(model, "GET, PATCH, PUT")
                .route(web::get().to(models::get))
                .route(web::patch().to(models::change))
                .route(web::put().to(models::change)),
        )
        .service(registry(&format!("{model}/model_versions"), "POST").route(web::post().to(versions::create)))
        .service(
            registry("model_versions/{version}/logAttributes", "POST").route(web::post().to(beside::log_attributes)),
        )
        .service(registry("model_versions/{version}", "GET").route(web::get().to(versions::get)))
        .service(registry("model_versions/{version}/getUrlForArtifact", "POST").route(web::post().to(artifacts::url)))
        .service(
            registry(&version, "GET, PATCH, PUT")
                .route(web::get().to(versions::get_of_model))
                .route(web::patch().to(versions::change))
                .route(web::put().to(versions::put)),
        )
        .service(registry(&format!("{version}/full_body"), "PATCH").route(web::patch().to(versions::change_masked)))
        .service(registry("stage/createTransition", "POST").route(web::post().to(stages::create)))
        .service(registry("stage/approveTransition", "POST").route(web::post().to(stages::approve)))
        .service(registry("stage/rejectTransition", "POST").route(web::post().to(stages::reject)))
        .service(registry("stage/closeTransition", "POST").route(web::post().to(stages::close)))
        .service(registry("stage/createComment", "POST").route(web::post().to(activities::comment)))
        .service(registry("stage/findActivities", "POST").route(web::post().to(activities::find)))
        .service(registry("stage/findTransitions", "POST").route(web::post().to(activities::find_transitions)))
        .service(registry("stage/commitTransition", "POST").route(web::post().to(stages::commit)))
        .service(registry("stage/updateStage", "POST").route(web::post().to(stages::update)));
}

fn deployment(config: &mut ServiceConfig) {
    let deployment = |path: &str, allowed| at(&format!("/api/v1/deployment/{path}"), allowed);
    let builds = "workspace/{ws}/builds";
    config
        .service(
            deployment(builds, "GET, POST").route(web::get().to(builds::list)).route(web::post().to(builds::create)),
        )
        .service(deployment("builds", "GET").route(web::get().to(builds::list)))
        .service(deployment("builds/{build}/message", "PUT").route(web::put().to(builds::message)))
        .service(deployment(&format!("{builds}/{{build}}/message"), "PUT").route(web::put().to(builds::message)))
        .service(deployment(&format!("{builds}/{{build}}"), "GET").route(web::get().to(builds::get)))
        .service(
            deployment(&format!("{builds}/{{build}}/scan"), "GET, POST, PUT")
                .route(web::get().to(scans::get))
                .route(web::post().to(scans::ask))
                .route(web::put().to(scans::put)),
        )
        .service(
            deployment("workspace/{ws}/model_versions/{version}/scan", "POST")
                .route(web::post().to(scans::ask_of_version)),
        )
        .service(deployment("builds/{build}/scan", "GET").route(web::get().to(scans::get_of_build)));
}

fn at(path: &str, allowed: &'static str) -> Resource {
    answer::at(path, allowed, Refusal::wrong_method)
}

/// Any key is good, but somebody has to be there; an artifact's address says enough by itself. A fault meets what an
/// integration does to look and to report, and leaves `POST`, with which things are made to happen.
async fn door(
    registry: Data<Registry>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    if comet::is_asked(&request) {
        if let Some(answer) = comet::turned_away(&request) {
            return Ok(request.into_response(answer));
        }
    } else if request.path().starts_with("/api/") && !mlflow::is_asked(&request) {
        let email = request.headers().get("Grpc-Metadata-email").and_then(|email| email.to_str().ok());
        let Some(email) = email.map(str::trim).filter(|email| !email.is_empty()) else {
            let refusal = Refusal::unauthenticated("the header Grpc-Metadata-email is missing: it says who you are");
            return Ok(request.into_response(refusal.error_response()));
        };
        let email = Email(email.to_owned());
        request.extensions_mut().insert(email);
    }
    let fault = registry.state().fault;
    if let Some(answer) = fault.answer().filter(|_| meets(&request)) {
        return Ok(request.into_response(answer));
    }
    Ok(next.call(request).await?.map_into_boxed_body())
}

/// Whether a fault meets it.
fn meets(request: &ServiceRequest) -> bool {
    let path = request.path();
    if path.starts_with("/api/") {
        // The one `POST` that only looks, and the one that reports.
        let looks_or_reports = path.ends_with("/getUrlForArtifact") || mlflow::is_told(request);
        return request.method() != Method::POST || looks_or_reports;
    }
    path.starts_with("/dev/artifacts/") && request.method() == Method::GET
}
