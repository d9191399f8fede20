//! The plugins that come with scanrelay, each run as the daemon would run it, by `scanrelay plugin test`.
#![expect(clippy::disallowed_methods, reason = "tests start the program that they test")]

#[path = "plugins/reports.rs"]
mod reports;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const CONTRACT: &str = include_str!("../plugins/README.md");
/// Scanners that run at a time: each is two processes.
const AT_ONCE: usize = 4;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn scanrelay() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scanrelay"));
    command.current_dir(root()).stdin(Stdio::null()).env_remove("SCANRELAY_CONFIG");
    command
}

/// What `plugin test PLUGIN --json` says, and its exit code.
fn tried(plugin: &str, more: &[&Path]) -> (i32, Value) {
    let Output { status, stdout, stderr } =
        scanrelay().args(["plugin", "test", plugin, "--json"]).args(more).output().unwrap();
    let said = serde_json::from_slice(&stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&stderr)));
    (status.code().unwrap(), said)
}

fn scanned(plugin: &str, files: &[PathBuf]) -> Value {
    let more: Vec<&Path> = files.iter().flat_map(|file| [Path::new("--file"), file]).collect();
    let (code, said) = tried(plugin, &more);
    assert_eq!(code, 0, "{files:?}: {said}");
    said
}

fn write(path: &Path, text: &str, mode: u32) -> PathBuf {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    path.to_owned()
}

#[derive(Debug, serde::Deserialize)]
struct Expected {
    verdict: String,
    finding: Option<String>,
}

#[test]
fn every_file_of_the_set_gets_the_right_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new("python3").arg(root().join("tests/plugins/pickles.py")).arg(folder.path()).status();
    assert!(made.unwrap().success());
    let expected = fs::read(folder.path().join("expected.json")).unwrap();
    let expected: BTreeMap<String, Expected> = serde_json::from_slice(&expected).unwrap();
    let of = |verdict: &str| expected.values().filter(|each| each.verdict == verdict).count();
    assert!(of("safe") > 10 && of("unsafe") > 80 && of("inconclusive") > 30, "{}", expected.len());

    let cases: Vec<(&String, &Expected)> = expected.iter().collect();
    let wrong = |(name, expected): &(&String, &Expected)| {
        let said = scanned("./plugins/pickle-imports", &[folder.path().join(name)]);
        let conclusion = &said["conclusion"];
        let found = conclusion["findings"].as_array().into_iter().flatten();
        let ids: Vec<&str> = found.filter_map(|finding| finding["id"].as_str()).collect();
        let right = conclusion["verdict"] == *expected.verdict
            && expected.finding.as_ref().is_none_or(|wanted| ids.iter().any(|id| id.contains(wanted.as_str())))
            && (expected.verdict == "unsafe" || ids.is_empty());
        (!right).then(|| format!("{name} should be {expected:?}, and is {conclusion}; log: {}", said["log"]))
    };
    let faults: Vec<String> = std::thread::scope(|scope| {
        let share = |from| cases.iter().skip(from).step_by(AT_ONCE).filter_map(wrong).collect::<Vec<_>>();
        let workers: Vec<_> = (0..AT_ONCE).map(|from| scope.spawn(move || share(from))).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_walk_sees_every_import_that_an_unpickler_would_make() {
    let run = Command::new("python3").arg(root().join("tests/plugins/differential.py")).args(["7", "30000"]).output();
    let run = run.unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stdout));
}

#[test]
fn one_file_speaks_for_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let golden = |name: &str| root().join("plugins/pickle-imports/golden").join(name);
    let check = |files: &[PathBuf], verdict: &str| {
        let said = scanned("./plugins/pickle-imports", files);
        assert_eq!(said["conclusion"]["verdict"], verdict, "{said}");
    };
    let strange = write(&folder.path().join("strange.bin"), "\0\u{1}", 0o600);
    check(&[golden("weights.in.pkl"), golden("words.in.txt")], "safe");
    check(&[golden("weights.in.pkl"), strange], "inconclusive");
    check(&[golden("weights.in.pkl"), golden("system.in.pkl")], "unsafe");
    check(&[], "inconclusive");
}

#[test]
fn no_file_of_the_model_becomes_a_module_of_the_scanner() {
    let folder = tempfile::tempdir().unwrap();
    let fake = "print('{\"type\":\"result\",\"verdict\":\"safe\"}')\nraise SystemExit(0)\n";
    let modules = ["pickletools.py", "json.py", "zlib.py", "sitecustomize.py", "usercustomize.py"];
    let mut files: Vec<PathBuf> = modules.iter().map(|name| write(&folder.path().join(name), fake, 0o644)).collect();
    let evil = root().join("plugins/pickle-imports/golden/system.in.pkl");
    files.push(evil.clone());
    let said = scanned("./plugins/pickle-imports", &files);
    assert_eq!(said["conclusion"]["verdict"], "unsafe", "{said}");

    // Even where the working directory and the script's own folder hold them under their own names.
    let script = folder.path().join("pickle-imports");
    let plugin = root().join("plugins/pickle-imports");
    fs::copy(plugin.join("pickle-imports"), &script).unwrap();
    std::os::unix::fs::symlink(plugin.join("pickle_imports"), folder.path().join("pickle_imports")).unwrap();
    let input = serde_json::json!({"artifact": {"files": [{"path": evil, "name": "system.pkl"}]}, "settings": {}});
    let document = write(&folder.path().join("event.json"), &input.to_string(), 0o600);
    let run = Command::new(&script).current_dir(folder.path()).stdin(fs::File::open(document).unwrap()).output();
    let said = String::from_utf8(run.unwrap().stdout).unwrap();
    assert!(said.contains("\"verdict\": \"unsafe\"") && !said.contains("\"verdict\":\"safe\""), "{said}");
}

#[test]
fn settings_let_a_class_of_your_own_pass() {
    let folder = tempfile::tempdir().unwrap();
    let unknown = root().join("plugins/pickle-imports/golden/unknown.in.pkl");
    let dotted = write(&folder.path().join("dotted.pkl"), "\u{0}", 0o600);
    fs::write(&dotted, b"\x80\x04\x8c\x0bacme.models\x8c\x06Net.os\x93.").unwrap();
    let check = |allow: &str, file: &Path, verdict: &str| {
        let text = format!(
            "plugin_path = [\"{}/plugins\"]\n[plugins.own]\nuse = \"pickle-imports\"\nsettings = {{ allow = [{allow}] }}\n",
            root().display()
        );
        let config = write(&folder.path().join("scanrelay.toml"), &text, 0o600);
        let mut run = scanrelay();
        run.arg("--config").arg(config).args(["plugin", "test", "own", "--json", "--file"]).arg(file);
        let said: Value = serde_json::from_slice(&run.output().unwrap().stdout).unwrap();
        assert_eq!(said["conclusion"]["verdict"], verdict, "{allow}: {said}");
    };
    check("", &unknown, "unsafe");
    check("\"acme.models.Net\"", &unknown, "safe");
    check("\"acme.models.*\"", &unknown, "safe");
    check("\"acme.*\", \"acme.models\"", &unknown, "unsafe");
    check("\"acme.models.*\"", &dotted, "unsafe");
}

#[test]
fn golden_input_gives_golden_output() {
    for plugin in ["announce", "pickle-imports"] {
        let folder = root().join("plugins").join(plugin).join("golden");
        let mut names: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.sort();
        let (outputs, inputs): (Vec<_>, Vec<_>) = names.iter().partition(|path| path.ends_with_name(".out.json"));
        assert!(inputs.len() > 2 && inputs.len() == outputs.len(), "{names:?}");
        for (input, output) in inputs.into_iter().zip(outputs) {
            let option = if input.ends_with_name(".in.json") { "--event" } else { "--file" };
            let (code, said) = tried(&format!("./plugins/{plugin}"), &[Path::new(option), input]);
            let expected: Value = serde_json::from_slice(&fs::read(output).unwrap()).unwrap();
            assert_eq!((code, &said["conclusion"]), (0, &expected), "{}", input.display());
            assert!(!said["progress"].as_array().unwrap().is_empty() || said["conclusion"]["status"] == "failed");
        }
    }
}

trait EndsWithName {
    fn ends_with_name(&self, end: &str) -> bool;
}

impl EndsWithName for PathBuf {
    fn ends_with_name(&self, end: &str) -> bool {
        self.to_string_lossy().ends_with(end)
    }
}

/// The code block of that language that begins so.
fn block(language: &str, begin: &str) -> &'static str {
    let blocks = CONTRACT.split("\n```").skip(1).step_by(2);
    let mut found = blocks.filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n'));
    found
        .find(|block| block.starts_with(begin))
        .unwrap_or_else(|| panic!("no block of {language} in plugins/README.md"))
}

#[test]
fn the_scanners_of_the_contract_work() {
    let folder = tempfile::tempdir().unwrap();
    let good = write(&folder.path().join("good.txt"), "a model\n", 0o600);
    let evil = write(&folder.path().join("evil.txt"), "an EVIL model\n", 0o600);
    for (language, begin) in [("sh", "#!/bin/sh"), ("python", "#!/usr/bin/env python3")] {
        let own = folder.path().join(language).join("words");
        fs::create_dir_all(&own).unwrap();
        write(&own.join("plugin.toml"), block("toml", "kind"), 0o644);
        write(&own.join("words"), &format!("{}\n", block(language, begin)), 0o755);
        let plugin = own.to_str().unwrap();
        let verdict = |files: &[PathBuf]| scanned(plugin, files)["conclusion"]["verdict"].clone();
        assert_eq!(verdict(std::slice::from_ref(&good)), "safe", "{language}");
        assert_eq!(verdict(&[good.clone(), evil.clone()]), "unsafe", "{language}");
        // Without a file neither may say that all is well.
        let (code, said) = tried(plugin, &[]);
        assert_ne!(said["conclusion"]["verdict"], "safe", "{language}, exit {code}");
    }
}

#[test]
fn an_attempt_that_fails_is_told_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("odd");
    fs::create_dir(&own).unwrap();
    write(&own.join("plugin.toml"), "kind = \"scanner\"\ncommand = [\"odd\"]\ntimeout = \"1m\"\n", 0o644);
    let check = |script: &str, code: i32, words: &str| {
        write(&own.join("odd"), &format!("#!/bin/sh\n{script}\n"), 0o755);
        let out = scanrelay().args(["plugin", "test", own.to_str().unwrap()]).output().unwrap();
        let said = String::from_utf8([out.stdout, out.stderr].concat()).unwrap();
        assert_eq!(out.status.code(), Some(code), "{script}: {said}");
        assert!(said.contains(words), "{script}: {said}");
    };
    let result = "echo '{\"type\":\"result\",\"verdict\":\"safe\"}'";
    check(result, 0, "verdict     safe");
    check(&format!("echo words; {result}; exit 3"), 1, "odd: exited with 3");
    check("echo words", 1, "log         words");
    check("exit 75", 1, "tried again later");
    check("echo '{\"type\":\"result\",\"status\":\"complete\"}'", 1, "it is configured as scanner");
    check(&format!("echo '{{\"type\":\"checkpoint\",\"data\":{{\"a\":1}}}}'; {result}"), 0, "checkpoint  {\"a\":1}");
    check(&format!("echo '{{\"type\":\"progress\",\"message\":\"half\",\"percent\":50}}'; {result}"), 0, "50 % half");
    check(&format!("grep -q '\"artifact\":null' && ! [ -e artifact ] && {result}"), 0, "verdict     safe");
}

#[test]
fn wrong_arguments_are_2_and_name_the_cure() {
    let check = |arguments: &[&str], words: &str| {
        let out = scanrelay().arg("plugin").args(arguments).output().unwrap();
        let said = String::from_utf8(out.stderr).unwrap();
        assert_eq!(out.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
    };
    check(
        &["test", "nope", "--plugin-path", "plugins"],
        "plugins.nope: there is no such plugin: scanrelay plugin list",
    );
    check(&["test", "./plugins/nope"], "plugins.nope: there is no such plugin");
    check(&["test", "./plugins/announce", "--event", "/nowhere"], "--event /nowhere: ");
    check(&["test", "./plugins/announce", "--event", "Cargo.toml"], "is no event");
    check(&["test", "./plugins/announce", "--file", "/nowhere"], "--file /nowhere: ");
    check(&["test"], "required");
}

#[test]
fn the_list_names_what_is_found_where_and_who_uses_it() {
    let list = |arguments: &[&str]| -> Vec<Value> {
        let out = scanrelay().args(arguments).args(["plugin", "list", "--json"]).output().unwrap();
        serde_json::from_slice(&out.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&out.stderr)))
    };
    let config = "examples/try/scanrelay.toml";
    let found = list(&["--config", config]);
    let about = |name: &str| found.iter().find(|plugin| plugin["name"] == name).unwrap_or_else(|| panic!("{found:?}"));
    assert_eq!(about("look")["routes"], serde_json::json!([1]));
    assert_eq!(about("look")["kind"], "scanner");
    // The packaged ones are searched last: the configuration's own announce stands before them.
    assert!(about("announce")["from"].as_str().unwrap().ends_with("examples/try/plugins/announce"));
    assert_eq!(about("pickle-imports")["from"], "packaged");
    assert!(found.iter().all(|plugin| plugin["fault"].is_null()), "{found:?}");
    let out = scanrelay().args(["--config", config, "plugin", "list"]).output().unwrap();
    let table = String::from_utf8(out.stdout).unwrap();
    assert!(table.contains("NAME") && table.contains("pickle-imports"), "{table}");
}
