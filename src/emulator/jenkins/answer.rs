//! Answers as Jenkins gives them: its version in a header, JSON where it was asked for, else pages.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde_json::Value;

use super::paths::Asked;
use super::tree;

const VERSION: &str = "2.541.1";

fn answer(status: u16) -> HttpResponseBuilder {
    let mut answer = HttpResponse::build(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    answer.insert_header(("X-Jenkins", VERSION)).insert_header(("X-Content-Type-Options", "nosniff"));
    answer
}

/// What was asked for of that, by `tree`.
pub fn json(asked: &Asked, value: Value) -> HttpResponse {
    let wanted = asked.query.iter().find(|(name, _)| name == "tree").map(|(_, tree)| tree.as_str());
    match tree::select(value, wanted) {
        Some(value) => answer(200).json(value),
        None => error(400, "the tree cannot be read"),
    }
}

pub fn raw(value: &Value) -> HttpResponse {
    answer(200).json(value)
}

pub fn page(title: &str) -> HttpResponse {
    answer(200).content_type("text/html;charset=utf-8").body(format!("<!DOCTYPE html><title>{title}</title>"))
}

/// A page by somebody else, who stands before it.
pub fn before(status: u16, title: &str) -> HttpResponse {
    let mut answer = HttpResponse::build(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    answer.content_type("text/html;charset=utf-8").body(format!("<!DOCTYPE html><title>{title}</title>"))
}

pub fn text(text: String) -> HttpResponse {
    answer(200).content_type("text/plain;charset=utf-8").body(text)
}

/// As much of a console as is new, and where it ends.
pub fn console(text: String, size: usize, more: bool) -> HttpResponse {
    let mut answer = answer(200);
    answer.insert_header(("X-Text-Size", size.to_string()));
    if more {
        answer.insert_header(("X-More-Data", "true"));
    }
    answer.content_type("text/plain;charset=utf-8").body(text)
}

pub fn empty(status: u16) -> HttpResponse {
    answer(status).finish()
}

/// Elsewhere, or to what came into being.
pub fn located(status: u16, location: &str) -> HttpResponse {
    answer(status).insert_header(("Location", location)).finish()
}

pub fn error(status: u16, words: &str) -> HttpResponse {
    answer(status)
        .insert_header(("X-Error", words))
        .content_type("text/html;charset=utf-8")
        .body(format!("<!DOCTYPE html><title>Error {status} {words}</title><h2>HTTP ERROR {status} {words}</h2>"))
}

pub fn not_found() -> HttpResponse {
    error(404, "Not Found")
}
