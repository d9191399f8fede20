//! Group commit: who comes first drains the queue into one transaction.

use std::collections::VecDeque;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::StoreError;

/// Does its part of the transaction, and leaves what is to be said when the transaction has ended.
type Member = Box<dyn FnOnce(&Connection) -> Answer + Send>;
type Answer = Box<dyn FnOnce(Result<(), String>) + Send>;

#[derive(Clone)]
pub(super) struct Writer {
    shared: Arc<Shared>,
    /// The main runtime: a web worker's own runtime may end before its write does.
    runtime: Handle,
}

struct Shared {
    queue: Mutex<Queue>,
    connection: Mutex<Connection>,
    capacity: usize,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Member>,
    /// Somebody has the connection and will come back for what waits.
    draining: bool,
}

impl Writer {
    pub(super) fn new(connection: Connection, capacity: usize) -> Self {
        let shared = Shared { queue: Mutex::default(), connection: Mutex::new(connection), capacity };
        Self { shared: Arc::new(shared), runtime: Handle::current() }
    }

    /// Runs `work` as a member of the next batch; its result is given after the batch's COMMIT.
    pub(super) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let member: Member = Box::new(move |connection| {
            let result = savepoint(connection, work);
            Box::new(move |committed| {
                // Nobody listens any more when the request was dropped; what it asked for is committed all the same.
                let _ = answer.send(match committed {
                    Ok(()) => result,
                    Err(cause) => Err(StoreError::Commit(cause)),
                });
            })
        });
        if self.shared.enqueue(member)? {
            let shared = Arc::clone(&self.shared);
            self.runtime.spawn_blocking(move || shared.drain());
        }
        answered.await.map_err(|_| StoreError::Closed)?
    }
}

impl Shared {
    /// Whether the caller has to see to it that the queue is drained.
    fn enqueue(&self, member: Member) -> Result<bool, StoreError> {
        let mut queue = self.queue();
        if queue.waiting.len() >= self.capacity {
            return Err(StoreError::Busy(queue.waiting.len()));
        }
        queue.waiting.push_back(member);
        Ok(!std::mem::replace(&mut queue.draining, true))
    }

    fn drain(&self) {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let batch: Vec<Member> = {
                let mut queue = self.queue();
                if queue.waiting.is_empty() {
                    queue.draining = false;
                    return;
                }
                queue.waiting.drain(..).collect()
            };
            // A member that panics takes its batch along, whose callers hear that the store was closed. What came meanwhile
            // is the next batch.
            let ended = panic::catch_unwind(AssertUnwindSafe(|| commit(&connection, batch)));
            if ended.is_err() && !connection.is_autocommit() {
                let _ = connection.execute_batch("rollback");
            }
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn commit(connection: &Connection, batch: Vec<Member>) {
    let begun = connection.execute_batch("begin immediate");
    let answers: Vec<Answer> = batch.into_iter().map(|member| member(connection)).collect();
    let ended = match begun {
        // A full disk makes SQLite roll everything back by itself, and COMMIT then says that there is no transaction.
        Ok(()) => connection.execute_batch("commit").inspect_err(|_| {
            let _ = connection.execute_batch("rollback");
        }),
        Err(error) => Err(error),
    };
    let committed = ended.map_err(|error| error.to_string());
    for answer in answers {
        answer(committed.clone());
    }
}

/// What fails leaves nothing behind and harms no other member of the batch.
fn savepoint<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    if connection.is_autocommit() {
        return Err(StoreError::Commit("no transaction could be begun".to_owned()));
    }
    connection.execute_batch("savepoint member")?;
    let result = work(connection);
    let end = if result.is_ok() { "release member" } else { "rollback to member; release member" };
    connection.execute_batch(end)?;
    result
}

/// Reads beside the writer, off the runtime's threads.
#[derive(Clone)]
pub(super) struct Reader {
    connection: Arc<Mutex<Connection>>,
}

impl Reader {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection: Arc::new(Mutex::new(connection)) }
    }

    pub(super) async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let connection = Arc::clone(&self.connection);
        let read = move || work(&connection.lock().unwrap_or_else(PoisonError::into_inner));
        tokio::task::spawn_blocking(read).await.map_err(|_| StoreError::Closed)?
    }
}
