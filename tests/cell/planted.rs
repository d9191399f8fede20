//! What one run leaves in a place that it may write to opens nothing to the next.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use serde_json::json;

use super::walls::said;
use crate::daemon::runner::tests::{SAFE, Stage, text};
use crate::daemon::runner::{End, RunCache};

/// A secret, a folder that plugins write to, rules of the operator's, and links to both that are the operator's too.
fn shared() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    for folder in ["secrets/bin", "rules", "shared/rules", "shared/out", "shared/bin"] {
        fs::create_dir_all(at(folder)).unwrap();
    }
    for file in ["secrets/key", "rules/key", "shared/rules/key"] {
        fs::write(at(file), file).unwrap();
    }
    symlink(at("rules"), at("linked")).unwrap();
    symlink(at("shared"), at("way")).unwrap();
    root
}

/// Reads what its setting names.
fn reading(root: &Path, place: &str, write: &[&str]) -> Stage {
    let at = |name: &str| root.join(name);
    let script = format!("cat {0}/key || cat {0}/current/key; echo; {SAFE}", at(place).display());
    let stage = Stage::new(&script).confined(|cell| cell.write.extend(write.iter().map(|name| at(name))));
    stage.with(|spec| drop(spec.invocation.settings.insert("rules".to_owned(), json!(at(place)))))
}

#[tokio::test]
async fn a_link_that_was_planted_opens_nothing() {
    let root = shared();
    let plant = format!(
        "cd {0}/shared && mv rules kept && ln -s ../secrets rules && ln -s {0}/secrets far && ln -s kept near; {SAFE}",
        root.path().display()
    );
    let writing = |script: &str| Stage::new(script).confined(|cell| cell.write.push(root.path().join("shared")));
    assert_eq!(said(reading(root.path(), "shared/rules", &["shared"])).await, "shared/rules/key\n");
    said(writing(&plant)).await;
    for place in ["shared/rules", "shared/far", "way/rules", "way/far"] {
        let words = said(reading(root.path(), place, &["shared"])).await;
        assert!(words.contains("Permission denied") && !words.contains("secrets/key\n"), "{place}: {words}");
    }
    // Links that lead nowhere new are followed, and so are those that nobody but an operator made.
    for (place, key) in [("shared/near", "shared/rules/key"), ("way/kept", "shared/rules/key"), ("linked", "rules/key")]
    {
        assert_eq!(said(reading(root.path(), place, &["shared"])).await, format!("{key}\n"), "{place}");
    }
    // Nor is a place to write to taken elsewhere, in whatever order they are listed.
    let plant = format!("cd {0}/shared && rmdir out && ln -s {0}/secrets out; {SAFE}", root.path().display());
    said(writing(&plant)).await;
    for write in [["shared", "shared/out"], ["shared/out", "shared"]] {
        let words = said(reading(root.path(), "shared/out", &write)).await;
        assert!(words.contains("Permission denied"), "{words}");
    }
}

#[tokio::test]
async fn nor_does_one_in_a_cache() {
    let root = shared();
    let cache = root.path().join("cache/1");
    fs::create_dir_all(&cache).unwrap();
    symlink("1", root.path().join("cache/current")).unwrap();
    symlink(root.path().join("secrets"), cache.join("rules")).unwrap();
    fs::write(cache.join("key"), "the cache's").unwrap();
    let stage = |place: &str| {
        let cache = RunCache { path: cache.clone(), writable: false };
        reading(root.path(), place, &[]).with(|spec| spec.cache = Some(cache))
    };
    assert_eq!(said(stage("cache/current")).await, "the cache's\n");
    let words = said(stage("cache/current/rules")).await;
    assert!(words.contains("Permission denied") && !words.contains("secrets/key\n"), "{words}");
}

#[tokio::test]
async fn a_program_of_its_own_leads_to_nothing_else() {
    let root = shared();
    let at = |name: &str| root.path().join(name);
    let script = |line: &str| format!("#!{line}\ncat {}; echo; {SAFE}\n", at("secrets/key").display());
    let secret = at("secrets/bin/sh");
    fs::copy("/bin/sh", &secret).unwrap();
    let run = async |line: &str| {
        fs::write(at("shared/bin/scan"), script(line)).unwrap();
        fs::set_permissions(at("shared/bin/scan"), fs::Permissions::from_mode(0o755)).unwrap();
        let stage = Stage::new("").confined(|cell| cell.write.push(at("shared")));
        let stage = stage.with(|spec| {
            spec.program = at("shared/bin/scan");
            spec.args.clear();
        });
        stage.run().await
    };
    // The program itself runs, with what every program may use.
    let words = text(&run("/bin/sh").await);
    assert!(words.contains("Permission denied"), "{words}");
    let out_of_reach =
        |end: &End| assert!(matches!(end, End::NotStarted(why) if why.contains("out of its cell")), "{end:?}");
    // Its first line, and a link on the way to it, are the plugin's own words.
    out_of_reach(&run(secret.to_str().unwrap()).await.end);
    fs::remove_dir_all(at("shared/bin")).unwrap();
    symlink(at("secrets/bin"), at("shared/bin")).unwrap();
    out_of_reach(&run("/bin/sh").await.end);
}
