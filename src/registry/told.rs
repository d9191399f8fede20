//! An outcome as keys and values, for registries that keep such.

use super::Outcome;
use crate::Timestamp;
use crate::plugin::{Status, Verdict};

/// A comment is read by people.
const MAX_SUMMARY: usize = 500;
const DEPLOYMENT: &str = "scanrelay.deployment_status";

/// Our keys for an outcome. A key without a value is one that an earlier outcome may have left: an old link beside a new
/// verdict would be a lie.
pub(super) fn said(outcome: &Outcome) -> Vec<(&'static str, Option<String>)> {
    match outcome {
        Outcome::Scanned { verdict, summary, url, at } => vec![
            ("scanrelay.verdict", Some(verdict_word(*verdict).to_owned())),
            ("scanrelay.report_url", url.clone()),
            ("scanrelay.summary", summary.clone()),
            ("scanrelay.scanned_at", at.map(Timestamp::to_rfc3339)),
        ],
        // Whoever waits for `safe` waits until it is said anew.
        Outcome::Scanning => vec![("scanrelay.verdict", Some("scanning".to_owned()))],
        Outcome::Promoted { status: Status::Complete, summary, url } => vec![
            (DEPLOYMENT, Some("complete".to_owned())),
            ("scanrelay.deployment_url", url.clone()),
            ("scanrelay.deployment_summary", summary.clone()),
        ],
        // Its link is to the reason, not to where the model is.
        Outcome::Promoted { summary, .. } => vec![
            (DEPLOYMENT, Some("failed".to_owned())),
            ("scanrelay.deployment_url", None),
            ("scanrelay.deployment_summary", summary.clone()),
        ],
        Outcome::InProgress => vec![(DEPLOYMENT, Some("in_progress".to_owned()))],
    }
}

/// The verdict's word in metadata and comments.
pub(super) fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Safe => "safe",
        Verdict::Unsafe => "unsafe",
        Verdict::Inconclusive => "inconclusive",
        Verdict::Error => "error",
    }
}

/// Our line for an outcome; none for a word on the way.
pub(super) fn line(outcome: &Outcome) -> Option<String> {
    let (mark, word, summary, url, at) = match outcome {
        Outcome::Scanned { verdict, summary, url, at } => {
            ("[scanrelay scan] ", verdict_word(*verdict), summary, url, *at)
        }
        Outcome::Promoted { status, summary, url } => {
            let word = if *status == Status::Complete { "complete" } else { "failed" };
            ("[scanrelay promotion] ", word, summary, url, None)
        }
        _ => return None,
    };
    let mut line = [mark, word].concat();
    if let Some(summary) = summary {
        // One line, whatever a plugin said.
        let flat = summary.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
        line.push_str(": ");
        line.extend(flat.take(MAX_SUMMARY));
    }
    if let Some(url) = url {
        line.extend([" ", url]);
    }
    if let Some(at) = at {
        line.extend([" (", &at.to_rfc3339(), ")"]);
    }
    Some(line)
}
