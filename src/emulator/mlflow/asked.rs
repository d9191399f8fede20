//! What is asked: the query of a `GET`, else the JSON body. Every value is looked at before anything is done.

use std::collections::{BTreeMap, HashMap};

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Query;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
use serde_json::{Map, Value};

use super::answer::Refusal;
use super::names;
use crate::emulator::answer::Body;

/// By key.
pub type Tags = BTreeMap<String, String>;

pub struct Asked(pub Map<String, Value>);

impl FromRequest for Asked {
    type Error = Refusal;
    type Future = LocalBoxFuture<'static, Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let early = early(request).transpose();
        let body = Body::<Map<String, Value>>::from_request(request, payload);
        Box::pin(async move {
            match early {
                Some(asked) => asked,
                None => Ok(Self(body.await?.0)),
            }
        })
    }
}

/// What needs no body to be read: a query, or a refusal.
fn early(request: &HttpRequest) -> Result<Option<Asked>, Refusal> {
    if request.method() == Method::GET {
        let query = Query::<HashMap<String, String>>::from_query(request.query_string());
        let pairs = query.map_err(|error| Refusal::invalid(error.to_string()))?.into_inner();
        return Ok(Some(Asked(pairs.into_iter().map(|(key, value)| (key, Value::String(value))).collect())));
    }
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let json = kind.split(';').next().is_some_and(|kind| kind.trim() == "application/json");
    if request.method() != Method::DELETE && !json {
        return Err(Refusal::invalid("Bad Request. Content-Type must be one of ['application/json']."));
    }
    Ok(None)
}

impl Asked {
    /// What must be there, and not empty.
    pub fn text(&self, key: &str) -> Result<&str, Refusal> {
        self.said(key)?.ok_or_else(|| missing(key))
    }

    /// What need not be there, and says nothing when it is empty.
    pub fn said(&self, key: &str) -> Result<Option<&str>, Refusal> {
        Ok(self.maybe(key)?.filter(|text| !text.is_empty()))
    }

    pub fn maybe(&self, key: &str) -> Result<Option<&str>, Refusal> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong(key, other)),
        }
    }

    pub fn flag(&self, key: &str) -> Result<bool, Refusal> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(wrong(key, other)),
        }
    }

    /// `[{"key":…,"value":…}]`; of two with the same key the last one stays.
    pub fn tags(&self) -> Result<Tags, Refusal> {
        let list = match self.0.get("tags") {
            None | Some(Value::Null) => return Ok(Tags::new()),
            Some(Value::Array(list)) => list,
            Some(other) => return Err(wrong("tags", other)),
        };
        let mut tags = Tags::new();
        for tag in list {
            let Some(key) = tag["key"].as_str().filter(|key| !key.is_empty()) else { return Err(missing("key")) };
            let value = tag["value"].as_str().unwrap_or_default();
            names::tag(key, value)?;
            tags.insert(key.to_owned(), value.to_owned());
        }
        Ok(tags)
    }
}

pub fn missing(key: &str) -> Refusal {
    Refusal::invalid(format!("Missing value for required parameter '{key}'."))
}

pub fn wrong(key: &str, value: &Value) -> Refusal {
    Refusal::invalid(format!("Invalid value {value} for parameter '{key}' supplied: it has another type."))
}
