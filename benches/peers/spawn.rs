//! Starting programs and waiting for them, and nothing else.

use std::io::{Error, Result};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

/// Says how many seconds it took.
pub fn measure(count: u64, width: u64) -> Result<()> {
    let left = AtomicU64::new(count);
    let begun = Instant::now();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..width).map(|_| scope.spawn(|| work(&left))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| Error::other("a thread died"))?)
    })?;
    println!("{}", begun.elapsed().as_secs_f64());
    Ok(())
}

fn work(left: &AtomicU64) -> Result<()> {
    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
        Command::new("/bin/true").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    }
    Ok(())
}
