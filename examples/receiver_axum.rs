//! The same on axum: the library knows no web framework, and takes headers as any iterator of names and bytes.
//!
//! ```text
//! WEBHOOK_SECRET=… cargo run --example receiver_axum
//! ```
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program of its own, which prints and reads its environment"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use scanrelay::registry::Mlflow;
use scanrelay::{Caller, Receiver, Registry, Scheme, Secret, Timestamp, Verifier};

async fn receive(
    State(receiver): State<Arc<Receiver>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    let pairs = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let caller = Caller::new(pairs).with_peer(peer.ip());
    let now = Timestamp::from(SystemTime::now());
    match receiver.verify_at(&caller, body, now) {
        Ok(delivery) => {
            // Store it before you answer 2xx: the registry will not send it again.
            println!("{} of {}", delivery.event().kind, delivery.event().subject());
            (StatusCode::ACCEPTED, String::new())
        }
        Err(error) => {
            let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
            (status, error.to_string())
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let secret = Secret::new(std::env::var("WEBHOOK_SECRET")?)?;
    let verifier = Verifier::new(Scheme::mlflow(), vec![secret], Verifier::DEFAULT_TOLERANCE)?;
    let receiver = Arc::new(Receiver::new("mlflow", Registry::Mlflow(Mlflow::default()), verifier));

    let limit = DefaultBodyLimit::max(1024 * 1024);
    let app = Router::new().route("/hooks/mlflow", post(receive)).layer(limit).with_state(receiver);
    let listener = tokio::net::TcpListener::bind(std::env::var("BIND").unwrap_or("127.0.0.1:8000".into())).await?;
    println!("ready {}", listener.local_addr()?);
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
