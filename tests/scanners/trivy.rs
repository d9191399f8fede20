//! Trivy: live where it is installed, and by recorded reports everywhere.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::bench::{Bench, Tried, path_with, root, trivy};

/// A program called trivy, which writes a recorded report and ends with that code.
fn recorded(bench: &Bench, report: &str, code: u8) -> PathBuf {
    let report = bench.write("recorded.json", report.as_bytes());
    let script = format!(
        "#!/bin/sh\necho \"$*\" >&2\nwhile [ \"$1\" != --output ]; do shift; done\ncat {} >\"$2\"\nexit {code}\n",
        report.display()
    );
    bench.program("recorded", "trivy", &script)
}

fn recording(name: &str) -> String {
    fs::read_to_string(root().join(format!("tests/scanners/trivy/{name}.json"))).unwrap()
}

fn configure(bench: &Bench, trivy: &Path, settings: &str) {
    let settings = format!("cache = \"{}\", {settings}", bench.file("cache").display());
    // A recording is read where it lies, and an image is pulled.
    let (path, reads) = (path_with(trivy), bench.file("recorded.json").parent().unwrap().display().to_string());
    bench.configure("trivy", &format!("[plugins.trivy]\nread = [\"{reads}\"]\nnetwork = true\nenv = {{ PATH = \"{path}\" }}\nsettings = {{ {settings} }}\n"));
}

/// Of what the recordings are: a Dockerfile, a pickle, a list of packages, and a text with a key.
fn model(bench: &Bench) -> Vec<PathBuf> {
    // In two parts, so that no scanner of secrets takes this file for what it makes.
    let key = ["aws_access_key_id = AKIA", "IOSFODNN7EXAMPLQ\n"].concat();
    vec![
        bench.write("Dockerfile", b"FROM debian\nRUN id\n"),
        bench.write("model.pkl", b"\x80\x04\x95\0\0\0\0\0\0\0\0"),
        bench.write("requirements.txt", b"requests==2.19.0\n"),
        bench.write("settings.txt", key.as_bytes()),
    ]
}

fn check_model(tried: &Tried) {
    let findings = [
        "medium DS-0001 Dockerfile",
        "high DS-0002 Dockerfile",
        "low DS-0026 Dockerfile",
        "critical aws-access-key-id settings.txt",
    ];
    assert_eq!(tried.findings(), findings, "{}", tried.said);
    assert_eq!((tried.verdict(), tried.summary()), ("unsafe", "it scanned 3 of 4 files"));
}

#[test]
fn a_model_s_lists_and_texts_are_scanned_and_its_pickle_is_not() {
    let bench = Bench::new();
    let files = model(&bench);
    let settings = "scanners = [\"secret\", \"misconfig\"]";
    configure(&bench, &recorded(&bench, &recording("files"), 0), settings);
    check_model(&bench.run("trivy", "trivy", &files, None));
    if let Some(trivy) = trivy() {
        configure(&bench, &trivy, settings);
        check_model(&bench.run("trivy", "trivy", &files, None));
    }
}

/// A Dockerfile with a finding that has a line, silenced in each of the ways that Trivy 0.76 knows, and the rest of it as it stood.
#[test]
fn what_a_model_says_to_trivy_is_not_heard() {
    let Some(trivy) = trivy() else {
        eprintln!("trivy is not installed: that it is not silenced is seen with it alone");
        return;
    };
    let bench = Bench::new();
    configure(&bench, &trivy, "scanners = [\"secret\", \"misconfig\"]");
    let check = |mute: &str| {
        let text = format!("{mute}\nFROM debian\nUSER trivy:ignorant\n{mute}\nENV AWS_SECRET_ACCESS_KEY=abc\n");
        let tried = bench.run("trivy", "trivy", &[bench.write("Dockerfile", text.as_bytes())], None);
        let expected = ["medium DS-0001 Dockerfile", "low DS-0026 Dockerfile", "critical DS-0031 Dockerfile"];
        assert_eq!((tried.findings(), tried.verdict()), (expected.map(str::to_owned).to_vec(), "unsafe"), "{mute}");
    };
    check("# the same without");
    for mute in ["#trivy:ignore:*", "# x tfsec:ignore:DS-0031 trivy:ignore:DS-00*", "#*trivy:exp:2999-01-01:ignore:*"] {
        check(mute);
    }
}

#[test]
fn what_is_too_large_to_be_copied_is_scanned_unless_it_speaks_to_trivy() {
    let bench = Bench::new();
    let reported = |files: &[PathBuf]| {
        configure(
            &bench,
            &recorded(
                &bench,
                r#"{"SchemaVersion":2,"Results":[{"Target":"1/poetry.lock","Packages":[{"Name":"x"}]}]}"#,
                0,
            ),
            "max_age_days = 0",
        );
        bench.run("trivy", "trivy", files, None)
    };
    let large = |words: &str| {
        let path = bench.write("poetry.lock", b"");
        let file = fs::File::create(&path).unwrap();
        file.set_len(65 << 20).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, words.as_bytes(), 64 << 20).unwrap();
        path
    };
    assert_eq!(reported(&[large("# trivial: a comment")]).verdict(), "safe");
    let tried = reported(&[large("#trivy:ignore:*")]);
    assert_eq!(tried.verdict(), "inconclusive", "{}", tried.said);
    assert!(tried.summary().ends_with("without its comments for Trivy: poetry.lock"), "{}", tried.summary());
}

/// No database can be had in tests: the row is written after Trivy's documentation of its report.
#[test]
fn a_vulnerable_package_is_a_finding_of_its_own_severity() {
    let bench = Bench::new();
    let files = model(&bench);
    let check = |severity: &str, verdict: &str, said: &str| {
        let row = json!({"VulnerabilityID": "CVE-2018-18074", "PkgName": "requests", "InstalledVersion": "2.19.0",
            "FixedVersion": "2.20.0", "Status": "fixed", "Severity": severity, "Title": "Redirect leaks credentials"});
        let mut report: Value = serde_json::from_str(&recording("files")).unwrap();
        let packages = json!({"Target": "3/requirements.txt", "Class": "lang-pkgs", "Type": "pip",
            "Packages": report["Results"][0]["Packages"], "Vulnerabilities": [row]});
        report["Results"] = json!([packages]);
        configure(&bench, &recorded(&bench, &report.to_string(), 0), "max_age_days = 0");
        let tried = bench.run("trivy", "trivy", &files, None);
        assert_eq!((tried.verdict(), tried.findings()), (verdict, vec![said.to_owned()]), "{}", tried.said);
    };
    check("HIGH", "unsafe", "high CVE-2018-18074 requirements.txt");
    check("UNKNOWN", "unsafe", "high CVE-2018-18074 requirements.txt");
    check("MEDIUM", "safe", "medium CVE-2018-18074 requirements.txt");
}

#[test]
fn a_report_that_proves_nothing_is_not_safe() {
    let bench = Bench::new();
    let files = model(&bench);
    let check = |report: &str, code: u8, verdict: &str| {
        configure(&bench, &recorded(&bench, report, code), "max_age_days = 0");
        let tried = bench.run("trivy", "trivy", &files, None);
        assert_eq!(tried.verdict(), verdict, "{report}: {}", tried.said);
    };
    check(r#"{"SchemaVersion":2}"#, 0, "inconclusive");
    check(r#"{"SchemaVersion":2,"Results":[{"Target":"3/requirements.txt","Class":"lang-pkgs"}]}"#, 0, "inconclusive");
    check(r#"{"SchemaVersion":2,"Results":[{"Target":"elsewhere.txt","Packages":[{"Name":"x"}]}]}"#, 0, "inconclusive");
    check(r#"{"SchemaVersion":3}"#, 0, "error");
    check(&recording("files"), 1, "error");
    check("", 0, "error");
}

#[test]
fn without_a_vulnerability_database_or_with_an_old_one_it_is_an_error() {
    let bench = Bench::new();
    let files = model(&bench);
    configure(&bench, &recorded(&bench, &recording("files"), 0), "");
    let check = |words: &str| {
        let tried = bench.run("trivy", "trivy", &files, None);
        assert_eq!(tried.verdict(), "error", "{}", tried.said);
        assert!(tried.log().contains(words), "{}", tried.log());
    };
    check("there is no vulnerability database in");
    fs::create_dir_all(bench.file("cache/db")).unwrap();
    bench.write("cache/db/metadata.json", br#"{"Version":2,"UpdatedAt":"2020-01-02T03:04:05.678901234Z"}"#);
    check("more than 7 days old");
    bench.write("cache/db/metadata.json", br#"{"Version":2,"UpdatedAt":"2999-01-02T03:04:05.678901234Z"}"#);
    assert_eq!(bench.run("trivy", "trivy", &files, None).verdict(), "unsafe");
    if let Some(trivy) = trivy() {
        // The note of its age alone is no database, as Trivy itself says.
        configure(&bench, &trivy, "");
        check("trivy exited with 1");
    }
    let path = path_with(&recorded(&bench, &recording("files"), 0));
    let reads = format!("read = [\"{}\"]", bench.file("recorded.json").parent().unwrap().display());
    bench.configure("trivy", &format!("[plugins.trivy]\ncache = true\n{reads}\nenv = {{ PATH = \"{path}\" }}\n"));
    let cache = bench.file("cache");
    let tried = bench.run_with("trivy", "trivy", &files, &[("--cache", &cache)]);
    assert_eq!(tried.verdict(), "unsafe", "{}", tried.said);
    bench.configure("trivy", &format!("[plugins.trivy]\nenv = {{ PATH = \"{path}\" }}\n"));
    check("set settings.cache, or cache = true");
}

/// The document of a run: with the image of its event's build, or without.
fn input(bench: &Bench, pinned: Option<&str>) -> PathBuf {
    let run = json!({"id": "r", "attempt": 1, "deadline": 1});
    let event = json!({"kind": "scan_request", "registry": "verta"});
    let mut input = json!({"protocol": 1, "run": run, "plugin": "trivy", "event": event, "artifact": null, "checkpoint": null, "settings": {}});
    if let Some(pinned) = pinned {
        input["image"] = json!({"reference": "registry.example.com/fraud:1", "digest": "", "pinned": pinned});
    }
    bench.write("event.json", input.to_string().as_bytes())
}

#[test]
fn only_an_image_that_the_daemon_has_found_is_asked_for() {
    let bench = Bench::new();
    let settings = "target = \"image\", scanners = [\"secret\"]";
    configure(&bench, &recorded(&bench, &recording("image"), 0), settings);
    let check = |image: Option<&str>, verdict: &str| {
        let tried = bench.run("trivy", "trivy", &[], Some(&input(&bench, image)));
        assert_eq!(tried.verdict(), verdict, "{image:?}: {}", tried.said);
        tried
    };
    let digest = format!("sha256:{}", "0f".repeat(32));
    let fraud = format!("registry.example.com/team/fraud@{digest}");
    let tried = check(Some(&fraud), "unsafe");
    assert_eq!(tried.findings(), ["critical aws-access-key-id /app/settings.ini"]);
    assert!(tried.log().contains("image --cache-dir") && tried.log().contains(&format!(" -- {fraud}")));
    check(Some(&format!("127.0.0.1:5000/fraud@{digest}")), "unsafe");
    check(None, "inconclusive");
    for bad in [
        "--config=/etc/passwd",
        "registry.example.com/fraud:1",
        "fraud",
        "",
        &format!("{fraud}\n"),
        &format!("-{fraud}"),
    ] {
        let tried = check(Some(bad), "error");
        assert!(!tried.log().contains("--cache-dir"), "{bad}: {}", tried.log());
    }
    // With packages to be looked for, layers alone prove nothing.
    let mut report: Value = serde_json::from_str(&recording("image")).unwrap();
    report.as_object_mut().unwrap().remove("Results");
    let with = format!("{settings}, max_age_days = 0");
    configure(&bench, &recorded(&bench, &report.to_string(), 0), &with);
    check(Some(&fraud), "safe");
    configure(&bench, &recorded(&bench, &report.to_string(), 0), &with.replace("\"secret\"", "\"vuln\""));
    check(Some(&fraud), "inconclusive");
}

struct Registry(Child);

impl Drop for Registry {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn an_image_is_pulled_from_its_registry_and_scanned() {
    let Some(trivy) = trivy() else {
        eprintln!("trivy is not installed: its recorded report of an image is its test");
        return;
    };
    let bench = Bench::new();
    let mut start = Command::new("python3");
    start.arg(root().join("tests/scanners/registry.py")).stdout(Stdio::piped());
    let mut registry = Registry(start.spawn().unwrap());
    let mut port = String::new();
    BufReader::new(registry.0.stdout.take().unwrap()).read_line(&mut port).unwrap();
    let registry_at = format!("127.0.0.1:{}", port.trim());
    configure(&bench, &trivy, "target = \"image\", scanners = [\"secret\"]");
    let check = |image: &str, verdict: &str| {
        let image = format!("{registry_at}/{image}");
        let tried = bench.run("trivy", "trivy", &[], Some(&input(&bench, Some(&image))));
        assert_eq!(tried.verdict(), verdict, "{image}: {}", tried.said);
        tried
    };
    let digest = |name: &str| {
        let url = format!("http://{registry_at}/v2/{name}/manifests/1");
        let manifest = Command::new("curl").args(["-sSf", &url]).output().unwrap();
        assert!(manifest.status.success(), "{manifest:?}");
        base16ct::lower::encode_string(&Sha256::digest(manifest.stdout))
    };
    let [clean, leaking] = ["clean", "leaking"].map(|name| format!("{name}@sha256:{}", digest(name)));
    assert!(check(&clean, "safe").summary().starts_with("it scanned 1 layer of "));
    assert_eq!(check(&leaking, "unsafe").findings(), ["critical aws-access-key-id /app/settings.ini"]);
    check(&format!("clean@sha256:{}", "0f".repeat(32)), "error");
}
