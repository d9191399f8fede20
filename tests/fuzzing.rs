//! The seeds of the fuzz targets, as an ordinary test.

#[path = "fuzzing/targets.rs"]
mod targets;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use scanrelay::Scheme;

fn corpus() -> impl Iterator<Item = (String, Vec<Vec<u8>>)> {
    let folders = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzzing/corpus")).unwrap();
    folders.map(|folder| {
        let folder = folder.unwrap();
        let seeds = fs::read_dir(folder.path()).unwrap().map(|seed| fs::read(seed.unwrap().path()).unwrap());
        (folder.file_name().into_string().unwrap(), seeds.collect())
    })
}

#[test]
fn no_seed_panics_and_none_is_verified() {
    for (name, seeds) in corpus() {
        let target = targets::target(&name).unwrap_or_else(|| panic!("{name} is no target"));
        assert!(seeds.len() >= 5, "{name} has {} seeds", seeds.len());
        for seed in seeds {
            target(&seed);
            // What is near a seed, too: each byte once another, and each beginning.
            for at in 0..seed.len().min(600) {
                let mut near = seed.clone();
                near[at] ^= 1 << (at % 8);
                target(&near);
                target(&seed[..at]);
            }
        }
    }
}

#[test]
fn every_scheme_and_every_reader_has_a_target_with_seeds() {
    let seeded: BTreeSet<String> = corpus().map(|(name, _)| name).collect();
    let presets = Scheme::PRESETS.iter().map(|name| name.replace('-', "_"));
    let wanted: BTreeSet<String> = presets.chain(["headers", "bodies", "token"].map(str::to_owned)).collect();
    assert_eq!(seeded, wanted);
    let built = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/Cargo.toml")).unwrap();
    for name in wanted {
        assert!(built.contains(&format!("name = \"{name}\"")), "{name} is not built");
    }
}
