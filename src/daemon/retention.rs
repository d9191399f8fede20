//! Removes what ended long ago, when its time has come. It sleeps until then.

use std::time::Duration;

use tokio::time;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::clock::Clock;
use super::store::{Purged, Retention, Store};

/// After a batch, so that the intake's writes go first; and after a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// Works until `shutdown`.
pub async fn run(store: Store, clock: Clock, retention: Retention, shutdown: CancellationToken) {
    loop {
        let sleep = match store.purge(retention, clock.now()).await {
            Ok(Purged { deliveries: 0, next }) => {
                // What ends from now on is kept for at least that long.
                let shortest = retention.done.min(retention.dead);
                next.map_or(shortest, |at| clock.until(at).min(shortest)).max(PAUSE)
            }
            Ok(Purged { deliveries, .. }) => {
                info!(deliveries, "removed what ended long ago");
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
