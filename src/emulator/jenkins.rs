//! The development registry, as a Jenkins server below `/jenkins`: jobs in folders, the queue, builds, consoles and artifacts.
//!
//! Paths, answers and quirks are those of Jenkins' core 2.541 and of its Generic Webhook Trigger plugin, and do for its clients
//! `python-jenkins` and `api4jenkins`: what is in the queue already is not queued twice (303), an item of the queue is forgotten some
//! minutes after it has left, a parameter that is not declared is dropped, `Location` may name a host from inside, and a build's
//! `building` ends before it does. `tree` is obeyed, so that what is not asked for is not there.
//!
//! Any user is good, and any secret: one that looks like an API token (`11` and 32 hex digits) needs no crumb, another one is a password
//! and does. There is no quiet period, and a job starts as often as it is asked to. Its own are the paths under `/dev/jenkins`: `jobs`
//! makes jobs, `steer` moves them, `server` makes weather, and a `GET` says how things are.

mod answer;
mod dev;
mod door;
mod gate;
mod jobs;
mod paths;
mod progress;
mod state;
mod tell;
mod tree;
mod trigger;
mod webhook;

use actix_web::http::Method;
use actix_web::web::{self, Bytes, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};

use super::answer::{Refusal, at};
use super::registry::Registry;
use answer::{json, not_found, page};
use paths::Asked;
use tell::Teller;

pub use state::Jenkins;

/// Where it lives.
const ROOT: &str = "/jenkins";

pub fn routes(config: &mut ServiceConfig) {
    let own = |path: &str, allowed| at(&format!("/dev/jenkins{path}"), allowed, Refusal::wrong_method);
    config
        .service(own("", "GET").route(web::get().to(dev::all)))
        .service(own("/jobs", "PUT").route(web::put().to(dev::job)))
        .service(own("/steer", "POST").route(web::post().to(dev::steer)))
        .service(own("/server", "PUT").route(web::put().to(dev::server)))
        .service(web::resource([ROOT, "/jenkins/{path:.*}"]).route(web::route().to(serve)));
}

async fn serve(registry: Data<Registry>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let asked = Asked::of(&request, body);
    let path: Vec<&str> = asked.path.iter().map(String::as_str).collect();
    if let Some(answer) = before(&mut registry.state().jenkins, &asked, &path) {
        return answer;
    }
    if path[..] == ["generic-webhook-trigger", "invoke"] {
        return webhook::invoke(&registry, &asked);
    }
    let user = match door::enter(&mut registry.state().jenkins, &asked) {
        Ok(user) => user,
        Err(turned_away) => return *turned_away,
    };
    if let ["job", ..] = path[..] {
        return jobs::serve(registry, asked).await;
    }
    let mut state = registry.state();
    let jenkins = &mut state.jenkins;
    jenkins.go_on(registry.options.build_time);
    let teller = Teller { jenkins, base: &asked.base };
    match (&asked.method, &path[..]) {
        (&Method::GET | &Method::HEAD, []) => page("Dashboard"),
        (&Method::GET, ["api", "json"]) => json(&asked, teller.root()),
        (&Method::GET, ["me", "api", "json"]) => json(&asked, teller.user(&user)),
        (&Method::GET, ["user", name, "api", "json"]) => json(&asked, teller.user(name)),
        (&Method::GET, ["computer", "api", "json"]) => json(&asked, teller.computers()),
        (&Method::GET, ["crumbIssuer", "api", "json"]) => door::crumb(jenkins, &asked, &user),
        (&Method::GET, ["queue", "api", "json"]) => json(&asked, teller.queue()),
        (&Method::GET, ["queue", "item", id, "api", "json"]) => match id.parse().ok().and_then(|id| teller.item(id)) {
            Some(item) if !jenkins.weather.hide_items => json(&asked, item),
            _ => not_found(),
        },
        (&Method::POST, ["queue", "cancelItem"]) => match asked.parameter("id").and_then(|id| id.parse().ok()) {
            Some(id) if jenkins.cancel(id) => HttpResponse::NoContent().finish(),
            Some(_) => not_found(),
            None => answer::error(422, "cancelItem needs an id"),
        },
        _ => not_found(),
    }
}

/// What a proxy before it answers in its place.
fn before(jenkins: &mut Jenkins, asked: &Asked, path: &[&str]) -> Option<HttpResponse> {
    jenkins.asked += 1;
    if let Some(status) = jenkins.weather.proxy {
        return Some(answer::before(status, "as /dev/jenkins/server says"));
    }
    let to_log_in = asked.method == Method::POST || path.first() == Some(&"crumbIssuer");
    (jenkins.weather.login_pages && to_log_in).then(|| answer::before(200, "Log in"))
}
