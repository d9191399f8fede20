//! What one kind of registry has and another has not.

use super::*;

/// A registry of that kind with these lines.
fn registry(kind: &str, lines: &str) -> String {
    format!("[registries.r]\nkind = \"{kind}\"\nwebhook = {{ secrets = [{{ file = \"generic-secret\" }}] }}\n{lines}")
}

const URL: &str = "url = \"https://registry.example.com\"\n";

#[test]
fn a_rule_names_what_it_matches() {
    let github = |rule: &str| registry("github", &format!("promote_on = {rule}"));
    let config = Place::new().load(&github("[{ alias = \"prod\" }, { tag = \"status\", value = \"ok\" }]")).unwrap();
    let rules = &config.registries["r"].rules.promote_on;
    assert_eq!((rules[0].alias.as_deref(), rules[1].value.as_deref()), (Some("prod"), Some("ok")));
    refused(&github("{}"), "registries.r.promote_on: a rule names what it matches");
    refused(&github("[{ alias = \"a\" }, { value = \"b\" }]"), "registries.r.promote_on[1].value: a value is a tag's");
    refused(&github("{ event = \"test\" }"), "registries.r.promote_on.event: a test starts nothing");
    refused(
        &github("{ event = \"tag_deleted\", tag = \"a\" }"),
        "registries.r.promote_on.event: what is gone is neither",
    );
    refused(&github("{ aliass = \"a\" }"), "registries.r.promote_on: it is neither a rule");
    let silent = Place::new().load(&registry("github", "")).unwrap();
    assert!(silent.warnings.iter().any(|line| line.contains("registries.r has no rule")), "{:?}", silent.warnings);
}

#[test]
fn a_kind_has_its_own_keys_and_no_others() {
    let token = "credentials = { token = { file = \"github-token\" } }\nconfirm = false\n";
    let github = |lines: &str| registry("github", &format!("{URL}{lines}"));
    assert!(Place::new().load(&github(token)).is_ok());
    refused(&github("confirm = false"), "registries.r.credentials: they are needed to answer to url");
    refused(&github(&token.replace("false", "true")), "registries.r.confirm: GitHub does not know");
    refused(
        &github(&token.replace("{ token", "{ email = \"a@example.com\", token")),
        "registries.r.credentials.email: a registry of this kind has none: its credentials are token",
    );
    refused(
        &github(&format!("{token}ask = {{ path = \"/\", pointer = \"/a\", equals = \"b\" }}")),
        "registries.r.ask: github has none",
    );
    refused(
        &github(&format!("{token}write_back = {{ update_mask = \"text\" }}")),
        "registries.r.write_back: github has none",
    );
}

#[test]
fn a_sender_of_another_kind_is_understood_as_it_is_told() {
    let generic = |lines: &str| registry("generic", lines);
    let mapping = |rest: &str| generic(&format!("mapping = {{ kind = \"/type\"{rest} }}"));
    assert!(Place::new().load(&mapping(", model = \"/a~1b\"")).is_ok());
    refused(&mapping(", model = \"a.b\""), "registries.r.mapping.model: it is no JSON pointer");
    refused(&mapping(", kinds = { x = \"promoted\" }"), "it is none of promotion, scan_request");
    let tell = |text: &str| generic(&format!("tell.scan = {text}"));
    assert!(Place::new().load(&tell("{ path = \"/x/{model}\", body = \"{}\" }")).is_ok());
    refused(&tell("{ path = \"/x/{host}\", body = \"{}\" }"), "registries.r.tell.scan: {host} is no value");
    refused(&tell("{ path = \"/x\", body = \"[]\" }"), "the body is no JSON object");
    refused(&tell("{ method = \"GET\", path = \"/x\", body = \"{}\" }"), "\"GET\" is not one of POST, PUT, PATCH");
    refused(
        &tell("{ path = \"/x\", body = \"{}\", words = { error = \"safe\" } }"),
        "registries.r.tell.scan.words: the word for safe is the word for something else",
    );
    refused(
        &tell("{ path = \"/x\", body = \"{}\", words = { complete = \"a\" } }"),
        "words.complete: it is none of scanning",
    );
    refused(&generic(URL), "registries.r.confirm: there is no ask");
    let asked = format!("{URL}ask = {{ path = \"/m/{{model}}\", pointer = \"/stage\", equals = \"{{stage}}\" }}");
    assert!(Place::new().load(&generic(&asked)).is_ok());
}

#[test]
fn mlflow_is_told_who_we_are_in_one_way_or_none() {
    let mlflow = |credentials: &str| {
        registry("mlflow", &format!("{URL}promote_on = {{ alias = \"production\" }}\n{credentials}"))
    };
    for good in [
        "",
        "credentials = { user = \"bot\", password = { file = \"mlflow-password\" } }",
        "credentials = { token = { file = \"mlflow-password\" } }",
    ] {
        let config = Place::new().load(&mlflow(good)).unwrap();
        assert_eq!(config.registries["r"].registry.credentials().len(), usize::from(!good.is_empty()), "{good}");
        assert_eq!(config.registries["r"].verifier.scheme().name(), "mlflow");
        assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    }
    let either = "registries.r.credentials: they are a user and a password, or a token";
    refused(&mlflow("credentials = { user = \"bot\" }"), either);
    refused(&mlflow("credentials = { user = \"bot\", token = { file = \"mlflow-password\" } }"), either);
    refused(&mlflow("credentials = {}"), either);
    refused(
        &mlflow("credentials = { user = \"a:b\", password = { file = \"mlflow-password\" } }"),
        "registries.r.credentials.user: a user's name has no colon",
    );
}

#[test]
fn each_kind_signs_in_its_own_way_and_has_a_login() {
    for (kind, scheme, credentials) in [
        ("databricks", "databricks", "{ token = { file = \"databricks-token\" } }"),
        ("huggingface", "token", "{ token = { file = \"hub-token\" } }"),
        ("wandb", "wandb", "{ api_key = { file = \"wandb-api-key\" } }"),
    ] {
        let with = |lines: &str| registry(kind, &format!("{URL}promote_on = {{ alias = \"production\" }}\n{lines}"));
        let config = Place::new().load(&with(&format!("credentials = {credentials}"))).unwrap();
        let peer = &config.registries["r"];
        assert_eq!((peer.registry.kind(), peer.verifier.scheme().name()), (kind, scheme));
        assert_eq!(peer.registry.credentials().len(), 1);
        refused(&with(""), "registries.r.credentials: they are needed to answer to url");
    }
}

#[test]
fn the_payload_that_is_documented_for_w_and_b_is_the_one_that_is_read() {
    assert!(SAMPLE.contains(&format!("#   {}\n", scanrelay::registry::wandb::TEMPLATE)));
}
