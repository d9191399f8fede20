//! Every scanner on every file of the corpus: who says what, as a table that is kept.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;

use crate::bench::{Bench, root, trivy};
use crate::clamd::Clamd;

const SCANNERS: [&str; 8] =
    ["pickle-imports", "picklescan", "modelscan", "fickling", "clamscan", "clamdscan", "yara", "trivy"];
/// Scanners that run at a time.
const AT_ONCE: usize = 4;
/// In these there is nothing that a scanner could have looked at.
const NOTHING: [&str; 4] = ["nothing", "empty", "encrypted zip", "forged names"];

/// The cases in the order of their making, each with its files.
fn corpus(bench: &Bench) -> Vec<(String, Vec<PathBuf>)> {
    let folder = bench.file("corpus");
    fs::create_dir(&folder).unwrap();
    let made = Command::new("python3").arg(root().join("tests/scanners/corpus.py")).arg(&folder).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let names = String::from_utf8(made.stdout).unwrap();
    let files = |name: &str| {
        let mut files: Vec<PathBuf> =
            fs::read_dir(folder.join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    };
    names.lines().map(|name| (name.to_owned(), files(name))).collect()
}

#[test]
fn every_scanner_says_of_every_file_what_the_table_has() {
    let bench = Bench::new();
    let _clamd = Clamd::start(&bench, "AlertEncrypted yes\nAlertExceedsMax yes\n");
    let cases = corpus(&bench);
    let expected = fs::read_to_string(root().join("tests/scanners/matrix.txt")).unwrap();
    let live = trivy();
    match &live {
        Some(folder) => eprintln!("trivy runs live, from {}", folder.display()),
        None => eprintln!("trivy is not installed: its recorded reports are its test, and its column stays as it is"),
    }
    let runs: Vec<(&str, &str, &[PathBuf])> = cases
        .iter()
        .flat_map(|(name, files)| SCANNERS.map(|scanner| (name.as_str(), scanner, files.as_slice())))
        .filter(|(_, scanner, _)| *scanner != "trivy" || live.is_some())
        .collect();
    let (next, said) = (Mutex::new(runs.iter()), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some((name, scanner, files)) = next.lock().unwrap().next() else { break };
                    let tried = bench.scan(scanner, files);
                    said.lock().unwrap().insert((*name, *scanner), (tried.verdict().to_owned(), tried.said));
                }
            });
        }
    });
    let said = said.into_inner().unwrap();
    let verdict = |name: &str, scanner: &str| {
        let given =
            |()| expected.lines().find(|line| line.starts_with(name)).and_then(|line| line.split_whitespace().last());
        said.get(&(name, scanner)).map(|(verdict, _)| verdict.as_str()).or_else(|| given(())).unwrap_or("?").to_owned()
    };
    let mut table = row("", &SCANNERS.map(str::to_owned));
    for (name, _) in &cases {
        table += &row(name, &SCANNERS.map(|scanner| verdict(name, scanner)));
    }
    let said = |name: &str, scanner: &str| said.get(&(name, scanner)).map(|(_, said)| said.to_string());
    for name in NOTHING {
        for scanner in SCANNERS {
            assert_ne!(verdict(name, scanner), "safe", "{scanner} on {name}: {:?}", said(name, scanner));
        }
    }
    if table != expected {
        for (name, _) in &cases {
            for scanner in SCANNERS {
                let line = row(name, &SCANNERS.map(|each| verdict(name, each)));
                if !expected.contains(&line) {
                    eprintln!("{name}, {scanner}: {}", said(name, scanner).unwrap_or_default());
                }
            }
        }
        panic!("the table is\n{table}\ninstead of\n{expected}");
    }
}

fn row(name: &str, cells: &[String]) -> String {
    let mut line = format!("{name:<22}");
    for cell in cells {
        write!(line, "{cell:<15}").unwrap();
    }
    format!("{}\n", line.trim_end())
}
