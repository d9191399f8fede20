use scanrelay::registry::{Comet, Registry};

use super::*;

const COMET: &str = r#"
[registries.comet]
kind = "comet"
url = "https://comet.example.com"
credentials = { api_key = { file = "comet-api-key" } }
webhook = { secrets = [{ file = "webhook-secret" }] }
promote_on = { stage = "Production" }
"#;

fn comet(more: &str) -> Comet {
    match Place::new().load(&[COMET, more].concat()).unwrap().registries.remove("comet").unwrap().registry {
        Registry::Comet(comet) => comet,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_key_and_a_rule_are_enough() {
    let plain = comet("");
    assert_eq!(plain.workspace, None);
    assert!(plain.api_key.is_some() && plain.write_back.metadata && plain.write_back.comment);
    assert_eq!(plain.write_back.status.safe, None, "a status is other people's unless told");

    let told = comet(
        "workspace = \"acme\"\nwrite_back = { comment = false, status = { safe = \"Approved\", unsafe = \"No\" } }",
    );
    assert_eq!(told.workspace.as_deref(), Some("acme"));
    assert!(!told.write_back.comment);
    let status = told.write_back.status;
    assert_eq!(
        (status.safe.as_deref(), status.is_unsafe.as_deref(), status.error),
        (Some("Approved"), Some("No"), None)
    );
}

#[test]
fn what_is_not_comet_s_is_refused() {
    let check = |more: &str, words: &str| refused(&[COMET, more].concat(), words);
    check(
        "write_back = { metadata = false, comment = false }",
        "registries.comet.write_back: nothing is written anywhere, and nobody would hear of an outcome",
    );
    check(
        "write_back = { status = { safe = \"Done\", error = \"Done\" } }",
        "registries.comet.write_back.status: another outcome has the status of safe",
    );
    check("write_back = { status = { safe = \" \" } }", "registries.comet.write_back.status: a status is empty");
    check(
        "write_back = { scan_method = \"PUT\" }",
        "registries.comet.write_back: comet has none, or not with this key",
    );
    check("write_back = { status = \"Done\" }", "registries.comet.write_back.status");
    let without_key = COMET.replace("credentials", "# credentials");
    refused(&without_key, "registries.comet.credentials: they are needed to answer to url: { api_key = ");
    let foreign = COMET.replace("api_key", "developer_key");
    refused(&foreign, "registries.comet.credentials.developer_key: a registry of this kind has none");
    let verta = [REGISTRY, "write_back = { comment = true }"].concat();
    refused(&verta, "registries.verta.write_back: verta has none, or not with this key");
}

#[test]
fn a_status_of_ours_that_a_rule_waits_for_is_warned_of() {
    let warned = |status: &str| {
        let text = [COMET, &format!("write_back = {{ status = {{ safe = \"{status}\" }} }}")].concat();
        Place::new().load(&text).unwrap().warnings
    };
    assert_eq!(warned("Approved"), [""; 0]);
    let [warning] = &warned("PRODUCTION")[..] else { panic!("one warning") };
    assert!(
        warning.starts_with("registries.comet.write_back.status: \"PRODUCTION\" is a stage of a rule, too"),
        "{warning}"
    );
}
