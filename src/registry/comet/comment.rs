//! One line of ours in a comment that others write too.
//!
//! Comet replaces the whole comment. So it is read, our line is put in the place of the one that is there or behind all
//! others, and every other line stays as it was, byte for byte.

use crate::plugin::Status;
use crate::registry::Outcome;
use crate::registry::date::rfc3339;
use crate::registry::told::verdict_word;

/// A comment is read by people.
const MAX_SUMMARY: usize = 500;

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
        line.extend([" (", &rfc3339(at), ")"]);
    }
    Some(line)
}

/// The comment with our line in it, which replaces every line with the same mark.
pub(super) fn merged(comment: &str, line: &str) -> String {
    let mark = line.split_inclusive(']').next().unwrap_or(line);
    let mut placed = false;
    let mut kept: Vec<&str> = Vec::new();
    for old in comment.split('\n').filter(|_| !comment.is_empty()) {
        match old.starts_with(mark) {
            true if placed => {}
            true => {
                placed = true;
                kept.push(line);
            }
            false => kept.push(old),
        }
    }
    if !placed {
        kept.push(line);
    }
    kept.join("\n")
}
