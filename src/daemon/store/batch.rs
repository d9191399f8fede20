//! One transaction and its members: they share its COMMIT and nothing else.

use std::cell::{RefCell, RefMut};
use std::ops::Deref;

use rusqlite::{Connection, ffi};
use tokio::sync::oneshot;

use super::StoreError;
use super::memory::Memory;
use super::statement::Statements as _;

/// What a member works with: the connection in the middle of a transaction, and the memory that goes with it.
pub(super) struct Batch<'a> {
    connection: &'a Connection,
    memory: RefCell<&'a mut Memory>,
}

impl Batch<'_> {
    pub(super) fn memory(&self) -> RefMut<'_, Memory> {
        RefMut::map(self.memory.borrow_mut(), |memory| &mut **memory)
    }
}

impl Deref for Batch<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

/// What a caller waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// The COMMIT, which survives the end of this process.
    Committed,
    /// The disk, which survives the end of the machine.
    OnDisk,
}

/// Does its part of the transaction, and says how it went once the transaction has ended.
pub(super) trait Member: Send {
    /// `false`: it failed, and nothing of it may stay.
    fn run(&mut self, batch: &Batch<'_>) -> bool;
    fn until(&self) -> Until;
    fn answer(self: Box<Self>, stored: Result<(), String>);
}

/// A member that somebody waits for.
pub(super) struct Asked<T, F> {
    work: F,
    until: Until,
    result: Result<T, StoreError>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Asked<T, F> {
    pub(super) fn new(work: F, until: Until) -> (Self, oneshot::Receiver<Result<T, StoreError>>) {
        let (answer, answered) = oneshot::channel();
        (Self { work, until, result: Err(StoreError::Closed), answer }, answered)
    }
}

impl<T, F> Member for Asked<T, F>
where
    T: Send,
    F: FnMut(&Batch<'_>) -> Result<T, StoreError> + Send,
{
    fn run(&mut self, batch: &Batch<'_>) -> bool {
        self.result = (self.work)(batch);
        self.result.is_ok()
    }

    fn until(&self) -> Until {
        self.until
    }

    fn answer(self: Box<Self>, stored: Result<(), String>) {
        // Nobody listens any more when the request was dropped; what it asked for is committed all the same.
        let _ = self.answer.send(match stored {
            Ok(()) => self.result,
            Err(cause) => Err(StoreError::Commit(cause)),
        });
    }
}

/// Runs the members in one transaction, and answers those that need no more than its COMMIT. The others are given back.
///
/// They are run without savepoints at first, which cost more than the members themselves. When one fails, which is rare,
/// all are rolled back and run again, each in a savepoint of its own: what fails leaves nothing behind and harms no other.
pub(super) fn transact(
    connection: &Connection,
    memory: &mut Memory,
    mut members: Vec<Box<dyn Member>>,
) -> Vec<Box<dyn Member>> {
    let committed = begin(connection).and_then(|()| {
        let batch = Batch { connection, memory: RefCell::new(memory) };
        if members.iter_mut().all(|member| member.run(&batch)) {
            return finish(&batch, members.len());
        }
        rollback(&batch);
        if let [_] = members[..] {
            return Ok(());
        }
        begin(connection)?;
        // Whatever breaks here breaks it for all: a savepoint outside of a transaction would commit its member alone.
        let fenced = members.iter_mut().try_for_each(|member| fenced(&batch, member.as_mut()));
        fenced.inspect_err(|_| rollback(&batch))?;
        finish(&batch, members.len())
    });
    let committed = committed.map_err(|error| error.to_string());
    let mut committed_only = Vec::new();
    for member in members {
        if committed.is_ok() && member.until() == Until::OnDisk {
            committed_only.push(member);
        } else {
            member.answer(committed.clone());
        }
    }
    committed_only
}

fn begin(connection: &Connection) -> Result<(), rusqlite::Error> {
    connection.statement("begin immediate")?.execute([]).map(drop)
}

fn finish(batch: &Batch<'_>, members: usize) -> Result<(), rusqlite::Error> {
    let written = batch.memory().write(batch);
    // A full disk makes SQLite roll everything back by itself, and COMMIT then says that there is no transaction.
    let ended = written.and_then(|()| batch.statement("commit")?.execute([]).map(drop));
    match ended {
        Ok(()) => batch.memory().keep_batch(members),
        Err(_) => rollback(batch),
    }
    ended
}

fn rollback(batch: &Batch<'_>) {
    if !batch.is_autocommit() {
        let _ = batch.execute_batch("rollback");
    }
    batch.memory().forget_batch();
}

fn fenced(batch: &Batch<'_>, member: &mut dyn Member) -> Result<(), rusqlite::Error> {
    let before = batch.memory().mark();
    batch.execute_batch("savepoint member")?;
    if member.run(batch) {
        return batch.execute_batch("release member");
    }
    batch.memory().forget_since(before);
    if batch.is_autocommit() {
        // By SQLite itself, on a full disk for instance.
        return Err(rusqlite::Error::SqliteFailure(
            ffi::Error::new(ffi::SQLITE_ABORT_ROLLBACK),
            Some("the transaction was rolled back".to_owned()),
        ));
    }
    batch.execute_batch("rollback to member; release member")
}
