//! Reports as large as they may be, of the shapes that take the most memory when they are built as a whole.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::{block, tried, write};

/// Runs a program to its end; then the most memory that it or a child of its had, in KiB, is the last line.
const MEASURE: &str = "import resource, subprocess, sys
said = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout
sys.stdout.buffer.write(said + b'%d' % resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";
/// A debug build has some 40 MiB of its own, and the report's text takes 16.
const MOST: u64 = 96 * 1024;

/// What comes of a report, and the most memory that its reading took.
fn measured(folder: &Path, output: &str, report: &str) -> (Value, u64) {
    assert!(report.len() <= 16 * 1024 * 1024, "{}", report.len());
    let own = folder.join("reporter");
    fs::create_dir_all(&own).unwrap();
    let manifest = format!(
        "kind = \"scanner\"\ncommand = [\"reporter\", \"{{report}}\"]\ntimeout = \"5m\"\noutput = \"{output}\"\n{}",
        if output == "json" { "report = { findings = \"/issues\", errors = \"/errors\" }\n" } else { "" }
    );
    write(&own.join("plugin.toml"), &manifest, 0o644);
    write(&own.join("report"), report, 0o644);
    write(&own.join("reporter"), "#!/bin/sh\ncp \"${0%/*}/report\" \"$1\"\n", 0o755);
    let mut run = Command::new("python3");
    run.args(["-c", MEASURE, env!("CARGO_BIN_EXE_scanrelay"), "plugin", "test", "--json"]).arg(&own);
    let said = run.env_remove("SCANRELAY_CONFIG").stderr(Stdio::null()).output().unwrap().stdout;
    let said = String::from_utf8(said).unwrap();
    let (said, most) = said.rsplit_once('\n').unwrap();
    (serde_json::from_str(said).unwrap(), most.parse().unwrap())
}

#[test]
fn a_report_takes_little_more_memory_than_its_text() {
    let folder = tempfile::tempdir().unwrap();
    let fill = |head: &str, row: &str, tail: &str| {
        // Enough of the smallest things to take a GiB when each is a value.
        let times = 6 * 1024 * 1024 / (row.len() + 1);
        format!("{head}{}{tail}", vec![row; times].join(","))
    };
    let of = |text: &str| text.repeat(8_000_000 / text.len());
    // An escape, so that no id can be lent from the text.
    let id = format!(r"\u0041{} NUMBER", "z".repeat(128));
    let rule = |number: u32| format!(r#"{{"id":"{}"}}"#, id.replace("NUMBER", &number.to_string()));
    let rules = (0..100_000).map(rule).collect::<Vec<_>>().join(",");
    for (output, report, words) in [
        ("json", fill(r#"{"errors":[],"issues":["#, "0", "]}"), "unsafe"),
        ("json", format!(r#"{{"issues":[{{"id":"{0}{0}"}}],"errors":[]}}"#, of("\\n")), "unsafe"),
        ("json", format!(r#"{{"errors":[],"issues":{}{}}}"#, of("["), of("]")), "unsafe"),
        ("sarif", fill(r#"{"version":"2.1.0","runs":[{"results":["#, "{}", "]}]}"), "safe"),
        (
            "sarif",
            format!(r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"rules":[{rules}]}}}},"results":[]}}]}}"#),
            "safe",
        ),
    ] {
        let (said, kib) = measured(folder.path(), output, &report);
        assert!(said.to_string().contains(words), "{said}");
        assert!(kib < MOST, "{kib} KiB for {}…", &report[..40]);
    }
}

/// What Bandit 1.9.4 writes, in part.
#[test]
fn the_report_of_the_contract_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("bandit");
    fs::create_dir(&own).unwrap();
    write(&own.join("plugin.toml"), block("toml", "# Bandit"), 0o644);
    let script = "#!/bin/sh\nwhile [ \"$1\" != --output ]; do shift; done\ncat \"${0%/*}/report\" >\"$2\"\nexit 1\n";
    write(&own.join("bandit"), script, 0o755);
    let check = |results: &str, errors: &str, loc: u32, code: i32, words: &str| {
        let totals = format!(r#"{{"_totals":{{"SEVERITY.HIGH":0,"loc":{loc},"nosec":0}}}}"#);
        let report = format!(r#"{{"errors":[{errors}],"metrics":{totals},"results":[{results}]}}"#);
        write(&own.join("report"), &report, 0o644);
        let (exited, said) = tried(own.to_str().unwrap(), &[]);
        assert_eq!(exited, code, "{said}");
        assert!(said.to_string().contains(words), "{words:?} is not in {said}");
    };
    let row = |severity: &str| {
        format!(r#"{{"filename":"artifact/1.py","issue_severity":"{severity}","issue_text":"shell","test_id":"B605"}}"#)
    };
    check("", "", 4, 0, r#""verdict":"safe""#);
    check("", "", 0, 0, "it scanned 0 of at least 1");
    check(&row("LOW"), "", 4, 0, r#""verdict":"safe""#);
    check(&row("MEDIUM"), "", 4, 0, r#""verdict":"unsafe""#);
    check(&row("UNDEFINED"), "", 4, 0, r#""verdict":"unsafe""#);
    check("", r#"{"filename":"artifact/1.py","reason":"syntax error"}"#, 4, 1, "its report tells of 1 errors");
}
