//! SARIF 2.1.0: `runs[].results[]` (section 3.27), their rules, and what the tool says of its own run (section 3.20).

mod rules;

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::document::{Part, at, each, is_list, is_nothing, length, members, string, text};
use super::{Told, finding, short};
use crate::plugin::{MAX_NAME, Severity};

use rules::{Found, Rules, level, score};

/// Tools that are told of: a file of many runs is of one tool, or of some.
const MAX_TOOLS: usize = 16;

pub(super) fn read(log: Part<'_>, told: &mut Told) -> Result<(), String> {
    let [version, runs, external] = members(log, ["version", "runs", "inlineExternalProperties"])?;
    let version = version.and_then(string).unwrap_or_default();
    if version != "2.1.0" {
        return Err(format!("it is of SARIF version {:?}, not \"2.1.0\"", short(&version, MAX_NAME)));
    }
    if external.is_some_and(|external| !is_nothing(external)) {
        return Err("it keeps parts of a run outside of the run".to_owned());
    }
    let runs = runs.filter(|runs| is_list(runs) && !is_nothing(runs)).ok_or("it has no run")?;
    let mut tools = BTreeSet::new();
    each(runs, |run| read_run(run, &mut tools, told))?;
    told.version = (!tools.is_empty()).then(|| tools.into_iter().collect::<Vec<_>>().join(", "));
    told.version = told.version.take().map(|version| short(&version, MAX_NAME));
    Ok(())
}

fn read_run(run: Part<'_>, tools: &mut BTreeSet<String>, told: &mut Told) -> Result<(), String> {
    let names = ["tool", "results", "invocations", "artifacts", "externalPropertyFileReferences"];
    let [tool, results, invocations, artifacts, external] = members(run, names)?;
    // Section 3.14.2: what is in another file we do not have.
    if external.is_some_and(|external| !is_nothing(external)) {
        return Err("a run of it has parts in other files".to_owned());
    }
    // Without results the tool has not got so far as to have any (section 3.14.23).
    let results = results.filter(|results| is_list(results)).ok_or("a run of it has no results")?;
    let [driver, extensions] = tool.map_or(Ok([None; 2]), |tool| members(tool, ["driver", "extensions"]))?;
    if let Some(driver) = driver {
        tools.extend(version(driver)?.filter(|_| tools.len() < MAX_TOOLS));
    }
    let mut run = Run { rules: Rules::of(driver, extensions)?, overrides: false };
    if let Some(invocations) = invocations {
        each(invocations, |invocation| run.read_invocation(invocation, told))?;
    }
    each(results, |result| run.read_result(result, told))?;
    if let Some(artifacts) = artifacts.filter(|artifacts| is_list(artifacts)) {
        told.scanned = Some(told.scanned.unwrap_or_default() + length(artifacts)?);
    }
    Ok(())
}

/// Its name and version (sections 3.19.8, 3.19.12 and 3.19.13), where it gives a version.
fn version(driver: Part<'_>) -> Result<Option<String>, String> {
    let [name, version, semantic] = members(driver, ["name", "version", "semanticVersion"])?;
    let [name, version, semantic] = [name, version, semantic].map(|part| part.and_then(string));
    let Some(version) = semantic.or(version) else { return Ok(None) };
    let told = name.map_or_else(|| version.to_string(), |name| format!("{name} {version}"));
    Ok(Some(short(&told, MAX_NAME)))
}

/// What results refer to.
struct Run<'d> {
    rules: Rules<'d>,
    /// Whether levels of rules were changed for this run (section 3.20.5).
    overrides: bool,
}

impl<'d> Run<'d> {
    fn read_result(&self, result: Part<'d>, told: &mut Told) -> Result<(), String> {
        let names = ["kind", "level", "properties", "ruleId", "ruleIndex", "rule", "message", "locations"];
        let [kind, level, properties, id, index, rule, message, locations] = members(result, names)?;
        // Section 3.27.9: without a kind it is `fail`. What is `open` or has to be reviewed is not known to be well.
        let kind = kind.map_or(Cow::Borrowed("fail"), text);
        if matches!(&*kind, "pass" | "notApplicable" | "informational") {
            return Ok(());
        }
        let rule = self.rules.find(id, index, rule)?;
        let severity = match (score(properties)?.or_else(|| rule.score()), rule) {
            (Some(score), _) => score,
            // Its level is `none`, which is not to say that it is harmless (section 3.27.10).
            (None, _) if kind != "fail" => Severity::Unknown,
            (None, Found::Lost) => Severity::Unknown,
            (None, rule) => match (level.map(self::level), rule.level()) {
                (Some(level), _) => level,
                (None, _) if self.overrides => Severity::Unknown,
                (None, level) => level.unwrap_or(Severity::Medium),
            },
        };
        if !told.transcript.count(severity) {
            return Ok(());
        }
        let id = id.and_then(string).or_else(|| rule.id()).unwrap_or(Cow::Borrowed("finding"));
        let words = message.map_or(Ok(None), text_of)?;
        let words = words.map_or_else(|| rule.words().map_or(Ok(None), text_of), |words| Ok(Some(words)))?;
        let place = locations.map_or(Ok(None), place)?;
        told.transcript.keep(finding(&id, severity, &words.unwrap_or_default(), place.as_deref()));
        Ok(())
    }

    fn read_invocation(&mut self, invocation: Part<'_>, told: &mut Told) -> Result<(), String> {
        let names = ["toolExecutionNotifications", "toolConfigurationNotifications"];
        let [execution, configuration] = members(invocation, names)?;
        let [succeeded, overrides] = members(invocation, ["executionSuccessful", "ruleConfigurationOverrides"])?;
        self.overrides |= overrides.is_some_and(|overrides| !is_nothing(overrides));
        let before = told.errors.count;
        for notifications in [execution, configuration].into_iter().flatten() {
            each(notifications, |notification| {
                let [level, message] = members(notification, ["level", "message"])?;
                // Section 3.58.6: without a level it is a warning.
                let level = level.map_or(Cow::Borrowed("warning"), text);
                if !matches!(&*level, "none" | "note" | "warning") {
                    let words = message.map_or(Ok(None), text_of)?;
                    told.errors.take(|| words.unwrap_or(Cow::Borrowed("an error without a text")));
                }
                Ok(())
            })?;
        }
        if told.errors.count == before && succeeded.is_some_and(|succeeded| succeeded.get() != "true") {
            told.errors.take(|| Cow::Borrowed("the tool says that it did not succeed"));
        }
        Ok(())
    }
}

/// The text of a message.
fn text_of(message: Part<'_>) -> Result<Option<Cow<'_, str>>, String> {
    let [text] = members(message, ["text"])?;
    Ok(text.and_then(string))
}

/// Where the first of the locations is.
fn place(locations: Part<'_>) -> Result<Option<Cow<'_, str>>, String> {
    Ok(at(locations, "/0/physicalLocation/artifactLocation/uri")?.and_then(string))
}
