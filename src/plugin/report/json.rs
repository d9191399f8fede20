//! Any JSON document, of which pointers (RFC 6901) say where findings, errors and the number of what was scanned are.

use serde_json::Value;

use super::{Told, finding};
use crate::plugin::{Finding, Severity};

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
    /// What went wrong: a list, a number, a text, or true. Nothing, 0 and false are none.
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

    fn finding(&self, row: &Value) -> Finding {
        let text = |pointer: &str| row.pointer(pointer).map(text_of);
        let severity = text(&self.severity).and_then(|word| severity(&word)).unwrap_or(Severity::Unknown);
        let id = text(&self.id).unwrap_or_else(|| "finding".to_owned());
        finding(&id, severity, &text(&self.message).unwrap_or_default(), text(&self.location).as_deref())
    }
}

pub(super) fn read(pointers: &Pointers, document: &Value) -> Result<Told, String> {
    let findings = document.pointer(&pointers.findings).and_then(Value::as_array);
    let findings = findings.ok_or_else(|| format!("there is no list at {}", pointers.findings))?;
    let scanned = match &pointers.scanned {
        None => None,
        Some(pointer) => match document.pointer(pointer) {
            Some(Value::Array(list)) => Some(list.len() as u64),
            Some(Value::Number(number)) => number.as_u64(),
            _ => None,
        },
    };
    let errors = match pointers.errors.as_ref().and_then(|pointer| document.pointer(pointer)) {
        None | Some(Value::Null | Value::Bool(false)) => Vec::new(),
        Some(Value::Array(list)) => list.iter().map(text_of).collect(),
        Some(Value::Number(number)) if number.as_u64() == Some(0) => Vec::new(),
        Some(Value::String(text)) if text.is_empty() => Vec::new(),
        Some(Value::Object(map)) if map.is_empty() => Vec::new(),
        Some(other) => vec![text_of(other)],
    };
    let version = pointers.version.as_ref().and_then(|pointer| document.pointer(pointer)?.as_str());
    Ok(Told {
        findings: findings.iter().map(|row| pointers.finding(row)).collect(),
        scanned,
        errors,
        version: version.map(str::to_owned),
    })
}

fn severity(word: &str) -> Option<Severity> {
    serde_json::from_value(Value::from(word.to_ascii_lowercase())).ok()
}

/// A text as it is, anything else as JSON.
fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
