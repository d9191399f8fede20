//! What a plugin is confined to.

use super::super::cell::Sandbox;
use super::*;

/// The scanner's cell with these keys, after `general` lines.
fn cell(general: &str, keys: &str) -> super::super::Cell {
    let place = Place::new();
    place.load(&format!("{general}\n{SCANNER}{keys}\n")).unwrap().plugins["scan"].cell.clone()
}

#[test]
fn nothing_is_let_do_unless_it_is_said() {
    let strict = cell("", "");
    assert_eq!((strict.sandbox, strict.network, strict.local_sockets), (Sandbox::Auto, false, false));
    assert!(strict.read.is_empty() && strict.write.is_empty() && strict.user.is_none());
    let bounds = strict.bounds;
    assert_eq!((bounds.memory, bounds.file_size, bounds.disk), (4 << 30, 4 << 30, 8 << 30));
    assert_eq!((bounds.cpu.as_secs(), bounds.open_files, bounds.processes), (3600, 1024, 512));
    let open = cell("", "network = true\nread = [\"/a\"]\nlimits = { memory = \"1GiB\", processes = 7 }");
    assert_eq!(
        (open.network, open.read, open.bounds.memory, open.bounds.processes),
        (true, vec!["/a".into()], 1 << 30, 7)
    );
    assert_eq!(open.bounds.disk, bounds.disk, "what is not said is as ever");
}

#[test]
fn a_plugin_may_have_another_word_than_the_general_one() {
    let check =
        |general: &str, own: &str, expected| assert_eq!(cell(general, own).sandbox, expected, "{general} {own}");
    check("sandbox = \"require\"", "", Sandbox::Require);
    check("sandbox = \"require\"", "sandbox = \"off\"", Sandbox::Off);
    check("sandbox = \"off\"", "sandbox = \"auto\"", Sandbox::Auto);
}

#[test]
fn a_manifest_s_cell_can_be_widened_by_the_configuration_alone() {
    let manifest =
        "kind = \"scanner\"\ncommand = [\"scan\"]\nread = [\"/a\"]\nlimits = { processes = 7, memory = \"1GiB\" }\n";
    let place = Place::new();
    place.write("plugins/own/plugin.toml", manifest, 0o644);
    place.write("plugins/own/scan", "#!/bin/sh\n", 0o755);
    let read = |keys: &str| place.load(&format!("[plugins.own]\n{keys}")).unwrap().plugins["own"].cell.clone();
    let folder = place.folder.path().join("plugins/own");
    assert_eq!(read("").read, ["/a".into(), folder.clone()]);
    let wider = read("read = [\"/b\"]\nnetwork = true\nlimits = { processes = 9 }");
    assert_eq!((wider.read, wider.network), (vec!["/b".into(), folder], true));
    assert_eq!((wider.bounds.processes, wider.bounds.memory), (9, 1 << 30));
    for (key, value) in [("sandbox", "off"), ("run_as", "nobody")] {
        place.write("plugins/own/plugin.toml", &format!("{manifest}{key} = \"{value}\"\n"), 0o644);
        let refused = place.load("[plugins.own]").unwrap_err();
        assert!(refused.contains(&format!("{key}: it stands in the configuration, not in a manifest")), "{refused}");
    }
}

#[test]
fn what_cannot_be_is_refused_with_the_cure() {
    let with = |keys: &str| format!("{SCANNER}{keys}\n");
    refused("sandbox = \"yes\"", "sandbox: \"yes\" is none of auto, require, off");
    refused(&with("read = [\"rules\"]"), "plugins.scan.read: rules is no absolute path");
    refused(&with("limits = { processes = 0 }"), "plugins.scan.limits.processes: 0 is out of bounds");
    refused(&with("limits = { memory = \"1KiB\" }"), "plugins.scan.limits.memory: 1024 bytes are out of bounds");
    refused(&with("limits = { proceses = 1 }"), "plugins.scan.limits.proceses: unknown key, did you mean processes?");
    refused(&with("sandbox = \"off\"\nrun_as = \"nobody\""), "plugins.scan.run_as: without a cell");
    let missing = with("run_as = \"no such user\"");
    let root = nix::unistd::geteuid().is_root();
    refused(&missing, if root { "there is no user \"no such user\"" } else { "only root can become" });
    if root {
        refused(&with("run_as = \"root\""), "root is nobody to be confined to");
    }
}

#[test]
fn whoever_lets_a_plugin_near_the_store_or_the_configuration_is_warned() {
    let place = Place::new();
    std::os::unix::fs::symlink(place.folder.path(), place.folder.path().join("link")).unwrap();
    let warnings = |store: &str, keys: &str| {
        let warnings = place.load(&format!("[store]\nurl = \"sqlite:{store}\"\n{SCANNER}{keys}\n")).unwrap().warnings;
        let mut of_plugin: Vec<String> =
            warnings.into_iter().filter(|warning| warning.contains("plugins.scan")).collect();
        for warning in &mut of_plugin {
            *warning = warning.replace(&place.folder.path().display().to_string(), "FOLDER");
        }
        of_plugin
    };
    let told = |key: &str, path: &str, what: &str| {
        format!("plugins.scan.{key} = {path} opens {what} to it: name only what it needs")
    };
    let (inside, outside) = ("FOLDER/data/relay.db", "/elsewhere/relay.db");
    for key in ["read", "write"] {
        let check = |store: &str, paths: &str, expected: &[String]| {
            assert_eq!(warnings(store, &format!("{key} = {paths}")), expected, "{key} {paths}");
        };
        check(inside, "[\"/rules\", \"FOLDER/data\"]", &[told(key, "FOLDER/data", "the store")]);
        check(outside, "[\"FOLDER\"]", &[told(key, "FOLDER", "the configuration")]);
        let both = |path: &str| [told(key, path, "the store"), told(key, path, "the configuration")];
        check(inside, "[\"/\"]", &both("/"));
        check(inside, "[\"FOLDER/link\"]", &both("FOLDER/link"));
        check(inside, "[\"FOLDER/data/rules\", \"FOLDER/database\"]", &[]);
    }
    assert!(warnings(inside, "read = [\"/\"]\nsandbox = \"off\"").is_empty());
}
