//! What the store has done since it was opened, in figures. They follow the transactions: what was rolled back was not done.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use scanrelay::plugin::Verdict;

/// The sizes of batches that are told apart: up to so many members.
pub const BATCH_SIZES: [u16; 10] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

/// The verdicts, in the order in which they are counted.
pub const VERDICTS: [Verdict; 4] = [Verdict::Safe, Verdict::Unsafe, Verdict::Inconclusive, Verdict::Error];

/// The figures.
#[derive(Debug, Default)]
pub struct Counts {
    /// By size; the last are those above the largest.
    batches: [AtomicU64; BATCH_SIZES.len() + 1],
    members: AtomicU64,
    verdicts: [AtomicU64; VERDICTS.len()],
    folded: AtomicU64,
}

impl Counts {
    pub(super) fn committed(&self, members: usize) {
        let size = BATCH_SIZES.iter().position(|most| members <= usize::from(*most)).unwrap_or(BATCH_SIZES.len());
        self.batches[size].fetch_add(1, Relaxed);
        self.members.fetch_add(members as u64, Relaxed);
    }

    pub(super) fn settled(&self, verdict: Verdict) {
        if let Some(place) = VERDICTS.iter().position(|known| *known == verdict) {
            self.verdicts[place].fetch_add(1, Relaxed);
        }
    }

    pub(super) fn set_folded(&self, deliveries: u64) {
        self.folded.store(deliveries, Relaxed);
    }

    /// Deliveries whose jobs are not made yet.
    pub(super) fn folded(&self) -> u64 {
        self.folded.load(Relaxed)
    }

    /// Batches by size, each size alone: with so many members at most; `None`: with more than the largest.
    pub fn batches(&self) -> impl Iterator<Item = (Option<u16>, u64)> {
        let sizes = BATCH_SIZES.into_iter().map(Some).chain([None]);
        sizes.zip(self.batches.iter().map(|batches| batches.load(Relaxed)))
    }

    /// Members of all batches together.
    pub fn members(&self) -> u64 {
        self.members.load(Relaxed)
    }

    /// Verdicts that were reached.
    pub fn verdicts(&self) -> impl Iterator<Item = (Verdict, u64)> {
        VERDICTS.into_iter().zip(self.verdicts.iter().map(|verdicts| verdicts.load(Relaxed)))
    }
}
