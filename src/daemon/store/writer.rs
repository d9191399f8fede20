//! Group commit: who comes first drains the queue into one transaction.

use std::collections::VecDeque;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::StoreError;
use super::batch::{Asked, Batch, Member, transact};
use super::memory::Memory;

#[derive(Clone)]
pub(super) struct Writer {
    shared: Arc<Shared>,
    /// The main runtime: a web worker's own runtime may end before its write does.
    runtime: Handle,
}

struct Shared {
    queue: Mutex<Queue>,
    file: Mutex<Written>,
    capacity: usize,
}

/// The connection that writes, and what is known of the file without asking it.
pub(super) struct Written {
    pub(super) connection: Connection,
    pub(super) memory: Memory,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Box<dyn Member>>,
    /// Somebody has the connection and will come back for what waits.
    draining: bool,
}

impl Writer {
    pub(super) fn new(file: Written, capacity: usize) -> Self {
        let shared = Shared { queue: Mutex::default(), file: Mutex::new(file), capacity };
        Self { shared: Arc::new(shared), runtime: Handle::current() }
    }

    /// Runs `work` as a member of the next batch; its result is given after the batch's COMMIT. It is run again when
    /// another member of the batch fails.
    ///
    /// It has its place in the queue when this returns, before the future is polled: what is written after it comes after it.
    pub(super) fn write<T, F>(&self, work: F) -> impl Future<Output = Result<T, StoreError>> + use<T, F>
    where
        T: Send + 'static,
        F: FnMut(&Batch<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let (member, answered) = Asked::new(work);
        let queued = self.shared.enqueue(Box::new(member)).map(|nobody_drains| {
            if nobody_drains {
                let shared = Arc::clone(&self.shared);
                self.runtime.spawn_blocking(move || shared.drain());
            }
        });
        async move {
            queued?;
            answered.await.map_err(|_: oneshot::error::RecvError| StoreError::Closed)?
        }
    }
}

impl Shared {
    /// Whether the caller has to see to it that the queue is drained.
    fn enqueue(&self, member: Box<dyn Member>) -> Result<bool, StoreError> {
        let mut queue = self.queue();
        if queue.waiting.len() >= self.capacity {
            return Err(StoreError::Busy(queue.waiting.len()));
        }
        queue.waiting.push_back(member);
        Ok(!std::mem::replace(&mut queue.draining, true))
    }

    fn drain(&self) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let Written { connection, memory } = &mut *file;
        loop {
            let batch: Vec<Box<dyn Member>> = {
                let mut queue = self.queue();
                if queue.waiting.is_empty() {
                    queue.draining = false;
                    return;
                }
                queue.waiting.drain(..).collect()
            };
            // A member that panics takes its batch along, whose callers hear that the store was closed. What came meanwhile
            // is the next batch.
            let ended = panic::catch_unwind(AssertUnwindSafe(|| transact(connection, memory, batch)));
            if ended.is_err() {
                if !connection.is_autocommit() {
                    let _ = connection.execute_batch("rollback");
                }
                memory.forget_batch();
            }
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
