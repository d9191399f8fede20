//! The rooms of the house, and what each file of it knows.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path as File;

use super::source::{Path, Token, paths, starts, tokens};
use super::{ADDRESS, BINARY, DAEMON, EXPOSED, MAX_LINES, SDK};

/// One file of the sources, by its path from the repository's root.
pub struct Source {
    pub file: String,
    pub text: String,
}

/// The two trees of modules: the library, and the binary that uses it as a stranger would.
#[derive(Clone, Copy, PartialEq)]
enum Tree {
    Sdk,
    Binary,
}

impl Source {
    pub fn tokens(&self) -> Vec<Token> {
        tokens(&self.text)
    }

    /// `src/daemon/store/settle.rs` is `daemon::store::settle`.
    fn module(&self) -> Vec<&str> {
        let path = self.file.trim_start_matches("src/").trim_end_matches(".rs");
        path.split('/').collect()
    }

    fn tree(&self) -> Tree {
        let own = BINARY.iter().any(|room| room.name == self.module()[0]);
        if own { Tree::Binary } else { Tree::Sdk }
    }

    /// Tests may know everything: they are no part of the house. The simulation is a test.
    pub fn is_test(&self) -> bool {
        let module = self.module();
        !self.file.starts_with("src/") || module.contains(&"tests") || module.starts_with(&["daemon", "simulation"])
    }

    pub fn room(&self) -> String {
        room_of(self.tree(), &self.module(), &[])
    }
}

/// The room of a module, or of a name that its root gives out again.
fn room_of(tree: Tree, module: &[&str], given_out: &[(String, String)]) -> String {
    let (root, name) = match (tree, module) {
        (Tree::Binary, ["daemon", name, ..]) => ("daemon", *name),
        (_, [name, ..]) => ("", *name),
        (_, []) => return String::new(),
    };
    let rooms = if root == "daemon" {
        DAEMON
    } else if tree == Tree::Sdk {
        SDK
    } else {
        BINARY
    };
    let known = rooms.iter().any(|room| room.name == name) || given_out.is_empty();
    let given = given_out.iter().find(|(given, _)| given == name).map(|(_, room)| room.as_str());
    if known { name } else { given.unwrap_or(root) }.to_owned()
}

/// What the root of a tree gives out again, each name with its room: `pub use event::{Event, …}`.
fn given_out(root: &Source) -> Vec<(String, String)> {
    let written = paths(&root.tokens());
    written.iter().filter_map(|path| Some((path.names.last()?.clone(), path.names.first()?.clone()))).collect()
}

/// The sources of a house, and the two lists of what its roots give out.
pub struct House {
    pub sources: Vec<Source>,
    sdk: Vec<(String, String)>,
    daemon: Vec<(String, String)>,
}

impl House {
    pub fn of(sources: Vec<Source>) -> Self {
        let root = |file: &str| sources.iter().find(|source| source.file == file).map(given_out).unwrap_or_default();
        Self { sdk: root("src/lib.rs"), daemon: root("src/daemon.rs"), sources }
    }

    /// The house that this test was built from.
    pub fn here() -> Self {
        let mut sources = Vec::new();
        for folder in ["src", "tests", "examples", "benches"] {
            collect(&File::new(env!("CARGO_MANIFEST_DIR")).join(folder), folder, &mut sources);
        }
        Self::of(sources)
    }

    pub fn check(&self, fault: impl Fn(&Self, &Source) -> Vec<String>) {
        let faults: Vec<String> = self.sources.iter().flat_map(|source| fault(self, source)).collect();
        assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    }

    /// The room that a path in that file leads to; `None`: to no room.
    fn target(&self, source: &Source, path: &Path) -> Option<String> {
        let names: Vec<&str> = path.names.iter().map(String::as_str).collect();
        let mut module = source.module();
        let rest = match names[..] {
            ["crate", ref rest @ ..] => {
                // The second binary has a root of its own.
                let own = module.first().is_some_and(|room| *room == "actions");
                module.truncate(usize::from(own));
                rest
            }
            ["super", ..] => {
                let up = names.iter().take_while(|name| **name == "super").count();
                module.truncate(module.len().saturating_sub(up));
                &names[up..]
            }
            _ => return None,
        };
        module.extend(rest);
        let given_out = if source.tree() == Tree::Sdk { &self.sdk } else { &self.daemon };
        (!module.is_empty()).then(|| room_of(source.tree(), &module, given_out))
    }

    /// Rooms that a file knows and should not, and crates.
    pub fn strangers(&self, source: &Source) -> Vec<String> {
        // The roots name their rooms, and `main` is the root of the binary.
        if source.is_test() || source.file == "src/lib.rs" {
            return Vec::new();
        }
        let name = source.room();
        let rooms = if source.tree() == Tree::Sdk { SDK.iter().chain(&[]) } else { DAEMON.iter().chain(BINARY) };
        let Some(room) = rooms.into_iter().find(|room| room.name == name) else {
            return vec![format!("{}:1: the room {name:?} has no row in tests/layering.rs", source.file)];
        };
        let fault = |path: &Path| {
            let written = path.names.join("::");
            if let Some(mut target) = self.target(source, path) {
                // From outside, and to itself, the daemon is one.
                if BINARY.iter().any(|room| room.name == name) && DAEMON.iter().any(|room| room.name == target) {
                    "daemon".clone_into(&mut target);
                }
                let allowed = target == name || room.knows.contains(&target.as_str());
                return (!allowed).then(|| format!("`{name}` may not know `{target}` ({written})"));
            }
            let led_to = |never: &&&str| format!("{written}::").starts_with(&format!("{never}::"));
            let never = room.never.iter().find(led_to).filter(|_| !path.names.iter().take(3).eq(ADDRESS.iter()));
            never.map(|never| format!("`{name}` may not use {never} ({written})"))
        };
        let written = paths(&source.tokens());
        written.iter().filter_map(|path| Some(format!("{}:{}: {}", source.file, path.line, fault(path)?))).collect()
    }

    pub fn exposures(_: &Self, source: &Source) -> Vec<String> {
        let tokens = source.tokens();
        let exposing = (0..tokens.len()).filter(|at| starts(&tokens[*at..], &[".", "expose", "("]));
        let listed = EXPOSED.iter().any(|(file, _)| *file == source.file);
        let faults: Vec<String> = exposing.map(|at| format!("{}:{}", source.file, tokens[at].line)).collect();
        match (listed, source.is_test(), faults.is_empty()) {
            (false, false, false) => faults
                .iter()
                .map(|at| format!("{at}: takes the bytes out of a secret, and is not on the list"))
                .collect(),
            (true, _, true) => vec![format!("{}:1: is on the list, and exposes no secret", source.file)],
            _ => Vec::new(),
        }
    }
}

/// Where bytes of a secret, or what comes out of a MAC, are compared in a way that takes longer the more of them is right.
pub fn comparisons(_: &House, source: &Source) -> Vec<String> {
    if source.is_test() || !source.file.starts_with("src/") {
        return Vec::new();
    }
    let tokens = source.tokens();
    let statements: Vec<&[Token]> = tokens.split(|token| [";", "{", "}"].contains(&token.text.as_str())).collect();
    let has = |statement: &[Token], words: &[&str]| (0..statement.len()).any(|at| starts(&statement[at..], words));
    // What a secret's bytes are called from there on.
    let named: BTreeSet<&str> = statements
        .iter()
        .filter(|statement| has(statement, &[".", "expose", "("]) && starts(statement, &["let"]))
        .map(|statement| statement[1].text.as_str())
        .collect();
    let is_secret = |statement: &&&[Token]| {
        let bytes = [&[".", "expose", "("][..], &[".", "finalize", "("], &[".", "into_bytes", "("]];
        bytes.iter().any(|words| has(statement, words)) || named.iter().any(|name| has(statement, &[*name]))
    };
    let compares = |statement: &&&[Token]| {
        let ways = [&["=", "="][..], &["!", "="], &[".", "eq", "("], &[".", "ne", "("], &[".", "cmp", "("]];
        ways.iter().any(|words| has(statement, words))
    };
    let faults = statements.iter().filter(is_secret).filter(compares);
    faults
        .map(|statement| format!("{}:{}: a secret is compared byte by byte", source.file, statement[0].line))
        .collect()
}

/// What no file has: unfinished or unsafe code, tests that are not run, and too many lines.
pub fn unfinished(_: &House, source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    let long = (lines > MAX_LINES).then(|| format!("{}:{lines}: more than {MAX_LINES} lines", source.file));
    let tokens = source.tokens();
    let words: [&[&str]; 5] =
        [&["unsafe"], &["todo", "!"], &["unimplemented", "!"], &["#", "[", "ignore"], &["allow", "(", "unsafe_code"]];
    let found = (0..tokens.len()).filter_map(|at| {
        let word = words.iter().find(|word| starts(&tokens[at..], word))?;
        Some(format!("{}:{}: {}", source.file, tokens[at].line, word.concat()))
    });
    // Comments too, but not this very line.
    let marks = [concat!("FIX", "ME"), concat!("TO", "DO")];
    let marked = source.text.lines().zip(1..).filter_map(|(line, number)| {
        let mark = marks.iter().find(|mark| line.contains(**mark))?;
        Some(format!("{}:{number}: {mark}", source.file))
    });
    long.into_iter().chain(found).chain(marked).collect()
}

fn collect(folder: &File, name: &str, sources: &mut Vec<Source>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.map(|entry| entry.unwrap()) {
        let file = format!("{name}/{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), &file, sources);
        } else if File::new(&file).extension().is_some_and(|extension| extension == "rs") {
            sources.push(Source { file, text: fs::read_to_string(entry.path()).unwrap() });
        }
    }
}
