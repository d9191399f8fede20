//! Whether there is room for more: what the disk has left, and how large the store may become.
//!
//! It is looked at once a second at most, and sooner only when much has come since. Nobody pays for it otherwise.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use rusqlite::Connection;
use scanrelay::Timestamp;

use super::open::with_suffix;
use super::statement::Statements as _;
use super::{Store, StoreError};

/// How long a look holds.
const HOLDS: Duration = Duration::from_secs(1);
/// Bytes of payloads that may come between two looks.
const MUCH: u64 = 16 << 20;

/// What there must be room for. Work that was accepted goes on beyond it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes that the disk has left for others, at least.
    pub min_free: u64,
    /// Bytes that the store takes, at most.
    pub max_size: Option<u64>,
}

impl Room {
    /// Payloads that may come between two looks: far less than there should be left. Each is written twice, into the log and
    /// into the file.
    fn much(self) -> u64 {
        let of_disk = if self.min_free == 0 { u64::MAX } else { self.min_free / 4 };
        let of_all = self.max_size.map_or(u64::MAX, |most| most / 16);
        MUCH.min(of_disk).min(of_all)
    }
}

/// What is missing, in words for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortage(pub String);

/// The last look.
pub(super) struct Look {
    store: PathBuf,
    at: AtomicI64,
    taken: AtomicU64,
    short: AtomicBool,
}

impl Look {
    pub(super) fn new(store: &Path) -> Self {
        Self {
            store: store.to_owned(),
            at: AtomicI64::new(i64::MIN),
            taken: AtomicU64::new(0),
            short: AtomicBool::new(false),
        }
    }

    /// Whether a payload of so many bytes may come.
    pub(super) fn has_room(
        &self,
        connection: &Connection,
        room: Room,
        bytes: usize,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let taken = self.taken.fetch_add(bytes as u64, Ordering::Relaxed);
        let since = now.as_millis().saturating_sub(self.at.load(Ordering::Relaxed));
        let holds = (0..i64::try_from(HOLDS.as_millis()).unwrap_or(i64::MAX)).contains(&since);
        if !holds || taken > room.much() {
            self.short.store(shortage(&self.store, connection, room)?.is_some(), Ordering::Relaxed);
            self.at.store(now.as_millis(), Ordering::Relaxed);
            self.taken.store(0, Ordering::Relaxed);
        }
        Ok(!self.short.load(Ordering::Relaxed))
    }
}

impl Store {
    /// What is missing now.
    pub async fn shortage(&self, room: Room) -> Result<Option<Shortage>, StoreError> {
        let look = std::sync::Arc::clone(&self.look);
        self.read(move |connection| shortage(&look.store, connection, room)).await
    }
}

fn shortage(store: &Path, connection: &Connection, room: Room) -> Result<Option<Shortage>, StoreError> {
    let free = disk_free(store).unwrap_or(u64::MAX);
    // What is in the log goes into the file, too.
    let free = free.saturating_sub(fs::metadata(with_suffix(store, "-wal")).map_or(0, |log| log.len()));
    let used = match room.max_size {
        Some(_) => used(connection)?,
        None => 0,
    };
    Ok(missing(room, free, used))
}

/// What the store's disk has left; `None`: nobody knows.
pub(super) fn disk_free(store: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(store.parent()?).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Bytes of the file's pages that hold something.
fn used(connection: &Connection) -> Result<u64, rusqlite::Error> {
    let query = "select (page_count - freelist_count) * page_size
                   from pragma_page_count, pragma_freelist_count, pragma_page_size";
    let bytes: i64 = connection.statement(query)?.query_row([], |row| row.get(0))?;
    Ok(u64::try_from(bytes).unwrap_or(0))
}

fn missing(room: Room, free: u64, used: u64) -> Option<Shortage> {
    if free < room.min_free {
        return Some(Shortage(format!("the disk has {free} bytes left, and limits.min_free is {}", room.min_free)));
    }
    let most = room.max_size.filter(|most| used >= *most)?;
    Some(Shortage(format!("the store takes {used} bytes, and store.max_size is {most}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_bound_is_enough() {
        let check = |min_free, max_size, free, used, words: Option<&str>| {
            let found = missing(Room { min_free, max_size }, free, used);
            assert_eq!(found.as_ref().map(|shortage| shortage.0.as_str()), words);
        };
        check(0, None, 0, u64::MAX, None);
        check(100, None, 100, u64::MAX, None);
        check(100, None, 99, 0, Some("the disk has 99 bytes left, and limits.min_free is 100"));
        check(100, Some(10), 100, 9, None);
        check(100, Some(10), 100, 10, Some("the store takes 10 bytes, and store.max_size is 10"));
        check(100, Some(10), 99, 10, Some("the disk has 99 bytes left, and limits.min_free is 100"));
    }

    #[test]
    fn a_look_holds_for_a_second_or_for_much_that_comes() {
        let connection = Connection::open_in_memory().unwrap();
        let look = Look::new(Path::new("/tmp/store.db"));
        let (enough, too_little) =
            (Room { min_free: 4096, max_size: None }, Room { min_free: u64::MAX, max_size: None });
        let check = |room, bytes, millis, has: bool| {
            let now = Timestamp::from_millis(millis);
            assert_eq!(look.has_room(&connection, room, bytes, now).unwrap(), has, "{room:?} {bytes} {millis}");
        };
        check(enough, 1, 5000, true);
        check(too_little, 1, 5999, true);
        check(too_little, 1, 6000, false);
        check(enough, 1, 6999, false);
        check(enough, 1, 7000, true);
        check(too_little, 17 << 20, 7001, true);
        check(too_little, 1, 7002, false);
        // A clock that was put back is no reason to trust an old look.
        check(enough, 1, 1000, true);
    }
}
