//! An append-only file with group commit: the cheapest thing that survives a power cut.

use std::fs::File;
use std::io::{Result, Write};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;

use actix_web::web::Bytes;
use tokio::sync::oneshot;

/// Bodies that wait for the disk.
const QUEUE: usize = 1024;

struct Entry {
    body: Bytes,
    on_disk: oneshot::Sender<u64>,
}

#[derive(Clone)]
pub struct Log {
    entries: SyncSender<Entry>,
}

impl Log {
    pub fn create(file: &Path) -> Result<Self> {
        let file = File::create(file)?;
        let (entries, waiting) = mpsc::sync_channel(QUEUE);
        thread::spawn(move || write(file, &waiting));
        Ok(Self { entries })
    }

    /// Its number, once it is on disk.
    pub async fn append(&self, body: Bytes) -> Option<u64> {
        let (on_disk, stored) = oneshot::channel();
        self.entries.try_send(Entry { body, on_disk }).ok()?;
        stored.await.ok()
    }
}

fn write(mut file: File, waiting: &Receiver<Entry>) {
    let mut number = 0;
    let mut bytes = Vec::new();
    while let Ok(first) = waiting.recv() {
        let batch: Vec<Entry> = std::iter::once(first).chain(waiting.try_iter()).collect();
        bytes.clear();
        for entry in &batch {
            bytes.extend_from_slice(&(entry.body.len() as u64).to_le_bytes());
            bytes.extend_from_slice(&entry.body);
        }
        if file.write_all(&bytes).and_then(|()| file.sync_data()).is_err() {
            return;
        }
        for entry in batch {
            number += 1;
            let _ = entry.on_disk.send(number);
        }
    }
}
