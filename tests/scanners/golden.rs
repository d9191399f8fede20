//! The golden input and output that stand in a plugin's folder: what it is given, and what is made of it.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::bench::{Bench, root, trivy};

fn check(bench: &Bench, folder: &str, plugin: &str) {
    let folder = root().join("plugins").join(folder).join("golden");
    let mut names: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    let is_output = |path: &&PathBuf| path.to_string_lossy().ends_with(".out.json");
    let (outputs, inputs): (Vec<_>, Vec<_>) = names.iter().partition(is_output);
    assert!(inputs.len() > 1 && inputs.len() == outputs.len(), "{names:?}");
    for (input, output) in inputs.into_iter().zip(outputs) {
        let tried = bench.scan(plugin, std::slice::from_ref(input));
        let mut expected: Value = serde_json::from_slice(&fs::read(output).unwrap()).unwrap();
        // What Debian has is another version tomorrow, so its golden one ends with an ellipsis.
        let version = tried.said["conclusion"]["version"].as_str().unwrap_or_default();
        let written = expected["version"].as_str().and_then(|written| written.strip_suffix('…'));
        if written.is_some_and(|begin| version.starts_with(begin) && version.len() > begin.len()) {
            expected["version"] = version.into();
        }
        assert_eq!(tried.said["conclusion"], expected, "{plugin}, {}: {}", input.display(), tried.said);
    }
}

#[test]
fn golden_input_gives_golden_output() {
    let bench = Bench::new();
    for plugin in ["picklescan", "modelscan", "fickling", "yara"] {
        check(&bench, plugin, plugin);
    }
    check(&bench, "clamav", "clamscan");
    if trivy().is_some() {
        check(&bench, "trivy", "trivy");
    }
}

/// All that may be wrong with it on this machine is that something of it is not there.
#[test]
fn the_toml_of_each_readme_is_a_configuration() {
    let bench = Bench::new();
    for plugin in ["picklescan", "modelscan", "fickling", "clamav", "yara", "trivy"] {
        let readme = fs::read_to_string(root().join("plugins").join(plugin).join("README.md")).unwrap();
        let blocks: Vec<&str> = readme.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
        assert!(!blocks.is_empty(), "{plugin}");
        for block in blocks {
            bench.configure("readme", block);
            let config: toml::Table = block.parse().unwrap();
            let list = bench.list("readme");
            for (name, about) in config["plugins"].as_table().unwrap() {
                let uses = about.get("use").and_then(toml::Value::as_str).unwrap_or(name);
                assert_eq!(uses, plugin, "{block}");
                let listed = list.iter().find(|listed| listed["name"] == *name).unwrap();
                let fault = listed["fault"].as_str().unwrap_or_default();
                let is_well = fault.is_empty() || fault.contains("not found in PATH") || fault.contains("No such file");
                assert!(is_well, "{plugin}: {fault}");
            }
        }
    }
}
