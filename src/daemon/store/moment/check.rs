//! Whether the file is sound: its pages, what refers to what, and what must hold of its rows.

use rusqlite::Connection;
use serde::Serialize;

use super::Moment;
use crate::daemon::store::StoreError;

/// What is wrong with what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub what: String,
    pub fault: String,
    pub cure: &'static str,
}

/// What must hold: a query for those of which it does not, what is wrong with them then, and what helps.
struct Invariant {
    query: &'static str,
    fault: &'static str,
    cure: &'static str,
}

const RESTORE: &str = "stop scanrelay, move the file away, and import the newest export";
const RENEW: &str = "stop scanrelay, export the store, move the file away, and import the export";
/// Of one invariant, only the first are told.
const MOST: usize = 20;

const INVARIANTS: [Invariant; 15] = [
    Invariant {
        query: "select 'the store' where not exists (select 1 from meta where key = 'store_id' and value <> '')",
        fault: "it has no id",
        cure: RESTORE,
    },
    Invariant {
        query: "select 'the store' where not exists (
                  select 1 from meta where key = 'unfolded_to'
                     and cast(value as integer) between 0 and (select coalesce(max(id), 0) from delivery))",
        fault: "it does not say which deliveries have their jobs",
        cure: RESTORE,
    },
    Invariant {
        query: "select 'delivery ' || delivery from job
                 where round = 1 and delivery > (select cast(value as integer) from meta where key = 'unfolded_to')",
        fault: "it has jobs, and the store says that they are yet to be made",
        cure: RESTORE,
    },
    Invariant {
        query: "select 'registry ' || registry
                  from (select registry, open as counted from pending
                        union all select registry, -count(*) from delivery where state = 'open' group by registry)
                 group by registry having sum(counted) <> 0",
        fault: "its open deliveries are counted wrong",
        cure: RENEW,
    },
    Invariant {
        query: "select 'verdict ' || verdict from (select * from evidence except select verdict, digest from looked_at)",
        fault: "it is not found by what its scanners looked at",
        cure: RENEW,
    },
    Invariant {
        query: "select 'delivery ' || id from delivery
                 where state not in ('open', 'done', 'ignored', 'dead') or (state = 'open') <> (ended_at is null)",
        fault: "its state does not fit its end",
        cure: RESTORE,
    },
    Invariant {
        query: "select 'delivery ' || id from delivery
                 where ended_at is null
                   and id <= (select cast(value as integer) from meta where key = 'unfolded_to')
                   and not exists (select 1 from job where job.delivery = delivery.id and job.round = delivery.round
                                                       and job.ended_at is null)",
        fault: "it is open, and none of its jobs is",
        cure: RESTORE,
    },
    Invariant {
        query: "select 'delivery ' || id from delivery where ended_at is null and (length(body) = 0 or plan is null)",
        fault: "it is open, and its payload or its plan is gone",
        cure: RESTORE,
    },
    Invariant {
        query: "select 'job ' || job.id from job join delivery on delivery.id = job.delivery
                 where job.ended_at is null and (delivery.ended_at is not null or job.round <> delivery.round)",
        fault: "it is open, and its delivery or its round is not",
        cure: RESTORE,
    },
    Invariant {
        query: "select 'job ' || id from job
                 where state not in ('due', 'waiting', 'held', 'done', 'dead', 'superseded', 'skipped')
                    or (state in ('due', 'waiting', 'held')) <> (ended_at is null)
                    or claimed_at is not null and state <> 'due'",
        fault: "its state does not fit its end",
        cure: RESTORE,
    },
    Invariant {
        query: "select 'lane ' || lane from job where lane is not null and ended_at is null
                 group by lane having sum(state <> 'waiting') = 0",
        fault: "its jobs wait, and nobody is before them",
        cure: RESTORE,
    },
    Invariant {
        query: "select 'delivery ' || id from delivery
                 where not json_valid(event) or not json_valid(headers) or not coalesce(json_valid(plan), 1)",
        fault: "its event, its headers or its plan is no JSON",
        cure: RESTORE,
    },
    Invariant {
        query: "select 'job ' || id from job
                 where not coalesce(json_valid(checkpoint), 1) or not coalesce(json_valid(tell), 1)
                    or not coalesce(json_valid(outcome), 1)",
        fault: "its checkpoint, what it tells or its outcome is no JSON",
        cure: RESTORE,
    },
    Invariant {
        query: "select 'what is claimed of ' || registry from claimed
                 where delivery > (select coalesce(max(id), 0) from delivery)",
        fault: "it was brought by a delivery that is yet to come",
        cure: RESTORE,
    },
    Invariant {
        query: "select 'key ' || id from dedupe where previous >= id",
        fault: "it points to a later one as its former",
        cure: RENEW,
    },
];

impl Moment {
    /// All that is wrong; nothing when it is sound.
    pub fn check(&self) -> Vec<Finding> {
        findings(&self.connection)
    }
}

pub(in crate::daemon::store) fn findings(connection: &Connection) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut look = |what: &str, query: &str, fault: &str, cure: &'static str| match texts(connection, query) {
        Ok(texts) => found.extend(texts.into_iter().map(|text| match what {
            "" => Finding { what: text, fault: fault.to_owned(), cure },
            what => Finding { what: what.to_owned(), fault: text, cure },
        })),
        Err(error) => found.push(Finding { what: "the file".to_owned(), fault: error.to_string(), cure: RESTORE }),
    };
    look("the file", "select * from pragma_integrity_check where integrity_check <> 'ok'", "", RESTORE);
    let loose = "select 'row ' || coalesce(rowid, '?') || ' of ' || \"table\" || ' refers to a row of ' || parent || ' that is not there'
                   from pragma_foreign_key_check";
    look("the file", loose, "", RESTORE);
    for Invariant { query, fault, cure } in INVARIANTS {
        look("", query, fault, cure);
    }
    // A damaged page is met again and again.
    found.dedup();
    found
}

fn texts(connection: &Connection, query: &str) -> Result<Vec<String>, StoreError> {
    let mut statement = connection.prepare(query)?;
    let mut rows = statement.query([])?;
    let mut texts = Vec::new();
    while let Some(row) = rows.next()? {
        texts.push(row.get(0)?);
        if texts.len() == MOST {
            break;
        }
    }
    Ok(texts)
}
