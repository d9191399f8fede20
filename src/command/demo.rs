//! `scanrelay demo`: a promotion and two scans, told step by step, with everything in one process and one folder.

mod client;
mod stage;
mod story;

use clap::Args;

use super::output::line;
use super::serve::until_signalled;
use super::{Failure, Outcome};
use stage::Stage;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Stays up when the story is told, until Ctrl-C.
    #[arg(long)]
    keep: bool,
}

pub async fn run(arguments: &Arguments) -> Outcome {
    let shutdown = until_signalled()?;
    let stage = Stage::open().await?;
    let told = tokio::select! {
        told = story::tell(&stage) => told,
        () = shutdown.cancelled() => Err(Failure::Failed("stopped before its end".to_owned())),
    };
    if told.is_ok() && arguments.keep {
        line(&format!("\nEverything stays up until Ctrl-C. The registry's page: {}", stage.registry))?;
        line(&format!("Look from the daemon's side: scanrelay --config {} deliveries list", stage.config.display()))?;
        shutdown.cancelled().await;
    }
    stage.close().await?;
    told
}
