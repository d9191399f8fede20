//! A configuration at fault: exit 2, the key and the cure in one line, and no secret.

use crate::harness::{DEVELOPER_KEY, Site, WEBHOOK_SECRET, ended};

fn site() -> Site {
    Site::new("https://verta.example.com")
}

/// `serve` and `check` both refuse the site's configuration with these words.
fn refused(site: &Site, edit: impl Fn(String) -> String, words: &[&str]) {
    let text = edit(site.configuration());
    let file = site.write("edited.toml", &text, 0o600);
    for command in ["check", "serve"] {
        let mut command = site.command(&[command]);
        command.arg("--config").arg(&file);
        let (code, stdout, stderr) = ended(&mut command);
        assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}\n{text}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        for word in words {
            assert!(stderr.contains(word), "{stderr:?} does not say {word:?}");
        }
        for secret in [WEBHOOK_SECRET, DEVELOPER_KEY, "a literal secret"] {
            assert!(!stderr.contains(secret), "{stderr}");
        }
    }
}

#[test]
fn an_unknown_key() {
    refused(
        &site(),
        |text| text.replace("workspace =", "wrkspace ="),
        &["edited.toml: registries.verta.wrkspace: unknown key, did you mean workspace?"],
    );
    refused(
        &site(),
        |text| format!("{text}\n[colours]\nred = 1\n"),
        &["colours: unknown key", "check --print-default"],
    );
}

#[test]
fn an_unset_secret() {
    refused(
        &site(),
        |text| text.replace("file = \"webhook-secret\"", "env = \"NOBODY_SET_THIS\""),
        &["registries.verta.webhook.secrets[0]: the environment variable NOBODY_SET_THIS is not set"],
    );
    refused(
        &site(),
        |text| text.replace("file = \"developer-key\"", "file = \"nowhere\""),
        &["registries.verta.credentials.developer_key", "nowhere cannot be read"],
    );
}

#[test]
fn a_literal_secret() {
    refused(
        &site(),
        |text| text.replace("{ file = \"webhook-secret\" }", "\"a literal secret\""),
        &["registries.verta.webhook.secrets[0]: a secret does not stand in the configuration: put it into a file"],
    );
    refused(
        &site(),
        |text| text.replace("developer_key = { file = \"developer-key\" }", "developer_key = \"a literal secret\""),
        &["registries.verta.credentials.developer_key: a secret does not stand in the configuration"],
    );
}

#[test]
fn an_unknown_plugin() {
    refused(
        &site(),
        |text| text.replace("scanners = [\"scan\"]", "scanners = [\"scam\"]"),
        &["plugins.scam: there is no such plugin, did you mean scan?", "scam/plugin.toml"],
    );
}

#[test]
fn a_file_that_others_may_change() {
    let site = site();
    site.write("webhook-secret", WEBHOOK_SECRET, 0o666);
    refused(&site, |text| text, &["registries.verta.webhook.secrets[0]", "chmod go-w"]);
}

#[test]
fn a_file_that_is_not_there() {
    let site = site();
    let mut check = site.command(&["check"]);
    check.arg("--config").arg("/nowhere/scanrelay.toml");
    let (code, _, stderr) = ended(&mut check);
    assert_eq!(code, 2);
    assert!(stderr.starts_with("scanrelay: /nowhere/scanrelay.toml:"), "{stderr}");
}

#[test]
fn an_insecure_override_of_the_environment() {
    let site = site();
    let mut check = site.command(&["check"]);
    check.env("SCANRELAY__REGISTRIES__VERTA__INSECURE_HTTP", "true");
    let (code, _, stderr) = ended(&mut check);
    assert_eq!(code, 2);
    assert!(stderr.contains("SCANRELAY__REGISTRIES__VERTA__INSECURE_HTTP may not set this"), "{stderr}");
}

#[test]
fn wrong_arguments_are_2_too() {
    for arguments in [&["no-such-command"][..], &["jobs", "show", "first"], &["dev-registry", "--bind", "0.0.0.0:0"]] {
        let (code, stdout, stderr) = site().run(arguments);
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}: {stderr}");
    }
}

#[test]
fn a_good_one_is_explained() {
    let (code, stdout, stderr) = site().run(&["check"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    for words in [
        "verta: verta, receives at /hooks/verta, answers to https://verta.example.com/",
        "signed by github in X-Hub-Signature-256 (1 secret)",
        "route 1   on scan_request: scan with scan (all must say safe)",
        "route 2   on promotion to production: confirm with the registry, then run act",
    ] {
        assert!(stdout.contains(words), "{stdout}\ndoes not say\n{words}");
    }
    let (code, stdout, _) = site().run(&["check", "--json"]);
    let summary: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, summary["routes"][0]["scanners"][0].as_str()), (0, Some("scan")));
    let (code, stdout, _) = site().run(&["check", "--print-default"]);
    assert_eq!((code, stdout.as_str()), (0, include_str!("../../examples/scanrelay.toml")));
}
