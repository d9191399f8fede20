//! The way out and in: an export, and a store made of it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::super::acts::{by, now};
use super::super::output::line;
use super::super::{Failure, Outcome};
use super::{Progress, failed};
use crate::daemon::{Moment, RowCounts, Store};

pub(super) fn export(store: &Path, to: Option<&Path>) -> Outcome {
    let moment = Moment::open(store).map_err(|error| failed(&error))?;
    let Some(path) = to else {
        write(&moment, &mut BufWriter::new(io::stdout().lock()))?;
        return Ok(());
    };
    let wrong = |error: io::Error| Failure::Failed(format!("{}: {error}", path.display()));
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(wrong)?;
    let written = write(&moment, &mut BufWriter::new(&file)).and_then(|counts| {
        file.sync_all().map_err(wrong)?;
        Ok(counts)
    });
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    line(&format!("exported {}", in_words(&written?)))
}

fn write(moment: &Moment, to: &mut impl Write) -> Result<RowCounts, Failure> {
    let mut progress = Progress::default();
    let counts = moment.export(to, |rows| progress.rows(rows));
    progress.end();
    counts.map_err(|error| failed(&error))
}

pub(super) fn import(store: &Path, from: &Path, reason: Option<String>) -> Outcome {
    let mut progress = Progress::default();
    let told = |rows| progress.rows(rows);
    let counts = if from == Path::new("-") {
        Store::import(store, &mut io::stdin().lock(), &by(reason), now(), told)
    } else {
        let file = File::open(from).map_err(|error| Failure::Failed(format!("{}: {error}", from.display())))?;
        Store::import(store, &mut BufReader::new(file), &by(reason), now(), told)
    };
    progress.end();
    line(&format!("imported {}", in_words(&counts.map_err(|error| failed(&error))?)))
}

/// The tables that people know.
fn in_words(counts: &RowCounts) -> String {
    let count = |table: &str, one: &str, many: &str| match counts.get(table) {
        Some(1) => format!("1 {one}"),
        number => format!("{} {many}", number.copied().unwrap_or(0)),
    };
    [
        count("delivery", "delivery", "deliveries"),
        count("job", "job", "jobs"),
        count("attempt", "attempt", "attempts"),
        count("verdict", "verdict", "verdicts"),
    ]
    .join(", ")
}
