//! Who said what: the votes of a verdict, a line each.

use comfy_table::{Cell, Color, Table};

use super::output::{cell, table};
use crate::daemon::Vote;

/// The votes in the order of the route: those that count, then those that advise.
pub(super) fn matrix(votes: &[Vote]) -> Table {
    let mut table = table(&["SCANNER", "SAYS", "VOTES", "FINDINGS", "LOOKED AT", "SUMMARY"]);
    for vote in votes {
        table.add_row([
            cell(&vote.scanner),
            verdict(&vote.verdict.to_string()),
            cell(if vote.advisory { "no, advice" } else { "yes" }),
            cell(&findings(vote)),
            cell(looked_at(vote)),
            cell(vote.summary.as_deref().unwrap_or_default()),
        ]);
    }
    table
}

/// What each looked at, waived and is, as lines beneath the table.
pub(super) fn details(votes: &[Vote]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for vote in votes {
        let of = |what: &str, digest: Option<&crate::daemon::Digest>| digest.map(|digest| format!("{what} {digest}"));
        let evidence = &vote.evidence;
        let seen = [of("files", evidence.artifact.as_ref()), of("image", evidence.image.as_ref())];
        let seen: Vec<String> = seen.into_iter().flatten().collect();
        let seen = if seen.is_empty() { "nothing of the model".to_owned() } else { seen.join(", ") };
        let program = evidence.program.as_ref().map(|digest| format!(", by program {digest}")).unwrap_or_default();
        let version = vote.version.as_ref().map(|version| format!(" ({version})")).unwrap_or_default();
        lines.push(format!("{}{version} looked at {seen}{program}", vote.scanner));
        for waived in &vote.waived {
            lines.push(format!(
                "{}: {} is waived until {} by waiver {}: {}",
                vote.scanner,
                waived.finding,
                waived.until.to_rfc3339(),
                waived.waiver,
                waived.reason
            ));
        }
    }
    lines
}

pub(super) fn verdict(word: &str) -> Cell {
    let color = match word {
        "safe" => Color::Green,
        "unsafe" => Color::Red,
        _ => Color::Yellow,
    };
    Cell::new(word).fg(color)
}

fn findings(vote: &Vote) -> String {
    match vote.waived.len() {
        0 => vote.findings.to_string(),
        waived => format!("{}, {waived} waived", vote.findings),
    }
}

fn looked_at(vote: &Vote) -> &'static str {
    match (&vote.evidence.artifact, &vote.evidence.image) {
        (Some(_), Some(_)) => "files, image",
        (Some(_), None) => "files",
        (None, Some(_)) => "image",
        (None, None) => "-",
    }
}
