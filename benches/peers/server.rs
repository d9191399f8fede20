//! Servers that do less than scanrelay, on the same web framework with the same settings.

use std::io::Result;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use scanrelay::{Caller, Timestamp, Verifier};

use crate::log::Log;
use crate::requests;

/// As many as scanrelay has.
const WORKERS: usize = 2;
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// Answers 202 and does nothing.
pub fn bare() -> Result<()> {
    actix_web::rt::System::new().block_on(async {
        let server = HttpServer::new(|| {
            let answer = |_: Bytes| async { HttpResponse::Accepted().finish() };
            App::new().route("/hooks/verta", web::post().to(answer))
        });
        let server = server.workers(WORKERS).keep_alive(KEEP_ALIVE).bind("127.0.0.1:0")?;
        ready(&server.addrs());
        server.run().await
    })
}

/// Verifies the signature, appends the body to a file, answers 202 when it is on disk.
pub fn plain_log(file: &Path) -> Result<()> {
    let verifier = requests::verifier()?;
    let log = Log::create(file)?;
    actix_web::rt::System::new().block_on(async {
        let server = HttpServer::new(move || {
            App::new()
                .app_data(Data::new(verifier.clone()))
                .app_data(Data::new(log.clone()))
                .route("/hooks/verta", web::post().to(append))
        });
        let server = server.workers(WORKERS).keep_alive(KEEP_ALIVE).bind("127.0.0.1:0")?;
        ready(&server.addrs());
        server.run().await
    })
}

async fn append(request: HttpRequest, body: Bytes, verifier: Data<Verifier>, log: Data<Log>) -> HttpResponse {
    let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    match verifier.verify_at(&Caller::new(headers), &body, Timestamp::default()) {
        Err(_) => HttpResponse::Unauthorized().finish(),
        Ok(_) => match log.append(body).await {
            Some(number) => HttpResponse::Accepted().json(serde_json::json!({ "delivery": number.to_string() })),
            None => HttpResponse::ServiceUnavailable().finish(),
        },
    }
}

pub fn ready(addresses: &[SocketAddr]) {
    for address in addresses {
        println!("ready {address}");
    }
}
