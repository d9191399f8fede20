//! A service on loopback: it answers as the test says, and remembers what it was asked.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

/// What it was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    /// With its query.
    pub path: String,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Asked {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// What it answers.
pub enum Answer {
    Json(u16, Value),
    /// With a `Location` and nothing else.
    Location(u16, &'static str),
    /// It takes the request, and says nothing.
    Never,
}

type Script = dyn Fn(&Asked) -> Answer + Send + Sync;

pub struct Service {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

#[derive(Clone)]
struct Shared {
    asked: Arc<Mutex<Vec<Asked>>>,
    script: Arc<Script>,
}

impl Service {
    pub async fn start(script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let shared = Shared { asked: Arc::clone(&asked), script: Arc::new(script) };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(answer).with_state(shared);
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, asked }
    }

    /// Everything that it was asked in that way, in order.
    pub fn asked(&self, method: &str) -> Vec<Asked> {
        self.asked.lock().unwrap().iter().filter(|asked| asked.method == method).cloned().collect()
    }
}

async fn answer(State(shared): State<Shared>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let path = uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let asked = Asked { method: method.to_string(), path, headers, body };
    let answer = (shared.script)(&asked);
    shared.asked.lock().unwrap().push(asked);
    match answer {
        Answer::Json(status, body) => {
            let json = (HeaderName::from_static("content-type"), HeaderValue::from_static("application/json"));
            (StatusCode::from_u16(status).unwrap(), [json], body.to_string()).into_response()
        }
        Answer::Location(status, place) => {
            (StatusCode::from_u16(status).unwrap(), [("location", place)]).into_response()
        }
        Answer::Never => std::future::pending().await,
    }
}
