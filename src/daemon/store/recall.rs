//! The keys that were seen before the start, read beside everything else: nothing but the intake needs them.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tokio::sync::watch;

use super::memory::{Seen, fingerprint};
use super::open::read_only;
use super::writer::Writer;
use super::{Store, StoreError};

/// So many are read before the store is open.
const FEW: u32 = 10_000;

/// Whether they are known. Until then no delivery is taken in.
#[derive(Clone)]
pub(super) struct Recall {
    state: watch::Receiver<State>,
}

enum State {
    Reading,
    Known,
    Failed(String),
}

impl Recall {
    /// Has them read, where the memory does not know them yet.
    pub(super) fn begin(path: &Path, is_known: bool, writer: &Writer) -> Self {
        let (told, state) = watch::channel(if is_known { State::Known } else { State::Reading });
        if !is_known {
            let (path, writer) = (path.to_owned(), writer.clone());
            tokio::spawn(async move {
                let state = match recall(path, &writer).await {
                    Ok(()) => State::Known,
                    Err(error) => State::Failed(format!("the keys of earlier deliveries could not be read: {error}")),
                };
                told.send_replace(state);
            });
        }
        Self { state }
    }
}

impl Store {
    /// Waits until the keys of all that has come are known.
    pub(super) async fn recalled(&self) -> Result<(), StoreError> {
        if matches!(*self.recall.state.borrow(), State::Known) {
            return Ok(());
        }
        let mut state = self.recall.state.clone();
        let state = state.wait_for(|state| !matches!(state, State::Reading)).await.map_err(|_| StoreError::Closed)?;
        failure(&state)
    }

    /// An error when they never will be.
    pub(super) fn can_recall(&self) -> Result<(), StoreError> {
        failure(&self.recall.state.borrow())
    }
}

fn failure(state: &State) -> Result<(), StoreError> {
    match state {
        State::Failed(cause) => Err(StoreError::Refused(cause.clone())),
        State::Reading | State::Known => Ok(()),
    }
}

async fn recall(path: PathBuf, writer: &Writer) -> Result<(), StoreError> {
    let read = move || Ok::<_, StoreError>(seen(&read_only(&path)?)?);
    let seen = tokio::task::spawn_blocking(read).await.map_err(|_| StoreError::Closed)??;
    let writer = writer.clone();
    tokio::task::spawn_blocking(move || writer.recall(seen)).await.map_err(|_| StoreError::Closed)
}

/// Whether there are few enough to read them at once.
pub(super) fn are_few(connection: &Connection) -> Result<bool, rusqlite::Error> {
    Ok(count(connection)? <= FEW)
}

/// At most so many. Each end is looked up; both in one query would read the whole table.
fn count(connection: &Connection) -> Result<u32, rusqlite::Error> {
    let query = "select coalesce((select max(id) from dedupe) - (select min(id) from dedupe) + 1, 0)";
    connection.query_row(query, [], |row| row.get(0))
}

/// The newest row of each fingerprint.
pub(super) fn seen(connection: &Connection) -> Result<Seen, rusqlite::Error> {
    let mut seen = Seen::default();
    seen.reserve(count(connection)? as usize);
    let mut statement = connection.prepare("select id, registry, key from dedupe order by id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        seen.insert(fingerprint(row.get_ref(1)?.as_str()?, row.get_ref(2)?.as_blob()?), row.get(0)?);
    }
    Ok(seen)
}
