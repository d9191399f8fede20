//! Group commit and group flush: who comes first drains the queue into one transaction, and while the disk takes that one
//! in, the next is worked on.

use std::collections::VecDeque;
use std::fs::File;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::StoreError;
use super::batch::{Asked, Batch, Member, Until, transact};
use super::memory::Memory;

#[derive(Clone)]
pub(super) struct Writer {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    file: Mutex<Written>,
    capacity: usize,
    /// The main runtime: a web worker's own runtime may end before its write does.
    runtime: Handle,
}

/// The connection that writes, the log that it writes to, and what is known of the file without asking it.
pub(super) struct Written {
    pub(super) connection: Connection,
    /// SQLite's write-ahead log. COMMIT writes to it and does not wait for the disk; we do, in `flush`.
    pub(super) log: Arc<File>,
    pub(super) memory: Memory,
}

#[derive(Default)]
struct Queue {
    /// For a transaction.
    waiting: VecDeque<Box<dyn Member>>,
    /// Somebody has the connection and will come back for what waits.
    draining: bool,
    /// Committed, for the disk.
    committed: Vec<Box<dyn Member>>,
    /// How many the disk is taking in.
    flushed: usize,
    /// Somebody waits for the disk and will come back for what is committed.
    flushing: bool,
    /// Why the disk refused once. What it has and has not taken in since then is not known: only a new start can tell.
    broken: Option<String>,
}

/// What a thread that has committed a batch is to do next.
enum Then {
    Drain,
    /// Nobody else waits for the disk.
    Flush,
    /// The same, and another thread has to see to what waits for a transaction.
    FlushBeside,
}

impl Writer {
    pub(super) fn new(file: Written, capacity: usize) -> Self {
        let shared = Shared { queue: Mutex::default(), file: Mutex::new(file), capacity, runtime: Handle::current() };
        Self { shared: Arc::new(shared) }
    }

    /// Runs `work` as a member of the next batch; its result is given after the batch's COMMIT, or when that is on disk. It
    /// is run again when another member of the batch fails.
    ///
    /// It has its place in the queue when this returns, before the future is polled: what is written after it comes after it.
    pub(super) fn write<T, F>(&self, until: Until, work: F) -> impl Future<Output = Result<T, StoreError>> + use<T, F>
    where
        T: Send + 'static,
        F: FnMut(&Batch<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let (member, answered) = Asked::new(work, until);
        let queued = self.shared.enqueue(Box::new(member)).map(|nobody_drains| {
            if nobody_drains {
                self.shared.spawn(Shared::drain);
            }
        });
        async move {
            queued?;
            answered.await.map_err(|_: oneshot::error::RecvError| StoreError::Closed)?
        }
    }
}

impl Shared {
    fn spawn(self: &Arc<Self>, work: fn(&Arc<Self>)) {
        let shared = Arc::clone(self);
        self.runtime.spawn_blocking(move || work(&shared));
    }

    /// Whether the caller has to see to it that the queue is drained.
    fn enqueue(&self, member: Box<dyn Member>) -> Result<bool, StoreError> {
        let mut queue = self.queue();
        if let Some(cause) = &queue.broken {
            return Err(StoreError::Commit(cause.clone()));
        }
        let all = queue.waiting.len() + queue.committed.len() + queue.flushed;
        if all >= self.capacity {
            return Err(StoreError::Busy(all));
        }
        queue.waiting.push_back(member);
        Ok(!std::mem::replace(&mut queue.draining, true))
    }

    fn drain(self: &Arc<Self>) {
        loop {
            let batch = self.queue().waiting.drain(..).collect();
            let committed = self.commit(batch);
            let then = self.queue().then(committed);
            match then {
                Some(Then::Drain) => {}
                Some(Then::Flush) => return self.flush(),
                Some(Then::FlushBeside) => self.spawn(Self::flush),
                None => return,
            }
        }
    }

    /// A member that panics takes its batch along, whose callers hear that the store was closed.
    fn commit(&self, batch: Vec<Box<dyn Member>>) -> Vec<Box<dyn Member>> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let Written { connection, memory, .. } = &mut *file;
        let ended = panic::catch_unwind(AssertUnwindSafe(|| transact(connection, memory, batch)));
        ended.unwrap_or_else(|_| {
            if !connection.is_autocommit() {
                let _ = connection.execute_batch("rollback");
            }
            memory.forget_batch();
            Vec::new()
        })
    }

    /// Waits for the disk, for all that is committed by then, until nobody waits any more.
    fn flush(self: &Arc<Self>) {
        let log = Arc::clone(&self.file.lock().unwrap_or_else(PoisonError::into_inner).log);
        loop {
            let committed = {
                let mut queue = self.queue();
                queue.flushed = queue.committed.len();
                queue.flushing = queue.flushed > 0;
                std::mem::take(&mut queue.committed)
            };
            if committed.is_empty() {
                return;
            }
            let flushed =
                log.sync_data().map_err(|error| format!("the disk did not take it: {error}; restart scanrelay"));
            {
                let mut queue = self.queue();
                queue.flushed = 0;
                queue.broken = flushed.clone().err();
            }
            for member in committed {
                member.answer(flushed.clone());
            }
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// What follows for the thread that has committed these.
    fn then(&mut self, committed: Vec<Box<dyn Member>>) -> Option<Then> {
        self.committed.extend(committed);
        let flush = !self.flushing && !self.committed.is_empty();
        self.flushing |= flush;
        self.draining = !self.waiting.is_empty();
        match (self.draining, flush) {
            (true, true) => Some(Then::FlushBeside),
            (true, false) => Some(Then::Drain),
            (false, true) => Some(Then::Flush),
            (false, false) => None,
        }
    }
}

/// Opens the log of the store at this path.
pub(super) fn log(path: &Path) -> std::io::Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    File::open(name)
}
