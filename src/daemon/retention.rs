//! Removes what ended long ago, when its time has come, and gives its room back. It sleeps until then.

use std::time::Duration;

use tokio::time;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::clock::Clock;
use super::store::{Purged, Retention, Store, StoreError, Vacuumed};

/// After a batch, so that the intake's writes go first; and after a failure.
const PAUSE: Duration = Duration::from_secs(1);
/// Between two steps of giving back.
const STEP: Duration = Duration::from_millis(200);
/// Somebody who reads for long, an export for instance, keeps the file from being cut: it is tried so often.
const PATIENCE: u32 = 60;
/// Empty pages that are kept for what comes next.
const SPARE: u64 = 4 << 20;

/// Works until `shutdown`.
pub async fn run(store: Store, clock: Clock, retention: Retention, shutdown: CancellationToken) {
    // Whether there may be room to give back: at first, that of a daemon before us.
    let mut removed = true;
    loop {
        let sleep = match store.purge(retention, clock.now()).await {
            Ok(purged @ Purged { next, .. }) if purged.is_nothing() => {
                if std::mem::take(&mut removed) {
                    give_back(&store, &shutdown).await;
                }
                let shortest = retention.shortest();
                next.map_or(shortest, |at| clock.until(at).min(shortest)).max(PAUSE)
            }
            Ok(Purged { deliveries, bodies, logs, verdicts, .. }) => {
                info!(deliveries, bodies, logs, verdicts, "removed what ended long ago");
                removed = true;
                PAUSE
            }
            Err(error) => {
                warn!(%error, "what ended long ago could not be removed");
                PAUSE * 60
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = time::sleep(sleep) => {}
        }
    }
}

async fn give_back(store: &Store, shutdown: &CancellationToken) {
    match steps(store, shutdown).await {
        Ok(0) => {}
        Ok(bytes) => info!(bytes, "the room of what was removed is given back"),
        Err(error) => warn!(%error, "the room of what was removed could not be given back"),
    }
}

/// The bytes.
async fn steps(store: &Store, shutdown: &CancellationToken) -> Result<u64, StoreError> {
    let mut given = 0;
    loop {
        let Vacuumed { freed, left } = store.give_back(SPARE).await?;
        given += freed;
        if freed == 0 || left == 0 {
            break;
        }
        tokio::select! {
            () = shutdown.cancelled() => return Ok(given),
            () = time::sleep(STEP) => {}
        }
    }
    for _ in 0..PATIENCE {
        if given == 0 || store.cut().await? {
            break;
        }
        tokio::select! {
            () = shutdown.cancelled() => break,
            () = time::sleep(PAUSE) => {}
        }
    }
    Ok(given)
}
