//! The golden input and output that stand in a plugin's folder: what it is given, and what is made of it.

use std::fs;
use std::path::{Path, PathBuf};

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
        let expected: Value = serde_json::from_slice(&fs::read(output).unwrap()).unwrap();
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

#[test]
fn each_has_the_toml_to_copy_in_its_readme() {
    for plugin in ["picklescan", "modelscan", "fickling", "clamav", "yara", "trivy"] {
        let readme = fs::read_to_string(root().join("plugins").join(plugin).join("README.md")).unwrap();
        let block = readme.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next());
        let block = block.unwrap_or_else(|| panic!("{plugin}: no TOML in its README"));
        let config: toml::Table = block.parse().unwrap_or_else(|error| panic!("{plugin}: {error}"));
        let uses = |(name, about): (&String, &toml::Value)| {
            name == plugin || about.get("use").and_then(toml::Value::as_str) == Some(plugin)
        };
        let plugins = config["plugins"].as_table().unwrap();
        assert!(plugins.iter().all(uses), "{plugin}: {plugins:?}");
        assert!(Path::new(&root().join("plugins").join(plugin).join("golden")).is_dir());
    }
}
