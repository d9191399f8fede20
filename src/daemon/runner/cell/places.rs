//! What a program is made of: the places that must be readable for it to run at all.
//!
//! A scanner in a virtual environment is a script there, whose first line names an interpreter there, which is a link to one
//! somewhere else, whose library lies beside it. Each of these places is followed; nothing of it has to be configured.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Component, Path, PathBuf};

use nix::libc;
use serde_json::Value;

use super::way::Own;

/// Links, and interpreters of interpreters, that are followed.
const STEPS: usize = 16;
/// The kernel looks no further for the end of a first line.
const FIRST_LINE: u64 = 256;
/// Programs stand in these folders of what was installed …
const PROGRAMS: [&str; 3] = ["bin", "sbin", "libexec"];
/// … and this belongs to them. Not all that lies beside: the folder above may be somebody's home.
const BESIDE: [&str; 5] = ["bin", "sbin", "lib", "lib64", "libexec"];
/// Here a manager of versions (pyenv, asdf, mise) has scripts that look for the program all over its own folder above.
const SHIMS: &str = "shims";
/// What marks a folder that holds one environment and nothing else.
const ENVIRONMENT: [&str; 2] = ["pyvenv.cfg", "conda-meta"];

/// The places of a program, its interpreter's included. `path` is the `PATH` in which `env` would look. From what is the
/// plugin's own, nothing leads elsewhere.
pub(super) fn of_program(program: &Path, path: &str, own: &Own) -> BTreeSet<PathBuf> {
    let mut places = BTreeSet::new();
    let mut next = Some(program.to_owned());
    let mut planted = false;
    for _ in 0..STEPS {
        let Some(program) = next else { break };
        planted |= own.is_on_the_way(&program);
        places.extend(around(&program).into_iter().filter(|place| !planted || own.is_on_the_way(place)));
        next = fs::read_link(&program).ok().and_then(|to| Some(program.parent()?.join(to)));
        if next.is_none() {
            next = interpreter(&program, path);
        }
    }
    places
}

/// The places of everything that it may start by its name alone: wrappers look for their tools there.
pub(super) fn of_path(path: &str, own: &Own) -> BTreeSet<PathBuf> {
    let mut places = BTreeSet::new();
    let listed = std::env::split_paths(path).filter(|folder| folder.is_absolute() && !folder.starts_with("/usr"));
    for folder in listed.filter(|folder| folder.is_dir()) {
        // In a virtual environment, that of its interpreter too.
        places.extend(of_program(&folder.join("python3"), path, own));
        places.insert(folder);
    }
    places
}

/// The place that a word of the configuration's names: an absolute path, and not one of the tree's first branches, since a
/// mere "/" or "/home" may be meant otherwise.
pub(super) fn named(word: &str) -> Option<PathBuf> {
    let path = Path::new(word);
    (path.is_absolute()
        && path.components().filter(|part| matches!(part, Component::Normal(_))).count() > 1
        && !path.components().any(|part| part == Component::ParentDir))
    .then(|| path.to_owned())
}

/// The places that are named anywhere in a setting.
pub(super) fn named_in(setting: &Value) -> Vec<PathBuf> {
    match setting {
        Value::String(word) => named(word).into_iter().collect(),
        Value::Array(list) => list.iter().flat_map(named_in).collect(),
        Value::Object(table) => table.values().flat_map(named_in).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

/// The program itself, and what was installed together with it.
fn around(program: &Path) -> Vec<PathBuf> {
    let mut places = vec![program.to_owned()];
    let folder = program.parent().and_then(|folder| folder.canonicalize().ok());
    let Some(folder) = folder else { return places };
    // Readable for all anyway.
    if folder.starts_with("/usr") {
        return places;
    }
    // By the standard of file systems /opt/NAME is one package.
    if let Ok(within) = folder.strip_prefix("/opt")
        && let Some(package) = within.iter().next()
    {
        places.push(Path::new("/opt").join(package));
    }
    let Some(above) = folder.parent().filter(|above| above.parent().is_some()) else { return places };
    if folder.ends_with(SHIMS) {
        places.push(above.to_owned());
    }
    if !folder.file_name().is_some_and(|name| PROGRAMS.iter().any(|known| name == *known)) {
        return places;
    }
    if ENVIRONMENT.iter().any(|mark| above.join(mark).exists()) {
        places.push(above.to_owned());
    }
    places.extend(BESIDE.iter().map(|name| above.join(name)).filter(|beside| beside.is_dir()));
    places
}

/// What the first line names, also by way of `env`.
fn interpreter(program: &Path, path: &str) -> Option<PathBuf> {
    let mut head = Vec::new();
    // Nobody is waited for at the other end of a pipe.
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(program).ok()?;
    file.take(FIRST_LINE).read_to_end(&mut head).ok()?;
    let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let interpreter = Path::new(OsStr::from_bytes(words.next()?));
    if interpreter.file_name() != Some(OsStr::new("env")) {
        return Some(interpreter.to_owned());
    }
    let name = words.find(|word| !word.starts_with(b"-") && !word.contains(&b'='))?;
    let name = Path::new(OsStr::from_bytes(name));
    if name.is_absolute() {
        return Some(name.to_owned());
    }
    std::env::split_paths(path).map(|folder| folder.join(name)).find(|found| found.is_file())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A folder with files, folders (which end with `/`) and links.
    fn made(entries: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, content) in entries {
            let place = root.path().join(name);
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            match content.strip_prefix("-> ") {
                Some(to) => symlink(to.replace("ROOT", root.path().to_str().unwrap()), place).unwrap(),
                None => fs::write(place, content.replace("ROOT", root.path().to_str().unwrap())).unwrap(),
            }
        }
        root
    }

    fn check(entries: &[(&str, &str)], program: &str, path: &str, expected: &[&str]) {
        let root = made(entries);
        let at = |name: &str| root.path().join(name);
        let found = of_program(&at(program), at(path).to_str().unwrap(), &Own::of(&[]));
        let found: Vec<_> = found.iter().map(|place| place.strip_prefix(root.path()).unwrap().to_owned()).collect();
        let mut expected: Vec<PathBuf> = expected.iter().map(PathBuf::from).collect();
        expected.sort();
        assert_eq!(found, expected, "{program}");
    }

    #[test]
    fn a_program_by_itself_is_all_there_is() {
        check(&[("tools/scan", "\u{7f}ELF")], "tools/scan", "", &["tools/scan"]);
        check(&[], "tools/scan", "", &["tools/scan"]);
    }

    #[test]
    fn a_virtual_environment_and_where_its_interpreter_really_is() {
        check(
            &[
                ("venv/bin/scan", "#!ROOT/venv/bin/python\nimport x\n"),
                ("venv/bin/python", "-> python3"),
                ("venv/bin/python3", "-> ROOT/pythons/3.12/bin/python3.12"),
                ("venv/pyvenv.cfg", ""),
                ("venv/lib/x.py", ""),
                ("pythons/3.12/bin/python3.12", "\u{7f}ELF"),
                ("pythons/3.12/lib/os.py", ""),
                ("pythons/3.12/secrets", ""),
            ],
            "venv/bin/scan",
            "",
            &[
                "venv",
                "venv/bin",
                "venv/bin/scan",
                "venv/bin/python",
                "venv/bin/python3",
                "venv/lib",
                "pythons/3.12/bin",
                "pythons/3.12/bin/python3.12",
                "pythons/3.12/lib",
            ],
        );
    }

    #[test]
    fn a_home_is_not_read_because_a_program_stands_in_it() {
        check(
            &[("home/bin/scan", "x"), ("home/.ssh/id", "x"), ("home/lib/x.so", "x")],
            "home/bin/scan",
            "",
            &["home/bin", "home/bin/scan", "home/lib"],
        );
    }

    #[test]
    fn env_looks_in_path() {
        for line in ["#!/usr/bin/env python3", "#! /usr/bin/env -S LANG=C python3 -I"] {
            check(
                &[("tools/scan", line), ("own/bin/python3", "\u{7f}ELF")],
                "tools/scan",
                "own/bin",
                &["tools/scan", "own/bin", "own/bin/python3"],
            );
        }
    }

    #[test]
    fn a_folder_in_path_is_one_to_start_programs_from() {
        let root = made(&[
            ("venv/bin/python3", "-> ROOT/pythons/bin/python3"),
            ("venv/pyvenv.cfg", ""),
            ("pythons/bin/python3", "\u{7f}ELF"),
            ("pythons/lib/os.py", ""),
            ("tools/scan", ""),
        ]);
        let at = |name: &str| root.path().join(name);
        let path = format!("{}:relative:/usr/bin:{}:/no/such", at("venv/bin").display(), at("tools").display());
        let found = of_path(&path, &Own::of(&[]));
        for place in ["venv", "venv/bin", "pythons/bin", "pythons/lib", "tools"] {
            assert!(found.contains(&at(place)), "{place}: {found:?}");
        }
        assert!(found.iter().all(|place| place.starts_with(root.path())), "{found:?}");
    }

    #[test]
    fn a_path_in_command_or_settings_is_meant_to_be_read() {
        let check = |word: &str, is: bool| assert_eq!(named(word).is_some(), is, "{word}");
        check("/var/lib/rules", true);
        check("/opt/rules", true);
        for word in ["", "/", "/home", "rules", "./rules", "//", "/var/../root", "https://host/path"] {
            check(word, false);
        }
        let settings = serde_json::json!({ "a": ["/x/y", 1, { "b": "/v/w" }], "c": null, "d": "/" });
        assert_eq!(named_in(&settings), [PathBuf::from("/x/y"), PathBuf::from("/v/w")]);
    }

    #[test]
    fn a_shim_finds_the_program_all_over_its_managers_folder() {
        check(
            &[("manager/shims/python3", "#!/usr/bin/env bash"), ("manager/libexec/manager", "x")],
            "manager/shims/python3",
            "",
            &["manager", "manager/shims/python3"],
        );
    }

    #[test]
    fn links_that_lead_nowhere_end() {
        check(&[("a", "-> b"), ("b", "-> a")], "a", "", &["a", "b"]);
    }
}
