//! Scanners that are not there, cannot start, or look at half of it: none of these is ever "safe", and each is told.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bench::{Bench, Tried, root};
use crate::clamd::Clamd;

fn weights() -> PathBuf {
    root().join("plugins/pickle-imports/golden/weights.in.pkl")
}

/// A folder with `python3`, and with nothing else that a plugin calls.
fn bare(bench: &Bench, name: &str) -> PathBuf {
    let python = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output().unwrap();
    let folder = bench.file(name);
    fs::create_dir(&folder).unwrap();
    symlink(String::from_utf8(python.stdout).unwrap().trim(), folder.join("python3")).unwrap();
    folder
}

fn check_error(tried: &Tried, words: &str) {
    assert_eq!(tried.verdict(), "error", "{}", tried.said);
    assert!(tried.log().contains(words), "{words:?} is not in {:?}", tried.log());
}

fn check_unread(tried: &Tried, words: &str) {
    assert_eq!(tried.verdict(), "inconclusive", "{}", tried.said);
    assert!(tried.summary().contains(words), "{words:?} is not in {:?}", tried.summary());
}

#[test]
fn a_tool_that_is_not_installed_is_an_error_with_its_cure() {
    let bench = Bench::new();
    let path = bare(&bench, "bare");
    for (plugin, settings, cure) in [
        ("picklescan", "", "pip install picklescan"),
        ("modelscan", "", "pip install modelscan"),
        ("fickling", "", "pip install fickling"),
        ("clamav", "", "apt install clamav"),
        ("yara", "rules = \"RULES\"", "apt install yara"),
        ("trivy", "max_age_days = 0, cache = \"/nowhere\"", "trivy is not found in PATH"),
    ] {
        let settings = settings.replace("RULES", &root().join("tests/scanners/rules").display().to_string());
        let env = format!("env = {{ PATH = \"{}\" }}", path.display());
        bench.configure("bare", &format!("[plugins.{plugin}]\n{env}\nsettings = {{ {settings} }}\n"));
        check_error(&bench.run("bare", plugin, &[weights()], None), cure);
    }
}

/// With fickling 0.1.12 as it comes this is exit code 1, which is also its word for "unsafe".
#[test]
fn a_library_that_lacks_a_dependency_is_an_error() {
    let bench = Bench::new();
    let path = bare(&bench, "half");
    for (plugin, words) in [
        ("picklescan", "has no picklescan"),
        ("modelscan", "cannot import modelscan"),
        ("fickling", "cannot import fickling"),
    ] {
        bench.program("half", plugin, "#!/bin/sh\nexit 1\n");
        let env = format!("env = {{ PATH = \"{}:/usr/bin:/bin\" }}", path.display());
        bench.configure("half", &format!("[plugins.{plugin}]\n{env}\n"));
        check_error(&bench.run("half", plugin, &[weights()], None), words);
    }
}

fn yara(bench: &Bench, rules: &str, file: &Path) -> Tried {
    fs::create_dir_all(bench.file("rules")).unwrap();
    bench.write("rules/one.yara", rules.as_bytes());
    bench.configure(
        "yara",
        &format!("[plugins.yara]\nsettings = {{ rules = \"{}\" }}\n", bench.file("rules").display()),
    );
    bench.run("yara", "yara", &[file.to_owned()], None)
}

#[test]
fn yara_is_believed_only_where_it_has_nothing_to_complain_of() {
    let bench = Bench::new();
    let many = bench.write("many.txt", &vec![b'z'; 2_000_000]);
    let padded = "rule padded { strings: $a = \"z\" condition: #a > 3000000 }";
    check_error(&yara(&bench, padded, &many), "too many matches");
    check_error(&yara(&bench, "rule broken {", &many), "yarac cannot compile");
    assert_eq!(yara(&bench, "rule other { strings: $a = \"zy\" condition: $a }", &many).verdict(), "safe");
    let few = bench.write("few.txt", b"zzzy");
    let low = yara(&bench, "rule low { meta: severity = \"low\" strings: $a = \"zz\" condition: $a }", &few);
    assert_eq!((low.verdict(), low.findings()), ("safe", vec!["low low few.txt".to_owned()]));
    let plain = yara(&bench, "rule plain { strings: $a = \"zzz\" condition: $a }", &few);
    assert_eq!((plain.verdict(), plain.findings()), ("unsafe", vec!["high plain few.txt".to_owned()]));
    fs::remove_file(bench.file("rules/one.yara")).unwrap();
    check_error(&bench.run("yara", "yara", &[many], None), "there is no *.yar in");
}

#[test]
fn clamscan_without_a_database_or_with_an_old_one_is_an_error() {
    let bench = Bench::new();
    let check = |settings: &str, words: &str| {
        let settings = settings.replace("FOLDER", &bench.file("").display().to_string());
        bench.configure("clamav", &format!("[plugins.clamav]\nsettings = {{ {settings} }}\n"));
        check_error(&bench.run("clamav", "clamav", &[weights()], None), words);
    };
    check("database = \"FOLDER/nowhere\", max_age_days = 0", "ClamAV exited with 2");
    check("database = \"FOLDER/database\"", "older than 7 days");
}

#[test]
fn clamscan_takes_the_database_of_its_cache() {
    let bench = Bench::new();
    let marked = root().join("plugins/clamav/golden/marked.in.txt");
    bench.configure("clamav", "[plugins.clamav]\ncache = true\nsettings = { max_age_days = 0 }\n");
    let with =
        |folder: &Path| bench.run_with("clamav", "clamav", std::slice::from_ref(&marked), &[("--cache", folder)]);
    assert_eq!(with(&bench.file("database")).findings(), ["critical Test.Marked.UNOFFICIAL marked.in.txt"]);
    fs::create_dir(bench.file("nothing")).unwrap();
    check_error(&with(&bench.file("nothing")), "ClamAV exited with 2");
}

#[test]
fn what_is_too_large_for_clamav_is_not_scanned() {
    let bench = Bench::new();
    let large = bench.write("large.bin", &vec![0; 2 << 20]);
    let settings = format!("database = \"{}\", max_age_days = 0, max_mib = 1", bench.file("database").display());
    bench.configure("clamav", &format!("[plugins.clamav]\nsettings = {{ {settings} }}\n"));
    check_unread(
        &bench.run("clamav", "clamav", &[large.clone(), weights()], None),
        "large.bin: Heuristics.Limits.Exceeded",
    );
    let _clamd = Clamd::start(&bench, "AlertEncrypted yes\nAlertExceedsMax yes\nMaxFileSize 1M\n");
    check_unread(&bench.scan("clamdscan", &[large, weights()]), "large.bin: Heuristics.Limits.Exceeded");
}

#[test]
fn clamd_has_to_say_what_it_does_not_look_into() {
    let bench = Bench::new();
    for (config, words) in [
        ("", "AlertEncrypted yes"),
        ("AlertEncrypted yes\n", "AlertExceedsMax yes"),
        ("AlertExceedsMax yes\n", "AlertEncrypted yes"),
    ] {
        let _clamd = Clamd::start(&bench, config);
        check_error(&bench.scan("clamdscan", &[weights()]), words);
    }
    check_error(&bench.scan("clamdscan", &[weights()]), "ClamAV exited with 2");
    let _clamd = Clamd::start(&bench, "AlertEncrypted yes\nAlertExceedsMax yes\n");
    assert_eq!(bench.scan("clamdscan", &[weights()]).verdict(), "safe");
    let socket = format!("settings = {{ socket = \"{}\" }}", bench.socket().display());
    bench.configure("aged", &format!("[plugins.clamav]\n{socket}\n"));
    check_error(&bench.run("aged", "clamav", &[weights()], None), "does not say how old its database is");
}

/// It goes by extensions, and of what it passes over its report says no more than a number.
#[test]
fn modelscan_is_believed_only_where_it_has_looked() {
    let bench = Bench::new();
    let evil = root().join("plugins/modelscan/golden/system.in.pkl");
    let bytes = fs::read(&evil).unwrap();
    let cut_off = bench.write("cut-off.pkl", &bytes[..bytes.len() - 2]);
    let check = |files: &[&PathBuf], expected: &str, words: &str| {
        let tried = bench.scan("modelscan", &files.iter().map(|file| (*file).clone()).collect::<Vec<_>>());
        assert_eq!(tried.verdict(), expected, "{files:?}: {}", tried.said);
        assert!(tried.summary().contains(words), "{words:?} is not in {:?}", tried.summary());
    };
    check(&[&cut_off], "inconclusive", "cut-off.pkl: Parsing error");
    check(&[&bench.write("empty.pkl", b"")], "inconclusive", "empty.pkl: Parsing error");
    check(&[&weights(), &cut_off], "inconclusive", "scanned 1 of 2 files; not read: cut-off.pkl");
    check(&[&cut_off, &evil], "unsafe", "");
    check(&[&weights(), &evil], "unsafe", "");
    check(&[&weights(), &bench.write("evil.weights", &bytes)], "unsafe", "");
    check(&[&weights(), &bench.write("evil", &bytes)], "unsafe", "");
    check(&[&weights(), &bench.write("evil.bin", &bytes)], "unsafe", "");
    check(&[&weights(), &bench.write("evil.txt", b"cposix\nsystem\n(S'id'\ntR.")], "unsafe", "");
    check(&[&weights(), &bench.write("half.weights", &bytes[..bytes.len() - 2])], "inconclusive", "half.weights: ");
    check(&[&weights(), &bench.write("other.bin", b"\0\0")], "inconclusive", "other.bin: Invalid magic number");
    let texts = [bench.write("README.md", b"# A model\n"), bench.write("config.json", b"{}\n")];
    check(&[&weights(), &texts[0], &texts[1]], "safe", "it scanned 1 of 3 files");
    // Its scan breaks off at the second member, which is packed in a way that nobody knows.
    let zip = bench.file("broken.zip");
    let packed = "import sys, zipfile\nwith zipfile.ZipFile(sys.argv[2], 'w') as archive:\n    archive.write(sys.argv[1], 'a.pkl')\n    archive.write(sys.argv[1], 'b.pkl')\nwith open(sys.argv[2], 'r+b') as file:\n    data = bytearray(file.read())\n    data[data.rindex(b'PK\\1\\2') + 10] = data[data.rindex(b'PK\\3\\4') + 8] = 99\n    file.seek(0)\n    file.write(data)\n";
    let made = Command::new("python3").args(["-c", packed]).args([&evil, &zip]).status().unwrap();
    assert!(made.success());
    check(&[&zip], "unsafe", "NotImplementedError");
    // What begins with a pickle's two bytes and goes on as none, as one tensor in many does.
    check(&[&weights(), &bench.write("tensor", b"\x80\x02\xff\xff")], "safe", "it scanned 1 of 2 files");
    let hdf = bench.write("model.weights", b"\x89HDF\r\n\x1a\n");
    check_error(&bench.scan("modelscan", &[weights(), hdf.clone()]), "install modelscan with h5py extras");
    check(&[&evil, &hdf], "unsafe", "");
}
