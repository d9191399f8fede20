//! Scanners that write a report.

use scanrelay::plugin::Format;

use super::*;

fn with(keys: &str) -> String {
    format!("[plugins.scan]\nkind = \"scanner\"\ncommand = [\"FOLDER/program\", \"--to={{report}}\"]\n{keys}\n")
}

/// What a scanner of that configuration is read by.
fn output(keys: &str) -> Output {
    let place = Place::new();
    place.load(&with(keys)).unwrap().plugins["scan"].output.clone()
}

#[test]
fn a_report_is_read_by_its_pointers_and_codes() {
    let keys = "output = \"json\"\nexit_codes = { report = [0, 1] }\nrequire = { scanned_at_least = 2 }\n\
                report = { findings = \"/issues\", id = \"/operator\", scanned = \"/n\", errors = \"\" }";
    let Output::Report(report, codes) = output(keys) else { panic!("no report") };
    assert_eq!((report.scanned_at_least, codes), (Some(2), [0, 1].into()));
    let Format::Json(pointers) = report.format else { panic!("no JSON") };
    assert_eq!(
        (pointers.findings.as_str(), pointers.id.as_str(), pointers.severity.as_str()),
        ("/issues", "/operator", "/severity")
    );
    assert_eq!((pointers.scanned.as_deref(), pointers.errors.as_deref()), (Some("/n"), Some("")));
    let Output::Report(report, codes) = output("output = \"sarif\"") else { panic!("no report") };
    assert_eq!((report.format, report.scanned_at_least, codes), (Format::Sarif, None, [0].into()));
}

#[test]
fn what_makes_no_sense_is_refused_with_the_cure() {
    let findings = "output = \"json\"\nreport = { findings = \"/issues\" }\n";
    refused(&with("output = \"json\""), "plugins.scan.report: it does not say where findings are");
    refused(&with("output = \"json\"\nreport = { id = \"/x\" }"), "it does not say where findings are");
    refused(&with("output = \"json\"\nreport = { findings = \"issues\" }"), "findings = \"issues\" is no JSON pointer");
    refused(&with("output = \"sarif\"\nreport = { findings = \"/x\" }"), "it is for output = \"json\"");
    refused(&with("report = { findings = \"/x\" }"), "it is for output = \"json\"");
    refused(&with("require = { scanned_at_least = 1 }"), "it is for output = \"sarif\" and \"json\"");
    refused(&with(&format!("{findings}require = {{ scanned_at_least = 1 }}")), "report.scanned does not say");
    refused(
        &with("output = \"sarif\"\nrequire = { scanned_at_least = 0 }"),
        "plugins.scan.require: scanned_at_least = 0 asks for nothing: write 1",
    );
    refused(&with(&format!("{findings}exit_codes = {{ safe = [0] }}")), "the report says the verdict");
    refused(&with(&format!("{findings}exit_codes = {{ report = [256] }}")), "256 is no exit code");
    refused(&with("output = \"exit-code\"\nexit_codes = { safe = [0], unsafe = [1], report = [2] }"), "report is for");
    refused(
        &with("output = \"sarif\"").replace("{report}", "x"),
        "plugins.scan.command: output = \"sarif\" takes a report",
    );
    refused(&with("output = \"sarif\"").replace("scanner", "action"), "sarif is a scanner's");
}
