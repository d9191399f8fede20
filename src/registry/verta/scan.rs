//! The result of a build's scan: `PUT …/workspace/{ws}/builds/{id}/scan`.
//!
//! Source: "Update the scan status and results of an externally scanned build" of Verta's deployment API. The same result
//! put twice is the same result, so nothing is read first. `POST` on that path would ask for another scan; it is never sent.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Verta, request};
use crate::Event;
use crate::plugin::Verdict;
use crate::registry::answer::{object, segment};
use crate::registry::object::Object;
use crate::registry::{Exchange, Outcome, Request, Step};

/// `BuildScanResponse`, as far as it says what stands now.
#[derive(Default, Deserialize)]
#[serde(default)]
struct BuildScan {
    scan_status: Option<String>,
    safety_status: Option<String>,
    scan_external_results: Option<Object<Results>>,
    /// The same under its older name; a server may have both.
    scan_external_status: Option<Object<Results>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Results {
    safety_status: Option<String>,
}

pub(super) fn next(verta: &Verta, event: &Event, outcome: &Outcome, seen: &[Exchange]) -> Step {
    let Some((put, read_back)) = requests(verta, event, outcome) else {
        return Step::Refused(
            "the event names no build, or the registry no workspace, that a path can hold".to_owned(),
        );
    };
    let wanted = wanted(outcome);
    match seen {
        [] => Step::Send(put),
        [written] => match object::<BuildScan>(written) {
            Err(step) => step,
            // An answer that does not say what stands now is asked for it.
            Ok(scan) if scan.scan_status.is_none() => Step::Send(read_back),
            Ok(scan) => agreed(&scan, wanted),
        },
        [_, read, ..] => match object::<BuildScan>(read) {
            Err(step) => step,
            Ok(scan) => agreed(&scan, wanted),
        },
    }
}

/// `scan_status` and `safety_status` of an outcome.
fn wanted(outcome: &Outcome) -> (&'static str, Option<&'static str>) {
    match outcome {
        Outcome::Scanned { verdict: Verdict::Safe, .. } => ("scanned", Some("safe")),
        Outcome::Scanned { verdict: Verdict::Unsafe, .. } => ("scanned", Some("unsafe")),
        Outcome::Scanned { .. } => ("error", None),
        _ => ("scanning", None),
    }
}

fn requests(verta: &Verta, event: &Event, outcome: &Outcome) -> Option<(Request, Request)> {
    let workspace = segment(verta.workspace.as_deref()?)?;
    let build = segment(event.build.id.as_deref()?)?;
    let path = format!("/api/v1/deployment/workspace/{workspace}/builds/{build}/scan");
    let (scan_status, safety) = wanted(outcome);
    let mut body = json!({ "scan_status": scan_status });
    if let (Some(safety), Outcome::Scanned { url, .. }) = (safety, outcome) {
        let mut results = json!({ "safety_status": safety });
        if let Some(url) = url {
            results["url"] = Value::from(url.as_str());
        }
        body[&verta.write_back.scan_results_key] = results;
    }
    Some((request(&verta.write_back.scan_method, path.clone(), Some(&body)), request("GET", path, None)))
}

fn agreed(scan: &BuildScan, (scan_status, safety): (&str, Option<&str>)) -> Step {
    let nested = [&scan.scan_external_results, &scan.scan_external_status];
    let nested = nested.into_iter().flatten().map(|Object(results)| &results.safety_status);
    let mut stands = nested.chain([&scan.safety_status]).flatten();
    if scan.scan_status.as_deref() != Some(scan_status) {
        return Step::Retry(format!("the registry answered 2xx, but the scan does not stand as {scan_status}"));
    }
    match safety {
        Some(wanted) if stands.any(|stands| stands != wanted) => {
            Step::Retry(format!("the registry answered 2xx, but the build does not stand as {wanted}"))
        }
        _ => Step::Done,
    }
}
