//! The page: what the registry knows, and what a person would do in Verta's interface. It needs no script.

mod html;
mod promotion;
mod view;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HOST, LOCATION, ORIGIN};
use actix_web::middleware::Next;
use actix_web::web::{Data, Form, Query};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, ResponseError as _};
use serde::Deserialize;

use super::answer::Refusal;
use super::entity::Uint64;
use super::registry::Registry;
use super::{calls, origin, scans, stages};
use html::Html;

/// Who acts here: a promotion needs two.
const AUTHOR: &str = "author@example.com";
const APPROVER: &str = "approver@example.com";

/// What the page may load: its own style, and nothing else.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Lets in who sees this machine by a name of its own, and acts from this page: no other page that is open in the same
/// browser can read this one or press its buttons.
pub async fn guard(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let own = header(HOST).and_then(origin::loopback);
    let refusal = match (&own, header(ORIGIN)) {
        (None, _) => Some("the page is for this machine: open it as localhost or 127.0.0.1"),
        (Some(own), Some(origin)) if request.method() == Method::POST && *own != origin => {
            Some("the form was sent from another page: use the buttons of this one")
        }
        // Every browser says where a form comes from.
        (_, None) if request.method() == Method::POST => Some("the form has no Origin: use the buttons of the page"),
        _ => None,
    };
    match refusal {
        Some(reason) => Ok(request.into_response(refused(&Refusal::forbidden(reason)))),
        None => Ok(next.call(request).await?.map_into_boxed_body()),
    }
}

/// Where on the page somebody pressed a button, and whether the page came back there an odd number of times.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct At {
    at: String,
    odd: String,
}

impl At {
    /// The address to look again at. A browser loads nothing when it is sent to the place where it is, so that two
    /// addresses take turns.
    fn next(&self) -> Option<String> {
        is_place(&self.at).then(|| format!("/?at={0}&odd={1}#{0}", self.at, self.odd != "true"))
    }
}

fn is_place(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

pub async fn show(registry: Data<Registry>, request: HttpRequest, Query(at): Query<At>) -> HttpResponse {
    let page = view::page(&registry.state(), &origin::of(&request), at.next().as_deref());
    document(HttpResponse::Ok(), page)
}

pub async fn style() -> HttpResponse {
    HttpResponse::Ok().content_type("text/css; charset=utf-8").body(include_str!("page/style.css"))
}

/// What a button says: an id, and where the page goes on.
#[derive(Deserialize)]
pub struct Pressed {
    id: Uint64,
    #[serde(default)]
    place: String,
}

pub async fn promote(registry: Data<Registry>, Form(pressed): Form<Pressed>) -> HttpResponse {
    let done = stages::promote(&mut registry.state(), pressed.id, AUTHOR, APPROVER);
    back(&pressed, done)
}

pub async fn request_scan(registry: Data<Registry>, Form(pressed): Form<Pressed>) -> HttpResponse {
    let mut state = registry.state();
    let workspace = state.workspace_name(pressed.id);
    let done = workspace.and_then(|workspace| scans::of_version(&registry, &mut state, &workspace, pressed.id, false));
    back(&pressed, done.map(drop))
}

pub async fn retrigger(registry: Data<Registry>, Form(pressed): Form<Pressed>) -> HttpResponse {
    let done = calls::again(&mut registry.state(), pressed.id);
    back(&pressed, done.map(drop))
}

/// To the page, so that loading it again does nothing again.
fn back(pressed: &Pressed, done: Result<(), Refusal>) -> HttpResponse {
    if let Err(refusal) = done {
        return refused(&refusal);
    }
    let place = &pressed.place;
    let place = if is_place(place) { format!("/?at={place}#{place}") } else { "/".to_owned() };
    HttpResponse::SeeOther().insert_header((LOCATION, place)).finish()
}

fn refused(refusal: &Refusal) -> HttpResponse {
    let mut html = Html::new();
    view::head(&mut html, None);
    html.raw("<h1>That did not work</h1><p>").text(refusal).raw("</p><p><a href=\"/\">Back to the page</a></p>");
    document(HttpResponse::build(refusal.status_code()), html)
}

fn document(mut answer: HttpResponseBuilder, html: Html) -> HttpResponse {
    answer
        .content_type("text/html; charset=utf-8")
        .insert_header(("Content-Security-Policy", POLICY))
        .insert_header(("X-Content-Type-Options", "nosniff"))
        .insert_header(("Referrer-Policy", "same-origin"))
        .insert_header(("Cache-Control", "no-store"))
        .body(html.into_string())
}
