//! SARIF 2.1.0: `runs[].results[]` (section 3.27), their rules, and what the tool says of its own run (section 3.20).

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Told, finding};
use crate::plugin::{Finding, Severity};

pub(super) fn read(document: &Value) -> Result<Told, String> {
    let version = document["version"].as_str().unwrap_or_default();
    if version != "2.1.0" {
        return Err(format!("it is of SARIF version {version:?}, not \"2.1.0\""));
    }
    let runs = document["runs"].as_array().filter(|runs| !runs.is_empty());
    let mut told = Told::default();
    for run in runs.ok_or("it has no run")? {
        // Without results the tool has not got so far as to have any (section 3.14.23).
        let results = run["results"].as_array().ok_or("a run of it has no results")?;
        told.findings.extend(results.iter().filter(|result| fails(result)).map(|result| found(run, result)));
        told.errors.extend(run["invocations"].as_array().into_iter().flatten().flat_map(errors));
        if let Some(artifacts) = run["artifacts"].as_array() {
            told.scanned = Some(told.scanned.unwrap_or_default() + artifacts.len() as u64);
        }
    }
    let tools = runs.into_iter().flatten().filter_map(|run| tool(&run["tool"]["driver"])).collect::<BTreeSet<_>>();
    told.version = (!tools.is_empty()).then(|| tools.into_iter().collect::<Vec<_>>().join(", "));
    Ok(told)
}

/// Its name and version (sections 3.19.8, 3.19.12 and 3.19.13), where it gives a version.
fn tool(driver: &Value) -> Option<String> {
    let version = driver["semanticVersion"].as_str().or_else(|| driver["version"].as_str())?;
    Some(driver["name"].as_str().map_or_else(|| version.to_owned(), |name| format!("{name} {version}")))
}

/// Section 3.27.9: without a kind it is `fail`. What is `open` or has to be reviewed is not known to be well.
fn fails(result: &Value) -> bool {
    !["pass", "notApplicable", "informational"].contains(&result["kind"].as_str().unwrap_or("fail"))
}

fn found(run: &Value, result: &Value) -> Finding {
    let rule = rule(run, result);
    let id = result["ruleId"].as_str().or_else(|| rule["id"].as_str()).unwrap_or("finding");
    let message = result["message"]["text"].as_str().or_else(|| rule["shortDescription"]["text"].as_str());
    let place = &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    finding(id, severity(rule, result), message.unwrap_or_default(), place.as_str())
}

/// By its index, or by its id.
fn rule<'a>(run: &'a Value, result: &Value) -> &'a Value {
    let rules = &run["tool"]["driver"]["rules"];
    let index = result["ruleIndex"].as_u64().or_else(|| result["rule"]["index"].as_u64());
    if let Some(rule) = index.and_then(|index| rules.get(usize::try_from(index).ok()?)) {
        return rule;
    }
    let named = result["ruleId"].as_str();
    let mut all = rules.as_array().into_iter().flatten();
    all.find(|rule| named.is_some() && rule["id"].as_str() == named).unwrap_or(&Value::Null)
}

/// By `security-severity`, a number from 0 to 10 whose bands are those of CVSS 3.1 (section 5), else by the level.
fn severity(rule: &Value, result: &Value) -> Severity {
    let score = [result, rule].into_iter().find_map(|part| score(&part["properties"]["security-severity"]));
    if let Some(score) = score {
        return match score {
            9.0.. => Severity::Critical,
            7.0.. => Severity::High,
            4.0.. => Severity::Medium,
            0.1.. => Severity::Low,
            0.0.. => Severity::Informational,
            _ => Severity::Unknown,
        };
    }
    let level = result["level"].as_str().or_else(|| rule["defaultConfiguration"]["level"].as_str());
    match level.unwrap_or("warning") {
        "error" => Severity::High,
        "warning" => Severity::Medium,
        "note" => Severity::Low,
        "none" => Severity::Informational,
        _ => Severity::Unknown,
    }
}

/// Written as a text, and by some as a number.
fn score(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
}

fn errors(invocation: &Value) -> Vec<String> {
    let told = invocation["toolExecutionNotifications"].as_array().into_iter().flatten();
    let mut errors: Vec<String> = told
        .filter(|notification| notification["level"].as_str() == Some("error"))
        .map(|notification| notification["message"]["text"].as_str().unwrap_or("an error without a text").to_owned())
        .collect();
    if errors.is_empty() && invocation["executionSuccessful"].as_bool() == Some(false) {
        errors.push("the tool says that it did not succeed".to_owned());
    }
    errors
}
