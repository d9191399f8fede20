//! Reports that a scanner writes in a format of its own, so that it is wrapped without a script.

mod document;
mod json;
mod sarif;

use std::borrow::Cow;

use super::{Conclusion, Finding, Line, MAX_NAME, MAX_TEXT, PluginKind, Severity, Transcript, Verdict};

pub use json::Pointers;

/// How a scanner's report is read, and what it has to prove.
///
/// A finding that reaches `fail_on` makes the scan unsafe whatever else the report says. Without one, a report that tells of
/// errors is no result, and one that does not prove that enough was scanned is [`Verdict::Inconclusive`]: what nobody has
/// looked at is never safe.
///
/// ```
/// use scanrelay::plugin::{Conclusion, Format, Pointers, Report, Severity, Verdict};
///
/// let mut pointers = Pointers::to_findings("/issues");
/// pointers.scanned = Some("/summary/scanned".into());
/// let mut report = Report::new(Format::Json(pointers));
/// report.scanned_at_least = Some(1);
///
/// let verdict = |text: &str| match report.conclude(text.as_bytes(), Severity::High).unwrap() {
///     Conclusion::Scan { verdict, .. } => verdict,
///     _ => unreachable!(),
/// };
/// assert_eq!(verdict(r#"{"issues":[],"summary":{"scanned":2}}"#), Verdict::Safe);
/// assert_eq!(verdict(r#"{"issues":[],"summary":{"scanned":0}}"#), Verdict::Inconclusive);
/// assert_eq!(verdict(r#"{"issues":[{"severity":"CRITICAL"}],"summary":{"scanned":0}}"#), Verdict::Unsafe);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// How it is written.
    pub format: Format,
    /// So many things have to have been scanned, by the report's own account.
    pub scanned_at_least: Option<u64>,
}

/// How a report is written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// The Static Analysis Results Interchange Format, version 2.1.0 (OASIS). Results of the kinds `pass`,
    /// `notApplicable` and `informational` are no findings; what the report itself suppresses is one all the same, since who writes the model could have written that.
    Sarif,
    /// Any JSON document.
    Json(Pointers),
}

/// Why a report is no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// It is not what it is said to be.
    #[error("its report is no result: {0}")]
    Unreadable(String),
    /// The scanner says itself that something went wrong.
    #[error("its report tells of {count} errors, the first: {first}")]
    Errors {
        /// How many.
        count: usize,
        /// In the scanner's words.
        first: String,
    },
}

/// What a report says.
#[derive(Debug)]
struct Told {
    transcript: Transcript,
    scanned: Option<u64>,
    errors: Errors,
    version: Option<String>,
}

/// What went wrong by the scanner's own account.
#[derive(Debug, Default)]
struct Errors {
    count: usize,
    first: Option<String>,
}

impl Errors {
    fn take<'d>(&mut self, text: impl FnOnce() -> Cow<'d, str>) {
        self.count += 1;
        self.first.get_or_insert_with(|| cut(&text()));
    }
}

impl Report {
    /// A report that has to prove nothing.
    pub fn new(format: Format) -> Self {
        Self { format, scanned_at_least: None }
    }

    /// What the document comes to. Beside its text it takes some MiB of memory, whatever is in it.
    pub fn conclude(&self, document: &[u8], fail_on: Severity) -> Result<Conclusion, ReportError> {
        // It is a run like any other, with its bounds.
        let transcript = Transcript::new(PluginKind::Scanner, fail_on);
        let mut told = Told { transcript, scanned: None, errors: Errors::default(), version: None };
        let read = document::whole(document).and_then(|document| match &self.format {
            Format::Sarif => sarif::read(document, &mut told),
            Format::Json(pointers) => json::read(pointers, document, &mut told),
        });
        read.map_err(ReportError::Unreadable)?;
        let Told { mut transcript, scanned, errors, version } = told;
        let is_unsafe = transcript.fails();
        if let (false, Some(first)) = (is_unsafe, errors.first) {
            return Err(ReportError::Errors { count: errors.count, first });
        }
        let lacking = self.scanned_at_least.and_then(|least| match scanned {
            Some(scanned) if scanned >= least => None,
            Some(scanned) => Some(format!("it scanned {scanned} of at least {least}")),
            None => Some(format!("it does not say how much it scanned, and {least} is the least")),
        });
        let verdict = if !is_unsafe && lacking.is_some() { Verdict::Inconclusive } else { Verdict::Safe };
        let summary = lacking.filter(|_| !is_unsafe);
        let result = Line::Result { verdict: Some(verdict), status: None, summary, url: None, version };
        transcript.take(result.to_string().as_bytes());
        transcript.end().map_err(|fault| ReportError::Unreadable(fault.to_string()))
    }
}

/// The bytes of a word of the scanner's that stand in an error.
const SHOWN: usize = 256;

fn cut(text: &str) -> String {
    super::printable(&short(text, SHOWN)).into_owned()
}

fn short(text: &str, most: usize) -> String {
    text[..text.floor_char_boundary(most)].to_owned()
}

/// A finding within the bounds of a line.
fn finding(id: &str, severity: Severity, message: &str, location: Option<&str>) -> Finding {
    let mut finding = Finding::new(short(id, MAX_NAME), severity, short(message, MAX_TEXT));
    finding.location = location.map(|location| short(location, MAX_NAME));
    finding
}

#[cfg(test)]
mod tests;
