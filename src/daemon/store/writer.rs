//! Group commit and group flush: who comes first drains the queue into one transaction, and while the disk takes that one
//! in, the next is worked on.

use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, ErrorCode};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tracing::error;

use super::StoreError;
use super::backfill::Backfill;
use super::batch::{Asked, Batch, Member, Until, transact};
use super::log::Log;
use super::memory::{Memory, Seen};

#[derive(Clone)]
pub(super) struct Writer {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    file: Mutex<Written>,
    log: Log,
    backfill: Backfill,
    capacity: usize,
    /// The main runtime: a web worker's own runtime may end before its write does.
    runtime: Handle,
}

/// The connection that writes, and what is known of the file without asking it.
pub(super) struct Written {
    pub(super) connection: Connection,
    pub(super) memory: Memory,
}

#[derive(Default)]
struct Queue {
    /// For a transaction and then the disk. While the disk is busy, they may as well gather.
    patient: Vec<Box<dyn Member>>,
    /// For a transaction alone. They do not wait for the disk, and do not take the others along before it is free.
    hurried: Vec<Box<dyn Member>>,
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

/// What a thread does next.
enum Step {
    Drain,
    Flush,
    /// The former, and another thread the latter.
    Both,
}

impl Writer {
    pub(super) fn new(file: Written, log: Log, backfill: Backfill, capacity: usize) -> Self {
        let (queue, file) = (Mutex::default(), Mutex::new(file));
        Self { shared: Arc::new(Shared { queue, file, log, backfill, capacity, runtime: Handle::current() }) }
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
        let queued = self.shared.enqueue(Box::new(member)).map(|nobody_comes| {
            if nobody_comes {
                self.shared.spawn(Step::Drain);
            }
        });
        async move {
            queued?;
            answered.await.map_err(|_: oneshot::error::RecvError| StoreError::Closed)?
        }
    }

    /// The keys of what has come before the start.
    pub(super) fn recall(&self, seen: Seen) {
        self.shared.file().memory.recall(seen);
    }

    /// Has the connection to itself, outside of any transaction. What is to be written meanwhile waits.
    pub(super) async fn alone<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        let work = move || work(&shared.file().connection);
        tokio::task::spawn_blocking(work).await.map_err(|_| StoreError::Closed)?
    }
}

impl Shared {
    fn spawn(self: &Arc<Self>, step: Step) {
        let shared = Arc::clone(self);
        self.runtime.spawn_blocking(move || shared.work(step));
    }

    /// Whether the caller has to see to it that the queue is drained.
    fn enqueue(&self, member: Box<dyn Member>) -> Result<bool, StoreError> {
        let mut queue = self.queue();
        if let Some(cause) = &queue.broken {
            return Err(StoreError::Refused(cause.clone()));
        }
        let all = queue.patient.len() + queue.hurried.len() + queue.committed.len() + queue.flushed;
        if all >= self.capacity {
            return Err(StoreError::Busy(all));
        }
        match member.until() {
            Until::Committed => queue.hurried.push(member),
            Until::OnDisk => queue.patient.push(member),
        }
        let nobody_comes = !queue.draining && queue.has_work();
        queue.draining |= nobody_comes;
        Ok(nobody_comes)
    }

    /// Goes on for as long as there is something to do.
    fn work(self: &Arc<Self>, first: Step) {
        let mut next = Some(first);
        while let Some(step) = next {
            next = match step {
                Step::Drain => self.drain(),
                Step::Flush => self.flush(),
                Step::Both => {
                    self.spawn(Step::Flush);
                    self.drain()
                }
            };
        }
    }

    fn drain(self: &Arc<Self>) -> Option<Step> {
        let batch = self.queue().take();
        let committed = self.commit(batch);
        if self.backfill.is_due() {
            let shared = Arc::clone(self);
            self.runtime.spawn_blocking(move || {
                if let Err(error) = shared.backfill.run(|| shared.file()) {
                    shared.not_backfilled(&error);
                }
            });
        }
        self.queue().drained(committed)
    }

    /// A member that panics takes its batch along, whose callers hear that the store was closed.
    fn commit(&self, batch: Vec<Box<dyn Member>>) -> Vec<Box<dyn Member>> {
        let mut file = self.file();
        let Written { connection, memory } = &mut *file;
        let ended = panic::catch_unwind(AssertUnwindSafe(|| transact(connection, memory, batch)));
        ended.unwrap_or_else(|_| {
            if !connection.is_autocommit() {
                let _ = connection.execute_batch("rollback");
            }
            memory.forget_batch();
            Vec::new()
        })
    }

    /// Waits for the disk, for all that is committed by then.
    fn flush(&self) -> Option<Step> {
        let committed = self.queue().take_committed();
        let flushed = self.log.flush();
        let next = self.queue().flushed(flushed.clone().err());
        for member in committed {
            member.answer(flushed.clone());
        }
        next
    }

    /// A log that is not copied grows. Where the disk itself failed, what it holds of the file is not known any more.
    fn not_backfilled(&self, error: &rusqlite::Error) {
        error!(%error, "the write-ahead log could not be copied into the store");
        if error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure) {
            let cause = format!("the disk failed: {error}; look after it, then restart scanrelay");
            self.queue().broken.get_or_insert(cause);
        }
    }

    fn file(&self) -> MutexGuard<'_, Written> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// Whether there is anything for a transaction now.
    fn has_work(&self) -> bool {
        !self.hurried.is_empty() || !self.flushing && !self.patient.is_empty()
    }

    /// What can be written now: what came from outside first, since what is hurried may look for it.
    fn take(&mut self) -> Vec<Box<dyn Member>> {
        let mut batch = if self.flushing { Vec::new() } else { std::mem::take(&mut self.patient) };
        batch.append(&mut self.hurried);
        batch
    }

    fn take_committed(&mut self) -> Vec<Box<dyn Member>> {
        self.flushed = self.committed.len();
        std::mem::take(&mut self.committed)
    }

    /// What follows for the thread that has committed these.
    fn drained(&mut self, committed: Vec<Box<dyn Member>>) -> Option<Step> {
        self.committed.extend(committed);
        let flush = !self.flushing && !self.committed.is_empty();
        self.flushing |= flush;
        self.draining = self.has_work();
        match (self.draining, flush) {
            (true, true) => Some(Step::Both),
            (true, false) => Some(Step::Drain),
            (false, true) => Some(Step::Flush),
            (false, false) => None,
        }
    }

    /// What follows for the thread that has waited for the disk.
    fn flushed(&mut self, refused: Option<String>) -> Option<Step> {
        self.flushed = 0;
        self.broken = self.broken.take().or(refused);
        self.flushing = false;
        let drain = !self.draining && self.has_work();
        self.draining |= drain;
        self.flushing = !drain && !self.committed.is_empty();
        match (drain, self.flushing) {
            (true, _) => Some(Step::Drain),
            (false, true) => Some(Step::Flush),
            (false, false) => None,
        }
    }
}
