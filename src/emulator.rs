//! The development registry: a stand-in for Verta, and beside it for Comet, MLflow and Jenkins, on loopback, in memory.
//!
//! It has the paths, ids, events and errors of Verta as far as they are known, and where they are not it does the plain
//! thing and says so. Beside them stand paths of its own: `/dev/faults`, `/dev/writes`, and `/dev/artifacts/…`, where
//! the addresses of `getUrlForArtifact` lead. Of its own is also `POST …/workspace/{ws}/model_versions/{id}/scan`, which
//! asks for a scan of a version as Verta's button does, and `"fail": true` where a build is made.

mod activities;
mod answer;
mod artifacts;
mod beside;
mod builds;
mod calls;
mod comet;
mod date;
mod deliver;
mod dev;
mod entity;
mod event;
mod jenkins;
mod login;
mod mlflow;
mod models;
mod origin;
mod page;
mod patch;
mod registry;
mod room;
mod routes;
mod scans;
mod search;
mod stages;
mod versions;
mod webhooks;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::{App, HttpServer, web};
use tokio_util::sync::CancellationToken;

use registry::Registry;

/// What it says of itself in the `Server` header of every answer.
pub const SERVER: &str = "scanrelay-development-registry";

const MIB: usize = 1024 * 1024;

/// How long things take, and how much is kept.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How long a receiver may take to answer a delivery.
    pub delivery_timeout: Duration,
    /// How long MLflow waits before it delivers for the second time. Each further time it waits twice as long.
    pub retry_pause: Duration,
    /// How long a build without an external location takes.
    pub build_time: Duration,
    /// How many bytes an artifact may have.
    pub artifact_limit: usize,
    /// How many bytes all artifacts may have together.
    pub artifacts_limit: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            delivery_timeout: Duration::from_secs(10),
            retry_pause: Duration::from_millis(500),
            build_time: Duration::from_secs(2),
            artifact_limit: 64 * MIB,
            artifacts_limit: 256 * MIB,
        }
    }
}

/// Serves until `shutdown` is cancelled. Deliveries that still wait then are dropped, like all its state.
pub async fn run(listener: TcpListener, options: Options, shutdown: CancellationToken) -> std::io::Result<()> {
    // Whatever ends this function ends the deliveries too.
    let stop = shutdown.child_token();
    let _ends = stop.clone().drop_guard();
    let registry = Arc::new(Registry::new(options, stop)?);
    let server = serve(&registry, listener)?;
    let handle = server.handle();
    tokio::pin!(server);
    tokio::select! {
        ended = &mut server => return ended,
        () = shutdown.cancelled() => {}
    }
    let (ended, ()) = tokio::join!(server, handle.stop(true));
    ended
}

fn serve(registry: &Arc<Registry>, listener: TcpListener) -> std::io::Result<Server> {
    let registry = web::Data::from(Arc::clone(registry));
    let server = HttpServer::new(move || App::new().configure(routes::routes(&registry)));
    Ok(server.workers(1).disable_signals().shutdown_timeout(1).listen(listener)?.run())
}

#[cfg(test)]
mod tests;
