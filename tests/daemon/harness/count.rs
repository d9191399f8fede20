//! What became of everything, in numbers; and chance that can be had again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use serde_json::Value;

use super::{Daemon, Registry, until_within};

/// Whether the long forms are wanted: `tests/run --soak`.
pub fn soak() -> bool {
    std::env::var_os("SCANRELAY_SOAK").is_some_and(|value| value == "1")
}

/// Random numbers by a seed that stands in the output of a test that fails. `SCANRELAY_SEED` gives it again.
pub struct Chance(u64);

impl Chance {
    pub fn new() -> Self {
        let given = std::env::var("SCANRELAY_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| RandomState::new().hash_one(0));
        eprintln!("SCANRELAY_SEED={seed}");
        Self(seed | 1)
    }

    /// A number below that (xorshift64*).
    pub fn below(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % below.max(1)
    }
}

/// Every delivery that the daemon has, by how it stands.
#[derive(Debug, Default)]
pub struct Count {
    pub ids: BTreeSet<i64>,
    pub states: BTreeMap<String, usize>,
}

impl Count {
    /// Waits until no delivery is open, and counts.
    pub async fn of_all_ended(daemon: &Daemon, longest: Duration) -> Self {
        let open = || async { daemon.get("/api/v1/deliveries?state=open&limit=1").await.1 };
        let none = |rows: &Value| rows.as_array().is_some_and(Vec::is_empty);
        until_within(longest, "the end of all deliveries", open, none).await;
        Self::of(daemon).await
    }

    pub async fn of(daemon: &Daemon) -> Self {
        let mut count = Self::default();
        let mut before = i64::MAX;
        loop {
            let page = daemon.get(&format!("/api/v1/deliveries?limit=1000&before={before}")).await.1;
            let rows = page.as_array().unwrap();
            let Some(last) = rows.last() else { return count };
            before = last["id"].as_i64().unwrap();
            for row in rows {
                count.ids.insert(row["id"].as_i64().unwrap());
                *count.states.entry(row["state"].as_str().unwrap().to_owned()).or_default() += 1;
            }
        }
    }

    pub fn state(&self, state: &str) -> usize {
        self.states.get(state).copied().unwrap_or_default()
    }

    /// Accepted = ended, and nothing is there that was not accepted. Prints the numbers.
    pub fn check(&self, what: &str, accepted: &BTreeSet<i64>) {
        let lost: Vec<&i64> = accepted.difference(&self.ids).collect();
        let made: Vec<&i64> = self.ids.difference(accepted).collect();
        let ended = self.ids.len() - self.state("open");
        eprintln!("{what}: accepted {}, ended {ended}, lost {} ({self})", accepted.len(), lost.len());
        assert_eq!((lost, made), (Vec::new(), Vec::new()), "what was accepted is there, and nothing else");
        assert_eq!(ended, accepted.len(), "what was accepted has ended");
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self.states.iter().map(|(state, count)| format!("{count} {state}")).collect();
        f.write_str(&words.join(", "))
    }
}

impl Registry {
    /// By build: the ends that it was told of, in order (`safe`, `unsafe`, or `error`).
    pub async fn told(&self) -> BTreeMap<u64, Vec<String>> {
        let mut told: BTreeMap<u64, Vec<String>> = BTreeMap::new();
        for write in self.writes().await {
            let word = match write["body"]["scan_status"].as_str() {
                Some("scanned") => write["body"]["scan_external_results"]["safety_status"].as_str().unwrap_or_default(),
                Some("error") => "error",
                _ => continue,
            };
            let build = write["path"].as_str().unwrap().split('/').rev().nth(1).unwrap().parse().unwrap();
            told.entry(build).or_default().push(word.to_owned());
        }
        told
    }
}
