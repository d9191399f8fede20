//! A service of your own, on actix-web, that receives a registry's webhooks.
//!
//! ```text
//! WEBHOOK_SECRET=… cargo run --features actix --example receiver_actix
//! ```
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program of its own, which prints and reads its environment"
)]

use std::sync::Arc;

use actix_web::{App, HttpResponse, HttpServer, web};
use scanrelay::extract::{Intake, Webhook};
use scanrelay::registry::Mlflow;
use scanrelay::{Receiver, Registry, Scheme, Secret, Verifier};

/// A handler that takes a [`Webhook`] runs for verified deliveries only: all others are answered before it.
async fn receive(Webhook(delivery): Webhook) -> HttpResponse {
    let event = delivery.event();
    // Store it before you answer 2xx: the registry will not send it again.
    println!("{} of {}", event.kind, event.subject());
    HttpResponse::Accepted().finish()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let secret = Secret::new(std::env::var("WEBHOOK_SECRET")?)?;
    let verifier = Verifier::new(Scheme::mlflow(), vec![secret], Verifier::DEFAULT_TOLERANCE)?;
    let receiver = Arc::new(Receiver::new("mlflow", Registry::Mlflow(Mlflow::default()), verifier));

    let server = HttpServer::new(move || {
        let intake = web::Data::new(Intake::new(Arc::clone(&receiver)));
        App::new().service(web::resource("/hooks/mlflow").app_data(intake).route(web::post().to(receive)))
    });
    let server = server.workers(1).bind(std::env::var("BIND").unwrap_or("127.0.0.1:8000".into()))?;
    println!("ready {}", server.addrs()[0]);
    server.run().await?;
    Ok(())
}
