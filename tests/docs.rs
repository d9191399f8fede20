//! What README says is true: every command in it is run, its configuration is checked, its plugin works.
#![expect(clippy::disallowed_methods, reason = "tests start the program that they test")]
#![expect(clippy::print_stderr, reason = "tests say what they saw")]

#[path = "daemon/harness.rs"]
#[expect(dead_code, reason = "the process tests use all of it")]
mod harness;

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use harness::{Ready, ended};
use scanrelay::plugin::Line;

const README: &str = include_str!("../README.md");
const SCANRELAY: &str = "cargo run --release --features daemon -- ";

/// The code blocks of that language.
fn blocks(language: &str) -> Vec<&'static str> {
    let opened = README.split("\n```").skip(1).step_by(2);
    opened.filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n')).collect()
}

/// Every command line of README.
fn commands() -> Vec<&'static str> {
    blocks("sh").into_iter().filter(|block| !block.starts_with("#!")).flat_map(str::lines).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// README's command, from the repository's root, with the binary that was built for tests.
fn scanrelay(line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scanrelay"));
    command.args(line.strip_prefix(SCANRELAY).unwrap_or_else(|| panic!("not run by this test: {line}")).split(' '));
    command.current_dir(root()).stdin(Stdio::null());
    command
}

/// Its lines name no program, and the package has two.
#[test]
fn cargo_runs_the_program_that_readme_means() {
    let mut asked = Command::new(env!("CARGO"));
    asked.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]);
    let (code, said, stderr) = ended(asked.current_dir(root()));
    assert_eq!(code, 0, "{stderr}");
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["packages"][0]["default_run"], "scanrelay");
}

fn the<'a>(lines: &[&'a str], word: &str) -> &'a str {
    let found: Vec<&&str> = lines.iter().filter(|line| line.ends_with(word)).collect();
    assert_eq!(found.len(), 1, "{word} in {lines:?}");
    found[0]
}

#[test]
fn the_first_steps_lead_where_readme_says() {
    let lines = commands();
    let known = [
        "demo",
        "tests/run",
        "dev-registry",
        "chmod -R go-rwx examples/try",
        "serve",
        "examples/try/story",
        "status",
        "deliveries list",
        "jobs list",
    ];
    assert_eq!(lines.len(), known.len(), "README has a command that nobody runs: {lines:?}");
    assert_eq!(the(&lines, "tests/run"), "tests/run");

    let mut chmod = the(&lines, "chmod -R go-rwx examples/try").split(' ');
    let mut command = Command::new(chmod.next().unwrap());
    assert_eq!(ended(command.args(chmod).current_dir(root())).0, 0);

    // Free ports and a folder of our own, so that a daemon that is being tried meanwhile is left alone.
    let folder = tempfile::tempdir().unwrap();
    let peer = Ready::start(scanrelay(the(&lines, "dev-registry")).args(["--bind", "127.0.0.1:0"]));
    let registry = format!("http://{}", peer.address("registry"));
    let site = |mut command: Command| {
        command.env("SCANRELAY__SERVER__BIND", "127.0.0.1:0").env("SCANRELAY__ADMIN__BIND", "127.0.0.1:0");
        command.env("SCANRELAY__STORE__URL", format!("sqlite:{}/scanrelay.db", folder.path().display()));
        command.env("SCANRELAY__REGISTRIES__VERTA__URL", &registry);
        command
    };
    let daemon = Ready::start(&mut site(scanrelay(the(&lines, "serve"))));
    let intake = format!("http://{}", daemon.address("intake"));

    let mut story = Command::new(root().join(the(&lines, "examples/try/story")));
    let (code, said, stderr) = ended(story.args([&registry, &intake]));
    assert_eq!(code, 0, "{said}{stderr}");
    for words in ["scanned, safe", "complete"] {
        assert!(said.contains(words), "{said}\ndoes not say {words}");
    }
    for (listing, words) in [("status", "plugin:announce"), ("deliveries list", "promotion"), ("jobs list", "announce")]
    {
        let (code, said, stderr) = ended(&mut site(scanrelay(the(&lines, listing))));
        assert_eq!(code, 0, "{stderr}");
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn the_demo_tells_its_story_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = scanrelay(the(&commands(), "demo"));
    let (code, said, stderr) = ended(demo.env("TMPDIR", folder.path()));
    assert_eq!((code, stderr.as_str()), (0, ""), "{said}");
    for words in [
        "answered 202",
        "harmless: scanned, safe",
        "malicious: scanned, unsafe",
        "harmless: complete https://models.example.com/",
        "malicious: failed the scanners' verdict is unsafe: pickle-imports: unsafe",
    ] {
        assert!(said.contains(words), "{said}\ndoes not say\n{words}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn the_configuration_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().display().to_string();
    let [configuration] = blocks("toml")[..] else { panic!("README has one configuration") };
    for program in ["no-pickles", "announce"] {
        std::fs::write(folder.path().join(program), "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(folder.path().join(program), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let file = folder.path().join("scanrelay.toml");
    std::fs::write(&file, configuration.replace("/usr/local/lib/scanrelay", &place)).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let mut check = Command::new(env!("CARGO_BIN_EXE_scanrelay"));
    check.env("VERTA_DEV_KEY", "key").env("VERTA_WEBHOOK_SECRET", "secret");
    let (code, said, stderr) = ended(check.arg("--config").arg(&file).arg("check"));
    assert_eq!((code, stderr.as_str()), (0, ""), "{said}");
    assert!(said.contains("route 2   on promotion to production"), "{said}");
}

#[test]
fn the_plugin_says_what_it_should() {
    let plugin = blocks("sh").into_iter().find(|block| block.starts_with("#!/bin/sh")).expect("README has a plugin");
    for (image, verdict) in
        [("registry.example.com/trusted/fraud:1", "safe"), ("registry.example.com/elsewhere/fraud:1", "inconclusive")]
    {
        let mut run =
            Command::new("sh").args(["-c", plugin]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = format!("{{\"protocol\":1,\"event\":{{\"build\":{{\"id\":\"1\",\"image\":\"{image}\"}}}}}}");
        run.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let said = String::from_utf8(run.wait_with_output().unwrap().stdout).unwrap();
        let line = Line::parse(said.trim().as_bytes()).expect("a type we know").expect("the contract is kept");
        assert!(line.to_string().contains(&format!("\"verdict\":\"{verdict}\"")), "{said}");
    }
}

#[test]
fn the_exit_codes_are_those_of_readme() {
    let documented = ["| 0 | done |", "| 1 | failed |", "| 2 | wrong arguments or configuration |"];
    assert!(documented.iter().all(|row| README.contains(row)));
    let code = |arguments: &[&str]| ended(Command::new(env!("CARGO_BIN_EXE_scanrelay")).args(arguments)).0;
    assert_eq!(code(&["check", "--print-default"]), 0);
    assert_eq!(code(&["--config", "/nowhere", "check"]), 2);
    assert_eq!(code(&["check", "--no-such-option"]), 2);
}
