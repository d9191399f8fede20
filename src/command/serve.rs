//! `scanrelay serve` and `scanrelay dev-registry`: what runs until it is told to stop.

use std::path::Path;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::output::line;
use super::{DevRegistry, Failure, Outcome};
use crate::daemon::{self, Enforced, Handed, Listeners, Manager, bound};
use crate::emulator;

/// The sockets that systemd hands over, taken before there is any other thread.
pub fn handed() -> Result<Handed, Failure> {
    Handed::take(&super::environment()).map_err(Failure::Wrong)
}

pub async fn run(config: &Path, handed: Handed) -> Outcome {
    daemon::harden()?;
    // Caught from here on: by default it would end the daemon.
    let hangups = signal(SignalKind::hangup())?;
    let file = config.to_owned();
    let enforced = Enforced::tried();
    let config = enforced.meets(super::configuration(config)?).map_err(Failure::Wrong)?;
    for warning in &config.warnings {
        warn!("{warning}");
    }
    let shutdown = until_signalled()?;
    // Caught, a limit on the size of files fails a write, as a full disk does; by default it would end the daemon.
    let _too_large = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?;
    handed.check(&config).map_err(Failure::Wrong)?;
    let listeners = Listeners::take(handed, &config).map_err(Failure::Failed)?;
    let (intake, admin) = (listeners.intake_address()?, listeners.admin_address()?);
    let daemon = daemon::start(config, listeners, enforced.kernel()).await?;
    line(&format!("ready intake={intake} admin={admin}"))?;
    let daemon = daemon.under(Manager::of(&super::environment())).await;
    let daemon = daemon.reloading(hangups, move || enforced.meets(super::read(&file)?));
    Ok(daemon.run(shutdown).await?)
}

pub async fn development_registry(arguments: DevRegistry) -> Outcome {
    let DevRegistry { bind, build_time } = arguments;
    if !bind.ip().is_loopback() {
        return Err(Failure::Wrong(format!(
            "--bind {bind}: the development registry believes any key, so it listens on loopback only"
        )));
    }
    let shutdown = until_signalled()?;
    let listener = bound(bind, "--bind").map_err(Failure::Failed)?;
    line(&format!("ready registry={}", listener.local_addr()?))?;
    Ok(emulator::run(listener, emulator::Options { build_time, ..emulator::Options::default() }, shutdown).await?)
}

/// Cancelled by the first SIGTERM or SIGINT; the second ends the process at once.
pub(super) fn until_signalled() -> Result<CancellationToken, Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let shutdown = CancellationToken::new();
    let token = shutdown.clone();
    tokio::spawn(async move {
        either(&mut terminate, &mut interrupt).await;
        info!("shutting down; a second signal exits at once");
        token.cancel();
        either(&mut terminate, &mut interrupt).await;
        warn!("exiting at once; what ran is due again at the next start");
        #[expect(clippy::exit, reason = "a second signal means now; the store is safe at any moment")]
        std::process::exit(1);
    });
    Ok(shutdown)
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
