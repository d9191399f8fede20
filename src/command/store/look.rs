//! Looking at the store, with the daemon running or not.

use std::path::Path;

use super::super::output::{ago, cell, json, line, print, size, table};
use super::super::{Failure, Outcome};
use super::{Progress, failed};
use crate::daemon::{Clock, Moment};

pub(super) fn stats(store: &Path, as_json: bool) -> Outcome {
    let stats = Moment::open(store).and_then(|moment| moment.stats()).map_err(|error| failed(&error))?;
    if as_json {
        return json(&stats);
    }
    let empty = match (stats.empty, stats.gives_back) {
        (0, _) => "0 B".to_owned(),
        (empty, true) => format!("{} (scanrelay store vacuum gives it back)", size(empty)),
        (empty, false) => format!("{} (scanrelay store vacuum writes the file anew)", size(empty)),
    };
    for (name, value) in [
        ("store", stats.path.display().to_string()),
        ("file", size(stats.file)),
        ("write-ahead", size(stats.write_ahead_log)),
        ("empty", empty),
        ("payloads", size(stats.bodies)),
        ("logs", size(stats.logs)),
        ("disk", format!("{} left", size(stats.disk_free))),
        ("schema", stats.schema.to_string()),
    ] {
        line(&format!("{name:<12} {value}"))?;
    }
    line("")?;
    let now = Clock::system().now();
    let mut rows = table(&["TABLE", "ROWS", "OLDEST"]);
    for row in &stats.tables {
        rows.add_row([
            cell(&row.table),
            cell(&row.rows.to_string()),
            cell(&row.oldest.map(|at| ago(at, now)).unwrap_or_default()),
        ]);
    }
    print(&rows)
}

pub(super) fn check(store: &Path, as_json: bool) -> Outcome {
    let moment = Moment::open(store).map_err(|error| failed(&error))?;
    let mut progress = Progress::default();
    progress.tell("looking at every page");
    let findings = moment.check();
    progress.end();
    if as_json {
        json(&findings)?;
    } else if findings.is_empty() {
        line("the store is sound")?;
    } else {
        let mut rows = table(&["WHAT", "FAULT", "CURE"]);
        for finding in &findings {
            rows.add_row([cell(&finding.what), cell(&finding.fault), cell(finding.cure)]);
        }
        print(&rows)?;
    }
    match findings.len() {
        0 => Ok(()),
        1 => Err(Failure::Failed(format!("{} has a fault", store.display()))),
        faults => Err(Failure::Failed(format!("{} has {faults} faults", store.display()))),
    }
}
