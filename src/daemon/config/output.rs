//! How a plugin says its result.

use std::collections::{BTreeMap, BTreeSet};

use scanrelay::plugin::{Format, PluginKind, Pointers, Report, Status, Verdict};

use super::error::Fault;
use super::raw::{RawExitCodes, RawReport, RawRequire};

/// How it says its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    Jsonl,
    /// A scanner's exit codes.
    Verdicts(BTreeMap<u8, Verdict>),
    /// An action's exit codes.
    Statuses(BTreeMap<u8, Status>),
    /// A scanner's report, and the exit codes with which it stands.
    Report(Box<Report>, BTreeSet<u8>),
}

/// What manifest and configuration say of it.
pub(super) struct Said<'a> {
    pub(super) word: Option<&'a str>,
    pub(super) codes: Option<RawExitCodes>,
    pub(super) report: Option<RawReport>,
    pub(super) require: Option<RawRequire>,
}

impl Said<'_> {
    /// `args` are the command's.
    pub(super) fn output(
        self,
        kind: PluginKind,
        args: &[String],
        at: &impl Fn(&str, String) -> Fault,
    ) -> Result<Output, Fault> {
        let Self { word, codes, report, require } = self;
        let word = word.unwrap_or("jsonl");
        let is_report = matches!(word, "sarif" | "json");
        if report.is_some() && word != "json" {
            return Err(at("report", "it is for output = \"json\"".to_owned()));
        }
        if require.is_some() && !is_report {
            return Err(at("require", "it is for output = \"sarif\" and \"json\"".to_owned()));
        }
        if !is_report && codes.as_ref().is_some_and(|codes| codes.report.is_some()) {
            return Err(at("exit_codes", "report is for output = \"sarif\" and \"json\"".to_owned()));
        }
        let codes = match (word, codes) {
            ("jsonl", None) => return Ok(Output::Jsonl),
            ("jsonl", Some(_)) => return Err(at("exit_codes", "they are for output = \"exit-code\"".to_owned())),
            ("exit-code", Some(codes)) => codes,
            ("exit-code", None) => {
                return Err(at(
                    "exit_codes",
                    "they have no default: write exit_codes = { safe = [0], unsafe = [1] }".to_owned(),
                ));
            }
            ("sarif" | "json", _) if kind != PluginKind::Scanner => {
                return Err(at("output", format!("{word} is a scanner's: an action says jsonl or exit-code")));
            }
            ("sarif" | "json", codes) => return reported(word, codes, report, require, args, at),
            (word, _) => return Err(at("output", format!("{word:?} is not one of jsonl, exit-code, sarif, json"))),
        };
        let RawExitCodes { safe, is_unsafe, complete, failed, report: _ } = codes;
        match kind {
            PluginKind::Scanner if complete.is_some() || failed.is_some() => {
                Err(at("exit_codes", "a scanner has safe and unsafe, not complete and failed".to_owned()))
            }
            PluginKind::Scanner => {
                let lists = [("safe", Verdict::Safe, safe), ("unsafe", Verdict::Unsafe, is_unsafe)];
                Ok(Output::Verdicts(meanings(lists, at)?))
            }
            _ if safe.is_some() || is_unsafe.is_some() => {
                Err(at("exit_codes", "an action has complete and failed, not safe and unsafe".to_owned()))
            }
            _ => {
                let lists = [("complete", Status::Complete, complete), ("failed", Status::Failed, failed)];
                Ok(Output::Statuses(meanings(lists, at)?))
            }
        }
    }
}

fn reported(
    word: &str,
    codes: Option<RawExitCodes>,
    report: Option<RawReport>,
    require: Option<RawRequire>,
    args: &[String],
    at: &impl Fn(&str, String) -> Fault,
) -> Result<Output, Fault> {
    if !args.iter().any(|arg| arg.contains("{report}")) {
        let cure = "write {report} where the scanner is told which file to write its report to";
        return Err(at("command", format!("output = {word:?} takes a report: {cure}")));
    }
    let codes = codes.unwrap_or_default();
    if codes.safe.is_some() || codes.is_unsafe.is_some() || codes.complete.is_some() || codes.failed.is_some() {
        return Err(at("exit_codes", "the report says the verdict: write exit_codes = { report = [0, 1] }".to_owned()));
    }
    let codes = codes.report.filter(|codes| !codes.is_empty()).unwrap_or_else(|| vec![0]);
    let codes = codes.into_iter().map(|code| exit_code(code, at)).collect::<Result<_, _>>()?;
    let format = if word == "sarif" { Format::Sarif } else { Format::Json(pointers(report, at)?) };
    let knows_scanned = match &format {
        Format::Json(pointers) => pointers.scanned.is_some(),
        _ => true,
    };
    if require.is_some() && !knows_scanned {
        return Err(at("require", "report.scanned does not say where the report has how much was scanned".to_owned()));
    }
    if require.as_ref().is_some_and(|require| require.scanned_at_least == 0) {
        return Err(at("require", "scanned_at_least = 0 asks for nothing: write 1 or more, or no require".to_owned()));
    }
    let mut report = Report::new(format);
    report.scanned_at_least = require.map(|require| require.scanned_at_least);
    Ok(Output::Report(Box::new(report), codes))
}

fn pointers(report: Option<RawReport>, at: &impl Fn(&str, String) -> Fault) -> Result<Pointers, Fault> {
    let missing =
        || at("report", "it does not say where findings are: write report = { findings = \"/findings\" }".into());
    let RawReport { findings, id, severity, message, location, scanned, errors, version } =
        report.ok_or_else(missing)?;
    let pointer = |key: &str, text: Option<String>| match text {
        // RFC 6901: the whole document, or a slash before each part.
        Some(text) if !text.is_empty() && !text.starts_with('/') => {
            Err(at("report", format!("{key} = {text:?} is no JSON pointer: it begins with a slash")))
        }
        text => Ok(text),
    };
    let mut pointers = Pointers::to_findings(pointer("findings", findings)?.ok_or_else(missing)?);
    for (key, text, place) in [
        ("id", id, &mut pointers.id),
        ("severity", severity, &mut pointers.severity),
        ("message", message, &mut pointers.message),
        ("location", location, &mut pointers.location),
    ] {
        if let Some(text) = pointer(key, text)? {
            *place = text;
        }
    }
    pointers.scanned = pointer("scanned", scanned)?;
    pointers.errors = pointer("errors", errors)?;
    pointers.version = pointer("version", version)?;
    Ok(pointers)
}

fn meanings<T: Copy + PartialEq>(
    lists: [(&str, T, Option<Vec<i32>>); 2],
    at: &impl Fn(&str, String) -> Fault,
) -> Result<BTreeMap<u8, T>, Fault> {
    let mut meanings = BTreeMap::new();
    for (word, meaning, codes) in lists {
        let codes = codes.filter(|codes| !codes.is_empty());
        let codes = codes.ok_or_else(|| at("exit_codes", format!("no code says {word}: there is no default")))?;
        for code in codes {
            let code = exit_code(code, at)?;
            if meanings.insert(code, meaning).is_some_and(|before| before != meaning) {
                return Err(at("exit_codes", format!("{code} means two things")));
            }
        }
    }
    Ok(meanings)
}

fn exit_code(code: i32, at: &impl Fn(&str, String) -> Fault) -> Result<u8, Fault> {
    u8::try_from(code).map_err(|_| at("exit_codes", format!("{code} is no exit code: 0 to 255")))
}
