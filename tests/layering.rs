//! The house keeps its layers: who may know whom, read from the sources. Every fault is told with its file and line.

#[path = "layering/house.rs"]
mod house;
#[path = "layering/source.rs"]
mod source;

use std::collections::BTreeSet;

use house::{House, Source, comparisons, unfinished};

/// A room, the rooms of its tree that it may know, and the crates and modules that it may not use.
struct Room {
    name: &'static str,
    knows: &'static [&'static str],
    never: &'static [&'static str],
}

const fn room(name: &'static str, knows: &'static [&'static str], never: &'static [&'static str]) -> Room {
    Room { name, knows, never }
}

/// No runtime, no I/O, no web framework. An `IpAddr` is a number.
const PURE: &[&str] = &[
    "tokio",
    "tokio_util",
    "actix_web",
    "futures_util",
    "reqwest",
    "rusqlite",
    "std::net",
    "std::fs",
    "std::process",
    "std::env",
    "std::thread",
    "std::io",
];
const ADDRESS: [&str; 3] = ["std", "net", "IpAddr"];

/// The SDK, from the ground up.
const SDK: &[Room] = &[
    room("secret", &[], PURE),
    room("trace", &[], PURE),
    room("event", &[], PURE),
    room("body", &[], PURE),
    room("plugin", &["event"], PURE),
    room("signature", &["secret", "event"], PURE),
    room("registry", &["secret", "event", "plugin", "body", "signature"], PURE),
    room("receiver", &["secret", "trace", "event", "plugin", "body", "signature", "registry"], PURE),
    room("diagnosis", &["secret", "event", "body", "signature"], PURE),
    room(
        "extract",
        &["secret", "event", "plugin", "body", "signature", "registry", "receiver"],
        &[
            "tokio",
            "tokio_util",
            "reqwest",
            "rusqlite",
            "std::net",
            "std::fs",
            "std::process",
            "std::env",
            "std::thread",
        ],
    ),
];

const PROCESS: &str = "tokio::process";
const CHILD: &str = "std::process";
const HTTP: &str = "reqwest";
const WEB: &str = "actix_web";
const SQL: &str = "rusqlite";

/// The daemon. What a room does not know is as much a promise as what it does.
const DAEMON: &[Room] = &[
    room("clock", &[], &[HTTP, WEB, SQL, PROCESS, CHILD, "std::fs", "std::net"]),
    // A pointer, to whatever it is.
    room("current", &[], PURE),
    // Takes a folder away, whatever is in it.
    room("sweep", &[], &["tokio", HTTP, WEB, SQL, PROCESS, CHILD, "std::net", "std::env", "std::thread"]),
    // Folders, and nothing of what is in them.
    room("cache", &["sweep"], &["tokio", HTTP, WEB, SQL, PROCESS, CHILD, "std::net"]),
    room("breakers", &[], &[HTTP, WEB, SQL, PROCESS, CHILD, "std::fs", "std::net"]),
    room("stop", &[], &["tokio", HTTP, WEB, SQL, CHILD, "std::fs", "std::net", "std::env", "std::thread", "std::io"]),
    room("running", &["stop"], &[HTTP, WEB, SQL, PROCESS, CHILD, "std::fs", "std::net"]),
    room("wake", &[], &[HTTP, WEB, SQL, PROCESS, CHILD, "std::fs", "std::net"]),
    // Of whatever can be read.
    room("digest", &[], &["tokio", "tokio_util", HTTP, WEB, SQL, "std::fs", CHILD, "std::env", "std::thread"]),
    room("verdict", &["digest"], PURE),
    room("trace", &[], &[HTTP, WEB, SQL, PROCESS, CHILD, "std::fs", "std::net"]),
    // Addresses are numbers.
    room(
        "address",
        &[],
        &["tokio", "tokio_util", HTTP, WEB, SQL, "std::fs", CHILD, "std::env", "std::thread", "std::io"],
    ),
    room("job", &["digest", "verdict"], PURE),
    room("store", &["clock", "digest", "job", "verdict"], &[HTTP, WEB, PROCESS, CHILD, "std::net"]),
    // Processes only: neither the registry nor its events' meaning.
    room(
        "runner",
        &["stop", "sweep"],
        &[
            HTTP,
            WEB,
            SQL,
            "std::net",
            "tokio::net",
            "scanrelay::registry",
            "scanrelay::Registry",
            "scanrelay::Delivery",
        ],
    ),
    // HTTP only.
    room("writeback", &[], &[WEB, SQL, PROCESS, CHILD, "std::fs", "scanrelay::Event", "scanrelay::Delivery"]),
    // HTTP and files: neither jobs nor events.
    room(
        "fetch",
        &["address", "digest", "writeback"],
        &[WEB, SQL, PROCESS, CHILD, "scanrelay::Event", "scanrelay::Registry", "scanrelay::Delivery"],
    ),
    room(
        "effects",
        &[
            "address",
            "cache",
            "clock",
            "config",
            "digest",
            "fetch",
            "job",
            "runner",
            "running",
            "stop",
            "verdict",
            "writeback",
        ],
        &[WEB, SQL, PROCESS, CHILD],
    ),
    // Counts, and asks the store; files of /proc.
    room("metrics", &["job", "store"], &[HTTP, WEB, SQL, PROCESS, CHILD, "std::net"]),
    room(
        "worker",
        &["breakers", "clock", "current", "effects", "job", "metrics", "running", "store", "trace", "wake"],
        &[HTTP, WEB, SQL, PROCESS, CHILD, "std::fs", "std::net"],
    ),
    // One plugin once, without a registry.
    room("trial", &["clock", "config", "effects", "runner", "stop", "verdict"], &[HTTP, WEB, SQL, PROCESS, CHILD]),
    room("config", &["address", "clock", "verdict"], &["tokio", HTTP, WEB, SQL, CHILD]),
    room("route", &["config", "job"], PURE),
    // Tries what the cell of a plugin can be made of.
    room("sandbox", &["config", "effects", "runner"], &[HTTP, WEB, SQL, PROCESS, CHILD, "std::fs", "std::net"]),
    room("tls", &[], PURE),
    // Stores and wakes, and never runs anything.
    room("rejections", &[], &["tokio", HTTP, WEB, SQL, PROCESS, CHILD, "std::fs", "std::net"]),
    // HTTP on a listener, whatever is said over it.
    room("connections", &[], &[HTTP, SQL, PROCESS, CHILD, "std::fs"]),
    room(
        "server",
        &[
            "address",
            "clock",
            "connections",
            "current",
            "job",
            "metrics",
            "rejections",
            "store",
            "tls",
            "trace",
            "wake",
        ],
        &[HTTP, SQL, PROCESS, CHILD, "std::fs"],
    ),
    room(
        "admin",
        &[
            "breakers",
            "cache",
            "clock",
            "connections",
            "current",
            "digest",
            "metrics",
            "rejections",
            "running",
            "server",
            "store",
            "tls",
            "verdict",
            "wake",
        ],
        &[HTTP, SQL, PROCESS, CHILD],
    ),
    // When caches are brought up to date; the effects do it.
    room(
        "updates",
        &["cache", "clock", "config", "current", "effects", "metrics"],
        &[HTTP, WEB, SQL, PROCESS, CHILD, "std::fs", "std::net"],
    ),
    room("retention", &["clock", "store"], &[HTTP, WEB, SQL, PROCESS, CHILD, "std::fs", "std::net"]),
    room("descriptors", &[], &["tokio", HTTP, WEB, SQL, CHILD, "std::fs", "std::net"]),
    room("listeners", &["config"], &[HTTP, WEB, SQL, PROCESS, CHILD]),
    // Words to systemd, and what they rest on.
    room(
        "service",
        &["breakers", "running", "store", "wake"],
        &[HTTP, WEB, SQL, PROCESS, CHILD, "std::fs", "std::net"],
    ),
    // Asks through the effects, and stores as the intake does.
    room(
        "catch_up",
        &["clock", "config", "current", "effects", "metrics", "server", "store", "wake"],
        &[HTTP, WEB, SQL, PROCESS, CHILD, "std::fs", "std::net"],
    ),
    // Asks and looks, and changes nothing.
    room("prove", &["clock", "config", "effects", "store"], &[HTTP, WEB, SQL, PROCESS, CHILD, "std::fs", "std::net"]),
    // Asks, and has a webhook made where a person says so.
    room("doctor", &["clock", "config", "effects"], &[HTTP, WEB, SQL, PROCESS, CHILD, "std::fs", "std::net"]),
    // From the settings to what each room works by.
    room(
        "snapshot",
        &[
            "admin",
            "cache",
            "catch_up",
            "clock",
            "config",
            "effects",
            "job",
            "metrics",
            "rejections",
            "route",
            "server",
            "store",
            "updates",
            "worker",
            "writeback",
        ],
        &[HTTP, WEB, SQL, PROCESS, CHILD, "std::fs", "std::net"],
    ),
    room(
        "reload",
        &["clock", "config", "current", "retention", "service", "snapshot", "store", "wake"],
        &[HTTP, WEB, SQL, PROCESS, CHILD, "std::fs", "std::net"],
    ),
    // Joins all of it, and does none of it.
    room(
        "start",
        &[
            "admin",
            "breakers",
            "cache",
            "catch_up",
            "clock",
            "config",
            "current",
            "descriptors",
            "effects",
            "listeners",
            "metrics",
            "rejections",
            "reload",
            "running",
            "runner",
            "server",
            "service",
            "snapshot",
            "store",
            "trace",
            "updates",
            "wake",
            "worker",
            "daemon",
        ],
        &[HTTP, SQL, PROCESS, CHILD],
    ),
];

/// The binary's own rooms, beside the daemon.
const BINARY: &[Room] = &[
    room("daemon", &[], &[HTTP, SQL, PROCESS, CHILD]),
    room("emulator", &[], &[SQL, PROCESS, CHILD, "std::fs"]),
    // The sample plugins, as they were compiled in.
    room("packaged", &[], &["tokio", HTTP, WEB, SQL, CHILD, "std::net"]),
    room("command", &["daemon", "emulator", "packaged"], &[SQL, PROCESS]),
    // A program of its own, which the daemon starts like any plugin.
    room("actions", &[], &[WEB, SQL, PROCESS, "std::net", "tokio::net", "scanrelay::registry", "scanrelay::Registry"]),
    // Writes to stderr, and knows nobody who speaks.
    room("log", &[], &[HTTP, WEB, SQL, PROCESS, CHILD, "std::fs", "std::net"]),
    room("main", &["command", "daemon", "emulator", "log", "packaged"], &[HTTP, WEB, SQL, PROCESS]),
];

/// Who takes the bytes out of a `Secret`, and what for.
const EXPOSED: &[(&str, &str)] = &[
    ("src/signature.rs", "to send a token in its header"),
    ("src/signature/key.rs", "to make a key of it"),
    ("src/signature/verify.rs", "to compare a token in constant time"),
    ("src/registry/webhook.rs", "to give it to the registry that is to sign with it"),
    ("src/registry/login.rs", "to write it as HTTP's Authorization has it"),
    ("src/signature/token.rs", "to see whether a header can carry the token"),
    ("src/signature/path.rs", "to see whether a path can carry it, and to compare it in constant time"),
    ("src/command/send.rs", "to post to the path that ends with it"),
    ("src/daemon/admin.rs", "to compare the admin token in constant time"),
    ("src/daemon/config/tls.rs", "to read the private key of a certificate"),
    ("src/daemon/runner/mask.rs", "to find it in a run's log and mask it there"),
    ("src/daemon/runner/spec.rs", "to put it into the one plugin's environment that names it"),
    ("src/daemon/writeback.rs", "to send it in a header that is marked as sensitive"),
    ("src/actions/http.rs", "to send it in a header that is marked as sensitive"),
    ("src/actions/jenkins/webhook.rs", "to sign a body for Jenkins with it"),
];

const MAX_LINES: usize = 500;

#[test]
fn every_room_knows_only_what_is_below_it() {
    House::here().check(House::strangers);
}

#[test]
fn every_row_is_a_room() {
    let house = House::here();
    let rooms: BTreeSet<String> = house.sources.iter().filter(|source| !source.is_test()).map(Source::room).collect();
    for room in SDK.iter().chain(DAEMON).chain(BINARY) {
        assert!(
            rooms.contains(room.name),
            "tests/layering.rs has a row for `{}`, and there is no such room",
            room.name
        );
    }
}

#[test]
fn the_bytes_of_a_secret_are_taken_in_few_places() {
    let house = House::here();
    house.check(House::exposures);
    for (file, why) in EXPOSED {
        assert!(house.sources.iter().any(|source| source.file == *file), "{file}, {why}: there is no such file");
    }
}

#[test]
fn secrets_are_compared_in_constant_time_only() {
    let house = House::here();
    house.check(comparisons);
    // Whoever is on the left is compared so, and has not become something else.
    for (file, word) in [
        ("src/secret.rs", "ct_eq"),
        ("src/signature/verify.rs", "ct_eq"),
        ("src/signature/path.rs", "ct_eq"),
        ("src/signature/key.rs", "verify_slice"),
        ("src/signature/key.rs", "verify_strict"),
        ("src/daemon/admin.rs", "ct_eq"),
    ] {
        let source =
            house.sources.iter().find(|source| source.file == file).unwrap_or_else(|| panic!("{file} is gone"));
        assert!(source.tokens().iter().any(|token| token.text == word), "{file} compares without {word}");
    }
}

#[test]
fn a_comparison_that_tells_by_its_time_is_found() {
    let found =
        |text: &str| comparisons(&House::of(Vec::new()), &Source { file: "src/x.rs".into(), text: text.into() });
    for bad in [
        "fn f() { if secret.expose() == given { g() } }",
        "fn f() { let bytes = secret.expose(); g(); bytes != given }",
        "fn f() { secret.expose().eq(given) }",
        "fn f() { mac.finalize().into_bytes() == given }",
    ] {
        assert_eq!(found(bad).len(), 1, "{bad}");
    }
    for good in
        ["fn f() { secret.expose().ct_eq(given) }", "fn f() { let n = secret.expose().len(); }", "fn f() { a == b }"]
    {
        assert_eq!(found(good), Vec::<String>::new(), "{good}");
    }
}

#[test]
fn nothing_is_unfinished_unsafe_or_endless() {
    House::here().check(unfinished);
    let manifest = include_str!("../Cargo.toml");
    let lints = manifest.split("[lints.rust]").nth(1).expect("lints");
    assert!(lints.lines().any(|line| line == "unsafe_code = \"forbid\""), "Cargo.toml forbids unsafe code no more");
}

/// A house of these files has these faults, or none.
fn check(files: &[(&str, &str)], expected: &[&str]) {
    let roots = [
        ("src/lib.rs", "mod event; pub use event::{Event, Stage};\npub use registry::Registry;"),
        ("src/daemon.rs", "mod store; pub use store::{Store};"),
    ];
    let sources = roots.iter().chain(files).map(|(file, text)| Source { file: (*file).into(), text: (*text).into() });
    let house = House::of(sources.collect());
    let fault =
        |source| [house.strangers(source), House::exposures(&house, source), unfinished(&house, source)].concat();
    let faults: Vec<String> = house.sources.iter().flat_map(fault).collect();
    assert_eq!(faults, expected, "{files:?}");
}

#[test]
fn a_room_that_knows_too_much_is_found() {
    check(
        &[("src/signature/caller.rs", "\nuse crate::{Event, Registry as R};")],
        &["src/signature/caller.rs:2: `signature` may not know `registry` (crate::Registry)"],
    );
    check(
        &[("src/event.rs", "fn f() { crate::registry::verta::parse(); }")],
        &["src/event.rs:1: `event` may not know `registry` (crate::registry::verta::parse)"],
    );
    check(
        &[("src/secret.rs", "use super::Stage;")],
        &["src/secret.rs:1: `secret` may not know `event` (super::Stage)"],
    );
    check(
        &[("src/daemon/runner/log.rs", "use super::{log, super::{job::{self, plan}}};")],
        &[
            "src/daemon/runner/log.rs:1: `runner` may not know `job` (super::super::job)",
            "src/daemon/runner/log.rs:1: `runner` may not know `job` (super::super::job::plan)",
        ],
    );
    check(
        &[("src/daemon/writeback/target.rs", "fn f(store: &super::super::Store) {}")],
        &["src/daemon/writeback/target.rs:1: `writeback` may not know `store` (super::super::Store)"],
    );
    check(
        &[("src/daemon/store.rs", "use crate::command::Outcome;")],
        &["src/daemon/store.rs:1: `store` may not know `command` (crate::command::Outcome)"],
    );
    check(
        &[("src/daemon/cellar.rs", "")],
        &["src/daemon/cellar.rs:1: the room \"cellar\" has no row in tests/layering.rs"],
    );
}

#[test]
fn a_room_that_uses_too_much_is_found() {
    check(
        &[("src/receiver.rs", "use std::{fmt, fs::{File}};\nuse std::net::{IpAddr, TcpStream};")],
        &[
            "src/receiver.rs:1: `receiver` may not use std::fs (std::fs::File)",
            "src/receiver.rs:2: `receiver` may not use std::net (std::net::TcpStream)",
        ],
    );
    check(
        &[("src/daemon/job/plan.rs", "fn f() { tokio::spawn(g()) }")],
        &["src/daemon/job/plan.rs:1: `job` may not use tokio (tokio::spawn)"],
    );
    check(
        &[("src/daemon/runner.rs", "use scanrelay::{Event, registry::Step};")],
        &["src/daemon/runner.rs:1: `runner` may not use scanrelay::registry (scanrelay::registry::Step)"],
    );
}

#[test]
fn what_is_unfinished_unsafe_or_exposed_is_found() {
    check(
        &[("src/event.rs", "fn f() {\n    unsafe { todo!() }\n}\n#[ignore = \"\"]\nfn g(s: &Secret) { s.expose(); }")],
        &[
            "src/event.rs:5: takes the bytes out of a secret, and is not on the list",
            "src/event.rs:2: unsafe",
            "src/event.rs:2: todo!",
            "src/event.rs:4: #[ignore",
        ],
    );
    check(&[("src/signature.rs", "")], &["src/signature.rs:1: is on the list, and exposes no secret"]);
    check(&[("tests/long.rs", &"\n".repeat(501))], &["tests/long.rs:501: more than 500 lines"]);
}

#[test]
fn what_only_looks_like_a_fault_is_none() {
    check(
        &[("src/event.rs", "//! [`crate::registry`]\n/* /* crate::receiver::x */ unsafe */ fn f<'a>(c: &'a char) {}")],
        &[],
    );
    check(
        &[("src/event.rs", r##"const A: &str = "unsafe \" crate::registry::x"; const B: &[u8] = br#"todo!() " "#;"##)],
        &[],
    );
    check(&[("src/event.rs", "const C: [char; 3] = ['\"', '\\'', '\\u{1F}']; // unsafe")], &[]);
    check(
        &[("src/event.rs", "#[cfg(test)]\nmod tests { use crate::registry::x; fn f() { s.expose() } }\nfn g() {}")],
        &[],
    );
    check(&[("src/event.rs", "#[cfg(test)]\n#[path = \"x\"]\nmod tests;\nuse crate::event::Stage;")], &[]);
    check(
        &[("src/event/tests.rs", "use crate::Registry;"), ("src/daemon/simulation/world.rs", "use tokio::time;")],
        &[],
    );
    check(&[("src/daemon/store/claim.rs", "use super::Store; use crate::daemon::{Store, job::{Job}, verdict};")], &[]);
    check(&[("src/receiver.rs", "use std::net::IpAddr; use std::fmt; use super::body;")], &[]);
}
