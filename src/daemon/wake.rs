//! What wakes the worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use tokio::sync::Notify;

/// Clones wake the same worker.
#[derive(Clone, Debug, Default)]
pub struct Wake {
    bell: Arc<Notify>,
    /// The worker could start what comes.
    listens: Arc<AtomicBool>,
}

impl Wake {
    /// Something new is due. It wakes nobody while nothing could be started anyway, since everything is paused or busy.
    pub fn came(&self) {
        if self.listens.load(SeqCst) {
            self.bell.notify_one();
        }
    }

    /// What the worker goes by is not what it was.
    pub fn changed(&self) {
        self.bell.notify_one();
    }

    /// Whether the worker could start what comes. It says so before it looks for what is due, so that nothing comes in
    /// between unheard.
    pub fn listen(&self, listens: bool) {
        self.listens.store(listens, SeqCst);
    }

    /// Until it is woken, or at once if it was since this was last asked.
    pub async fn woken(&self) {
        self.bell.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    fn is_woken(wake: &Wake) -> bool {
        pin!(wake.woken()).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn what_comes_wakes_who_could_start_it_and_a_change_wakes_always() {
        let wake = Wake::default();
        wake.came();
        assert!(!is_woken(&wake));
        wake.changed();
        assert!(is_woken(&wake) && !is_woken(&wake), "once");
        wake.listen(true);
        wake.came();
        assert!(is_woken(&wake));
        wake.listen(false);
        wake.came();
        assert!(!is_woken(&wake));
    }
}
