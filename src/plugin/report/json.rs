//! Any JSON document, of which pointers (RFC 6901) say where findings, errors and the number of what was scanned are.

use std::borrow::Cow;

use serde_json::Value;

use super::document::{Part, at, each, is_list, is_nothing, length, string, text};
use super::{Told, finding, short};
use crate::plugin::{MAX_NAME, Severity};

/// Where things are in a JSON report: each is a JSON pointer, from the document or from one finding.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pointers {
    /// A list. It has to be there.
    pub findings: String,
    /// In a finding: what it is called.
    pub id: String,
    /// In a finding: one of our severities in any case. What is missing or none of them counts as the worst.
    pub severity: String,
    /// In a finding: a text.
    pub message: String,
    /// In a finding: where.
    pub location: String,
    /// How much was scanned: a number, or a list of it.
    pub scanned: Option<String>,
    /// What went wrong: a list, a number, a text, or true. Null, false, 0 and what is empty are no errors. It has to be there.
    pub errors: Option<String>,
    /// What has looked: the scanner's version, a text.
    pub version: Option<String>,
}

impl Pointers {
    /// With a finding's parts at `/id`, `/severity`, `/message` and `/location`.
    pub fn to_findings(findings: impl Into<String>) -> Self {
        Self {
            findings: findings.into(),
            id: "/id".into(),
            severity: "/severity".into(),
            message: "/message".into(),
            location: "/location".into(),
            scanned: None,
            errors: None,
            version: None,
        }
    }

    fn read_row(&self, row: Part<'_>, told: &mut Told) -> Result<(), String> {
        let text = |pointer: &str| Ok::<_, String>(at(row, pointer)?.map(text));
        let severity = text(&self.severity)?.and_then(|word| severity(&word)).unwrap_or(Severity::Unknown);
        if told.transcript.count(severity) {
            let id = text(&self.id)?.unwrap_or(Cow::Borrowed("finding"));
            let message = text(&self.message)?.unwrap_or_default();
            told.transcript.keep(finding(&id, severity, &message, text(&self.location)?.as_deref()));
        }
        Ok(())
    }
}

pub(super) fn read(pointers: &Pointers, document: Part<'_>, told: &mut Told) -> Result<(), String> {
    let findings = at(document, &pointers.findings)?.filter(|part| is_list(part));
    let findings = findings.ok_or_else(|| format!("there is no list at {}", pointers.findings))?;
    each(findings, |row| pointers.read_row(row, told))?;
    let part = |pointer: &Option<String>| pointer.as_ref().map_or(Ok(None), |pointer| at(document, pointer));
    if let Some(scanned) = part(&pointers.scanned)? {
        told.scanned = if is_list(scanned) { Some(length(scanned)?) } else { scanned.get().parse().ok() };
    }
    let errors = pointers.errors.as_ref().map(|pointer| {
        // Nobody knows whether none are none, or stand elsewhere.
        at(document, pointer)?.ok_or_else(|| format!("there is nothing at {pointer}"))
    });
    match errors.transpose()? {
        Some(errors) if is_list(errors) => each(errors, |error| {
            told.errors.take(|| text(error));
            Ok(())
        })?,
        Some(error) if !is_nothing(error) => told.errors.take(|| text(error)),
        _ => {}
    }
    told.version = part(&pointers.version)?.and_then(string).map(|version| short(&version, MAX_NAME));
    Ok(())
}

fn severity(word: &str) -> Option<Severity> {
    // The longest of them has thirteen letters.
    (word.len() < 16).then(|| serde_json::from_value(Value::from(word.to_ascii_lowercase())).ok()).flatten()
}
