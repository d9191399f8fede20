//! What an operator installs: systemd's own tools read the units, and the Debian package works from a scratch root.
#![expect(clippy::disallowed_methods, reason = "tests start the program that they test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const SCANRELAY: &str = env!("CARGO_BIN_EXE_scanrelay");
const SERVICE: &str = include_str!("../packaging/scanrelay.service");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What it printed, when it ended well.
fn ok(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().unwrap();
    let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert!(status.success(), "{command:?}: {status}\n{stdout}\n{stderr}");
    stdout
}

/// The value of a setting of the service.
fn setting(name: &str) -> &'static str {
    let found = SERVICE.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("{name} is not set"))
}

/// The units, in a folder, with the program that was built for tests.
fn units() -> (tempfile::TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    let units = ["scanrelay.service", "scanrelay.socket", "scanrelay-admin.socket"].map(|name| {
        let text = fs::read_to_string(root().join("packaging").join(name)).unwrap();
        let unit = folder.path().join(name);
        fs::write(&unit, text.replace("/usr/bin/scanrelay", SCANRELAY)).unwrap();
        unit
    });
    (folder, units.into())
}

#[test]
fn systemd_finds_no_fault_with_the_units() {
    let (_folder, units) = units();
    let Output { status, stdout, stderr } =
        Command::new("systemd-analyze").arg("verify").args(&units).output().unwrap();
    let said = [stdout, stderr].concat();
    assert!(status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn little_is_exposed() {
    let (_folder, units) = units();
    let mut security = Command::new("systemd-analyze");
    // In tenths.
    let said = ok(security.args(["security", "--offline=true", "--no-pager", "--threshold=20"]).arg(&units[0]));
    assert!(said.contains("Overall exposure level for scanrelay.service"), "{said}");
}

#[test]
fn systemd_waits_longer_than_we_do() {
    let sample = fs::read_to_string(root().join("examples/scanrelay.toml")).unwrap();
    let seconds = |text: &str| -> u64 { text.trim().trim_matches('"').strip_suffix('s').unwrap().parse().unwrap() };
    let configured =
        |key: &str| seconds(sample.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" =")).unwrap());
    let ours = configured("shutdown_grace") + configured("kill_grace") + configured("read_timeout");
    assert!(seconds(setting("TimeoutStopSec")) > ours, "TimeoutStopSec is not above {ours} s");
    assert_eq!(setting("RestartPreventExitStatus"), "2");
}

/// The system calls of systemd's sets, which may hold sets.
struct Sets(BTreeMap<String, Vec<String>>);

impl Sets {
    fn read() -> Self {
        let said = ok(Command::new("systemd-analyze").args(["syscall-filter", "--no-pager"]));
        let mut sets = BTreeMap::<String, Vec<String>>::new();
        let mut current = String::new();
        for line in said.lines() {
            match line.strip_prefix("    ") {
                Some(call) if !call.starts_with('#') => sets.entry(current.clone()).or_default().push(call.to_owned()),
                None if line.starts_with('@') => line.clone_into(&mut current),
                _ => {}
            }
        }
        Self(sets)
    }

    /// The calls that a word of a filter names: a set's, or the one of that name.
    fn named(&self, word: &str) -> BTreeSet<String> {
        if word.starts_with('@') { self.calls(word) } else { BTreeSet::from([word.to_owned()]) }
    }

    fn calls(&self, set: &str) -> BTreeSet<String> {
        let members = self.0.get(set).unwrap_or_else(|| panic!("systemd knows no {set}"));
        let deep = members.iter().flat_map(|member| {
            if member.starts_with('@') { self.calls(member) } else { BTreeSet::from([member.clone()]) }
        });
        deep.collect()
    }
}

/// The daemon, both sample plugins (one in Python, one in shell) and the development registry, in the demo.
#[test]
fn the_filter_of_system_calls_lets_us_and_python_work() {
    let sets = Sets::read();
    let mut allowed = BTreeSet::new();
    for line in SERVICE.lines().filter_map(|line| line.strip_prefix("SystemCallFilter=")) {
        let names = line.strip_prefix('~').unwrap_or(line).split(' ');
        let calls: BTreeSet<String> = names.flat_map(|name| sets.named(name)).collect();
        if line.starts_with('~') {
            allowed.retain(|call| !calls.contains(call));
        } else {
            allowed.extend(calls);
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let mut strace = Command::new("strace");
    ok(strace.args(["-f", "-qq", "-c", "-U", "name", "-o"]).arg(&trace).args([SCANRELAY, "demo"]));
    let trace = fs::read_to_string(trace).unwrap();
    // A process that is killed in the middle of a call may leave a line of its own ("PID ???( <detached ...>").
    let is_name = |line: &&str| line.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let used: BTreeSet<&str> = trace
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && is_name(line) && !["syscall", "total"].contains(line))
        .collect();
    assert!(used.contains("execve") && used.contains("fdatasync"), "{used:?}");
    assert!(used.contains("landlock_restrict_self") && used.contains("seccomp"), "a cell was built: {used:?}");
    // SQLite calls fchown, and a cell gives up capabilities, as root alone, which the service is not.
    let of_root = ["fchown", "capset"];
    let refused: Vec<&&str> =
        used.iter().filter(|call| !allowed.contains(**call) && !of_root.contains(*call)).collect();
    assert!(refused.is_empty(), "the unit does not allow {refused:?}");
}

/// The package, unpacked into a folder.
fn installed() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let made = ok(Command::new(root().join("packaging/deb")).arg(folder.path()).arg("dev"));
    let package = made.lines().last().unwrap_or_default().to_owned();
    let place = folder.path().join("root");
    ok(Command::new("dpkg-deb").arg("-x").arg(&package).arg(&place));
    (folder, place)
}

#[test]
fn the_package_works_where_it_is_unpacked() {
    let (folder, place) = installed();
    let scanrelay = place.join("usr/bin/scanrelay");
    let said = ok(Command::new(&scanrelay).arg("demo"));
    assert!(said.contains("safe") && said.contains("unsafe"), "{said}");

    // As it comes, it starts: what stands in the unit, with addresses and folders of this test.
    let mut serve = Command::new(&scanrelay);
    serve.arg("serve").arg("--config").arg(place.join("etc/scanrelay/scanrelay.toml"));
    serve.env("SCANRELAY__SERVER__BIND", "127.0.0.1:0").env("SCANRELAY__ADMIN__BIND", "127.0.0.1:0");
    serve.env("SCANRELAY__STORE__URL", format!("sqlite://{}", folder.path().join("state/scanrelay.db").display()));
    let mut daemon = serve.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(daemon.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(Command::new("kill").arg(daemon.id().to_string()).status().unwrap().success());
    assert!(line.starts_with("ready intake="), "{line}");
    assert_eq!(daemon.wait().unwrap().code(), Some(0));

    for watched in ["prometheus/scanrelay.rules.yml", "prometheus/scanrelay.rules.test.yml", "grafana/scanrelay.json"] {
        assert!(place.join("usr/share/doc/scanrelay").join(watched).is_file(), "{watched}");
    }
    a_first_registry_is_configured(folder.path(), &place);
    every_command_has_a_page_and_is_completed(&place);
}

/// The lines that the packaged configuration offers, with the marks taken away and the secrets where it says.
fn a_first_registry_is_configured(folder: &Path, place: &Path) {
    let offered = fs::read_to_string(place.join("etc/scanrelay/scanrelay.toml")).unwrap();
    let is_setting = |line: &&str| line.starts_with('[') || line.contains(" = ");
    let lines: Vec<&str> = offered.lines().filter_map(|line| line.strip_prefix("# ")).filter(is_setting).collect();
    let file = folder.join("scanrelay.toml");
    fs::write(&file, lines.join("\n")).unwrap();
    let credentials = folder.join("credentials");
    fs::create_dir(&credentials).unwrap();
    // As systemd names what LoadCredential= finds in a folder.
    let (name, from) = setting("LoadCredential").split_once(':').unwrap();
    assert!(place.join(from.trim_start_matches('/')).is_dir(), "{from} is not in the package");
    for secret in ["verta-developer-key", "verta-webhook"] {
        assert!(offered.contains(&format!("{from}/{secret}\n")), "{secret}");
        let file = credentials.join(format!("{name}_{secret}"));
        fs::write(&file, "a secret of a test").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o400)).unwrap();
    }
    let mut check = Command::new(place.join("usr/bin/scanrelay"));
    let said = ok(check.arg("check").arg("--config").arg(&file).env("CREDENTIALS_DIRECTORY", &credentials));
    assert!(said.contains("pickle-imports"), "{said}");
}

fn every_command_has_a_page_and_is_completed(place: &Path) {
    let help = ok(Command::new(place.join("usr/bin/scanrelay")).arg("--help"));
    let listed = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let commands: Vec<&str> = listed
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(commands.contains(&"serve") && commands.len() > 10, "{commands:?}");
    let completions = [
        "bash-completion/completions/scanrelay",
        "fish/vendor_completions.d/scanrelay.fish",
        "zsh/vendor-completions/_scanrelay",
    ];
    for command in commands {
        assert!(place.join(format!("usr/share/man/man1/scanrelay-{command}.1.gz")).is_file(), "{command} has no page");
        for file in completions {
            let text = fs::read_to_string(place.join("usr/share").join(file)).unwrap();
            assert!(text.contains(command), "{file} does not know {command}");
        }
    }
}
