//! What is known of the file without asking it: how many deliveries are open, and which keys have been seen.
//!
//! It follows the transactions: what a batch that is not committed has changed is taken back.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use rusqlite::{Connection, params};
use scanrelay::Timestamp;
use scanrelay::plugin::Verdict;

use super::counts::Counts;
use super::statement::Statements as _;

/// The newest row of `dedupe` with each fingerprint. Older ones are found from there.
pub(super) type Seen = HashMap<Fingerprint, i64, BuildHasherDefault<AsItIs>>;

/// Of a dedupe key and its registry; part of a digest, so it spreads as it is.
pub(super) type Fingerprint = u64;

#[derive(Default)]
pub(super) struct Memory {
    /// The store's, which begins the ids of its runs.
    store_id: Arc<str>,
    open: BTreeMap<String, Count>,
    open_in_all: u32,
    seen: Seen,
    /// Queues that got a job since the start, and those of them that nobody has been told of.
    queues: BTreeSet<String>,
    new_queues: Vec<String>,
    /// Runs in which a daemon has died more than once, and the one of them that is being worked on.
    suspects: BTreeSet<i64>,
    suspect_at_work: Option<i64>,
    /// Jobs that are telling a registry what somebody has changed meanwhile. A job that dies with us tells it again anyway.
    tell_again: BTreeSet<i64>,
    /// The newest delivery, and the newest whose jobs are made.
    last_delivery: i64,
    unfolded_to: i64,
    /// When something was last stored.
    now: Timestamp,
    /// How to take back what the batch changed, oldest first.
    undo: Vec<Undo>,
    counts: Arc<Counts>,
}

#[derive(Clone, Copy, Default)]
struct Count {
    open: u32,
    changed: bool,
}

enum Undo {
    Opened(String),
    Closed(String),
    Seen(Fingerprint, Option<i64>),
    /// Counted when the batch is committed, so there is nothing to take back.
    Settled(Verdict),
    /// Somebody was told of these queues, and may not have heard it.
    Told(Vec<String>),
    Begun(Option<i64>),
    Came(i64),
    Unfolded(i64),
    ToldAgain(i64),
}

impl Memory {
    /// Reads all of it but the keys from the file, of which some jobs were being worked on when the last daemon died.
    pub(super) fn load(connection: &Connection, suspects: BTreeSet<i64>) -> Result<Self, rusqlite::Error> {
        let store_id: String =
            connection.query_row("select value from meta where key = 'store_id'", [], |row| row.get(0))?;
        let mut memory = Self { store_id: store_id.into(), suspects, ..Self::default() };
        let mut statement = connection.prepare("select registry, open from pending")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let open = row.get(1)?;
            memory.open.insert(row.get(0)?, Count { open, changed: false });
            memory.open_in_all += open;
        }
        memory.last_delivery =
            connection.query_row("select coalesce(max(id), 0) from delivery", [], |row| row.get(0))?;
        let unfolded_to = "select cast(value as integer) from meta where key = 'unfolded_to'";
        memory.unfolded_to = connection.query_row(unfolded_to, [], |row| row.get(0))?;
        memory.counts.set_folded(memory.folded());
        Ok(memory)
    }

    pub(super) fn store_id(&self) -> Arc<str> {
        Arc::clone(&self.store_id)
    }

    /// Open deliveries of all registries, and of this one.
    pub(super) fn open(&self, registry: &str) -> (u32, u32) {
        (self.open_in_all, self.open.get(registry).map_or(0, |count| count.open))
    }

    pub(super) fn opened(&mut self, registry: &str) {
        self.count(registry, 1);
        self.undo.push(Undo::Opened(registry.to_owned()));
    }

    pub(super) fn closed(&mut self, registry: &str) {
        self.count(registry, -1);
        self.undo.push(Undo::Closed(registry.to_owned()));
    }

    /// The newest delivery.
    pub(super) fn last_delivery(&self) -> i64 {
        self.last_delivery
    }

    pub(super) fn came(&mut self, delivery: i64) {
        self.undo.push(Undo::Came(self.last_delivery));
        self.last_delivery = delivery;
    }

    /// It is so late.
    pub(super) fn at(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
    }

    /// As late as it is known to be: what ends because jobs are made does so now, not when its delivery came.
    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// The newest delivery whose jobs are made.
    pub(super) fn unfolded_to(&self) -> i64 {
        self.unfolded_to
    }

    pub(super) fn unfolded(&mut self, to: i64) {
        self.undo.push(Undo::Unfolded(self.unfolded_to));
        self.unfolded_to = to;
    }

    /// How many deliveries may have no jobs yet.
    pub(super) fn folded(&self) -> u64 {
        u64::try_from(self.last_delivery - self.unfolded_to).unwrap_or(0)
    }

    /// How many runs are suspected of having killed a daemon. They are run one at a time, so that none of them takes the
    /// attempts of the others along.
    pub(super) fn suspects(&self) -> u32 {
        u32::try_from(self.suspects.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn may_begin(&self, job: i64) -> bool {
        !self.suspects.contains(&job) || self.suspect_at_work.is_none_or(|at_work| at_work == job)
    }

    pub(super) fn begins(&mut self, job: i64) {
        if self.suspects.contains(&job) {
            self.undo.push(Undo::Begun(self.suspect_at_work));
            self.suspect_at_work = Some(job);
        }
    }

    /// The daemon has survived it.
    pub(super) fn is_over(&mut self, job: i64) {
        if self.suspects.remove(&job) && self.suspect_at_work == Some(job) {
            self.suspect_at_work = None;
        }
    }

    /// What this job is telling the registry was changed meanwhile. Not taken back: telling it once more does no harm.
    pub(super) fn tell_again(&mut self, job: i64) {
        self.tell_again.insert(job);
    }

    /// Whether that is so of a job that has just told it; asked once.
    pub(super) fn has_to_tell_again(&mut self, job: i64) -> bool {
        let again = self.tell_again.remove(&job);
        if again {
            self.undo.push(Undo::ToldAgain(job));
        }
        again
    }

    /// A job stands in this queue. Taken back or not: a queue that is looked into in vain does no harm.
    pub(super) fn uses(&mut self, queue: &str) {
        if !self.queues.contains(queue) {
            self.queues.insert(queue.to_owned());
            self.new_queues.push(queue.to_owned());
        }
    }

    /// The queues that got their first job since this was last asked.
    pub(super) fn new_queues(&mut self) -> Vec<String> {
        let new = std::mem::take(&mut self.new_queues);
        if !new.is_empty() {
            self.undo.push(Undo::Told(new.clone()));
        }
        new
    }

    pub(super) fn newest(&self, fingerprint: Fingerprint) -> Option<i64> {
        self.seen.get(&fingerprint).copied()
    }

    /// The keys that were seen before the start; none has been seen since.
    pub(super) fn recall(&mut self, seen: Seen) {
        if self.seen.is_empty() {
            self.seen = seen;
        }
    }

    pub(super) fn saw(&mut self, fingerprint: Fingerprint, row: i64) {
        let before = self.seen.insert(fingerprint, row);
        self.undo.push(Undo::Seen(fingerprint, before));
    }

    /// The row with that fingerprint is gone, unless there is a newer one.
    pub(super) fn forgot(&mut self, fingerprint: Fingerprint, row: i64) {
        if self.newest(fingerprint) == Some(row) {
            self.seen.remove(&fingerprint);
            self.undo.push(Undo::Seen(fingerprint, Some(row)));
        }
    }

    /// Writes the counts that have changed, once for a whole batch.
    pub(super) fn write(&mut self, connection: &Connection) -> Result<(), rusqlite::Error> {
        for (registry, count) in self.open.iter_mut().filter(|(_, count)| count.changed) {
            connection
                .statement("insert or replace into pending (registry, open) values (?1, ?2)")?
                .execute(params![registry, count.open])?;
            count.changed = false;
        }
        Ok(())
    }

    pub(super) fn mark(&self) -> usize {
        self.undo.len()
    }

    pub(super) fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }

    /// A verdict was reached.
    pub(super) fn settled(&mut self, verdict: Verdict) {
        self.undo.push(Undo::Settled(verdict));
    }

    /// The batch of so many members is committed.
    pub(super) fn keep_batch(&mut self, members: usize) {
        self.counts.committed(members);
        self.counts.set_folded(self.folded());
        for undo in self.undo.drain(..) {
            if let Undo::Settled(verdict) = undo {
                self.counts.settled(verdict);
            }
        }
    }

    /// The batch is rolled back.
    pub(super) fn forget_batch(&mut self) {
        self.forget_since(0);
    }

    /// What came after the mark is rolled back.
    pub(super) fn forget_since(&mut self, mark: usize) {
        for undo in self.undo.split_off(mark).into_iter().rev() {
            match undo {
                Undo::Opened(registry) => self.count(&registry, -1),
                Undo::Closed(registry) => self.count(&registry, 1),
                Undo::Seen(fingerprint, Some(row)) => drop(self.seen.insert(fingerprint, row)),
                Undo::Begun(before) => self.suspect_at_work = before,
                Undo::Told(queues) => self.new_queues.extend(queues),
                Undo::Seen(fingerprint, None) => drop(self.seen.remove(&fingerprint)),
                Undo::Came(before) => self.last_delivery = before,
                Undo::Unfolded(before) => self.unfolded_to = before,
                Undo::ToldAgain(job) => drop(self.tell_again.insert(job)),
                Undo::Settled(_) => {}
            }
        }
    }

    fn count(&mut self, registry: &str, by: i32) {
        if !self.open.contains_key(registry) {
            self.open.insert(registry.to_owned(), Count::default());
        }
        if let Some(count) = self.open.get_mut(registry) {
            count.open = count.open.saturating_add_signed(by);
            count.changed = true;
        }
        self.open_in_all = self.open_in_all.saturating_add_signed(by);
    }
}

/// FNV-1a of the registry's name over the first bytes of the key, which is a digest.
pub(super) fn fingerprint(registry: &str, key: &[u8]) -> Fingerprint {
    let mut first = [0; 8];
    let most = key.len().min(8);
    first[..most].copy_from_slice(&key[..most]);
    registry
        .bytes()
        .fold(u64::from_le_bytes(first), |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A fingerprint needs no more hashing.
#[derive(Default)]
pub(super) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, fingerprint: u64) {
        self.0 = fingerprint;
    }
}
