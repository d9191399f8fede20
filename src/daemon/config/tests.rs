use std::fs;
use std::os::unix::fs::PermissionsExt;

use scanrelay::plugin::Verdict;
use tempfile::TempDir;

use super::*;

mod cell;
mod comet;
mod demands;
mod images;
mod kinds;
mod reports;

/// A folder with secrets and programs, and an environment.
struct Place {
    folder: TempDir,
    environment: BTreeMap<String, String>,
}

const SECRET: &str = "hunter2-is-the-secret";

impl Place {
    fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap(), environment: BTreeMap::new() };
        for name in [
            "webhook-secret",
            "developer-key",
            "scanner-token",
            "comet-api-key",
            "mlflow-password",
            "databricks-token",
            "hub-token",
            "wandb-api-key",
            "github-token",
            "generic-token",
            "images-password",
        ] {
            place.write(name, SECRET, 0o600);
        }
        place.write("generic-secret", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", 0o600);
        place.write("program", "#!/bin/sh\n", 0o755);
        place
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    fn load(&self, text: &str) -> Result<Config, String> {
        let text = text.replace("FOLDER", &self.folder.path().display().to_string());
        let file = self.write("scanrelay.toml", &text, 0o600);
        let loaded = Config::load(&file, self.environment.clone());
        loaded.map_err(|error| {
            let line = error.to_string();
            assert!(!line.contains('\n') && !line.contains(SECRET), "{line}");
            line.replace(&self.folder.path().display().to_string(), "FOLDER")
        })
    }
}

const REGISTRY: &str = r#"
[registries.verta]
kind = "verta"
url = "https://verta.example.com"
workspace = "acme"
credentials = { email = "bot@example.com", developer_key = { file = "developer-key" } }
webhook = { secrets = [{ file = "webhook-secret" }] }
"#;
const SCANNER: &str = "[plugins.scan]\nkind = \"scanner\"\ncommand = [\"FOLDER/program\"]\n";
const ACTION: &str = "[plugins.act]\nkind = \"action\"\ncommand = [\"FOLDER/program\"]\n";

/// The configuration is refused with these words.
fn refused(text: &str, words: &str) {
    let line = Place::new().load(text).expect_err(text);
    assert!(line.contains(words), "{line}\n  does not say\n{words}");
}

#[test]
fn the_documented_defaults_are_the_defaults() {
    let source = Source::bare("/etc/scanrelay".into());
    let documented = Config::parse(SAMPLE, &source).unwrap();
    let mut defaults = Config::default();
    defaults.digest.clone_from(&documented.digest);
    assert_eq!(documented, defaults);
}

#[test]
fn the_sample_s_named_entries_are_true() {
    let is_setting = |line: &str| {
        let key = line.split(['=', ']']).next().unwrap_or_default().trim();
        line.starts_with('[')
            || (line.contains(" = ")
                && !key.is_empty()
                && key.bytes().all(|b| b.is_ascii_lowercase() || b"_.".contains(&b)))
    };
    let uncommented: Vec<&str> = SAMPLE
        .lines()
        .map(|line| line.strip_prefix("# ").filter(|rest| !rest.starts_with(' ') && is_setting(rest)).unwrap_or(line))
        .filter(|line| !line.starts_with("token ="))
        .collect();
    let place = Place::new();
    let tls = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    place.write("tls.pem", &tls.cert.pem(), 0o644);
    place.write("tls-key", &tls.signing_key.serialize_pem(), 0o600);
    place.write("ca.pem", &tls.cert.pem(), 0o644);
    place.write("proxy-password", SECRET, 0o600);
    place.write("path-secret", SECRET, 0o600);
    let config = place.load(&uncommented.join("\n")).unwrap();
    assert!(config.server.tls.is_some() && config.server.tls == config.admin.tls);
    let login = config.registries["verta"].proxy.as_ref().and_then(|proxy| proxy.login.as_ref());
    assert_eq!(login.map(|(user, _)| user.as_str()), Some("scanrelay"));
    assert_eq!(
        config.registries.keys().collect::<Vec<_>>(),
        ["comet", "databricks", "elsewhere", "github", "huggingface", "mlflow", "verta", "wandb"]
    );
    assert_eq!(config.plugins.keys().collect::<Vec<_>>(), ["announce", "no-pickles", "reporter"]);
    assert_eq!(config.routes.len(), 2);
    assert_eq!(
        config.plugins["no-pickles"].output,
        Output::Verdicts([(0, Verdict::Safe), (1, Verdict::Unsafe)].into())
    );
    // What the sample says of an entry is also what an entry without those keys gets.
    let short = Place::new().load(REGISTRY).unwrap();
    let (told, silent) = (&config.registries["verta"], &short.registries["verta"]);
    assert_eq!((&told.registry, told.timeout, told.confirm), (&silent.registry, silent.timeout, silent.confirm));
    assert_eq!(told.max_pending, silent.max_pending);
}

#[test]
fn a_wrong_key_or_value_is_named_with_its_cure() {
    refused("[server]\nbnd = \"127.0.0.1:1\"", "FOLDER/scanrelay.toml: server.bnd: unknown key, did you mean bind?");
    refused("[limits]\nretry_frist = \"1s\"", "limits.retry_frist: unknown key, did you mean retry_first?");
    refused("colour = 1", "colour: unknown key");
    refused("[server]\nmax_body = \"1mb\"", "server.max_body: \"1mb\" is no size: write 1MiB");
    refused("[limits]\nretry_first = \"soon\"", "limits.retry_first: \"soon\" is no duration: write 500ms");
    refused("[limits]\nconcurrency = 0", "limits.concurrency: 0 is out of bounds: 1 to 1024");
    refused(
        "[retention]\nverdicts = \"100d\"",
        "retention.verdicts: a verdict is kept at least as long as its delivery",
    );
    refused("[store]\nmax_size = \"1KiB\"", "store.max_size: 1024 bytes are out of bounds: 1048576 to");
    refused("[store]\nurl = \"postgres://x\"", "store.url: \"postgres://x\" is no store: write sqlite:///PATH");
    refused("[admin]\nbind = \"0.0.0.0:1\"", "admin.bind: 0.0.0.0:1 is not loopback: set admin.token");
    refused("[server", "scanrelay.toml: TOML parse error at line 1");
    refused("[registries.Verta]\nkind = \"verta\"\nwebhook = { secrets = [] }", "\"Verta\" is no name");
}

#[test]
fn who_is_believed_without_a_signature_is_checked() {
    let webhook = |keys: &str| {
        REGISTRY.replace("webhook = { secrets = [{ file = \"webhook-secret\" }] }", &format!("webhook = {{ {keys} }}"))
    };
    let path = "path_secret = { file = \"webhook-secret\" }";
    let scheme = |keys: &str| {
        let config = Place::new().load(&webhook(keys)).expect(keys);
        let peer = &config.registries["verta"];
        (peer.verifier.scheme().name().to_owned(), peer.verifier.path_secret().is_some(), config.warnings)
    };
    refused(&webhook(""), "registries.verta.webhook: no secret is given: set secrets, or path_secret");
    refused(&webhook("insecure_ip_only = true"), "registries.verta.webhook: no secret is given");
    refused(&webhook("allow_ips = [\"10.0.0.1\"]"), "webhook: an address alone is easily had by others");
    refused(&webhook("allow_ips = [\"10.0.0.1\"], insecure_unsigned = true"), "an address alone is easily had");
    refused(&webhook("allow_ips = [], insecure_ip_only = true"), "webhook.allow_ips: no network is given");
    refused(
        &webhook("allow_ips = [\"10.0.0.1/8\"], insecure_ip_only = true"),
        "allow_ips[0]: \"10.0.0.1/8\" is no network",
    );
    refused(&webhook("scheme = \"github\""), "webhook: no secret is given");
    refused(&webhook(&format!("scheme = \"github\", {path}")), "webhook: no secret is given");
    refused("[server]\ntrusted_proxies = [\"proxy\"]", "server.trusted_proxies[0]: \"proxy\" is no network");
    assert_eq!(scheme(path), ("path secret".into(), true, vec![]));
    let both = format!("secrets = [{{ file = \"webhook-secret\" }}], {path}");
    assert_eq!(scheme(&both), ("github".into(), true, vec![]));
    let (name, _, warnings) = scheme("insecure_unsigned = true");
    assert_eq!((name.as_str(), warnings.len()), ("nothing", 1));
    assert!(warnings[0].contains("insecure_unsigned is on: whoever can connect is believed"), "{warnings:?}");
    let (name, _, warnings) = scheme("allow_ips = [\"10.0.0.0/8\", \"fd00::/8\"], insecure_ip_only = true");
    assert_eq!((name.as_str(), warnings.len()), ("nothing", 1));
    assert!(warnings[0].contains("insecure_ip_only is on"), "{warnings:?}");
    assert!(scheme(&format!("{path}, insecure_unsigned = true")).2[0].contains("say nothing beside a secret"));

    let open = |server: &str| format!("[server]\nbind = \"0.0.0.0:1\"\n{server}\n{}", webhook(path));
    refused(&open(""), "registries.verta.webhook.path_secret: a path on 0.0.0.0:1 can be read on the way");
    assert!(Place::new().load(&open("trusted_proxies = [\"10.0.0.1\"]")).is_ok());
    assert!(Place::new().load(&open("insecure_plaintext = true")).is_ok());
    let place = Place::new();
    place.write("webhook-secret", "short", 0o600);
    assert!(place.load(&webhook(path)).unwrap_err().contains("webhook.path_secret: a path secret is from 16 to 256"));
    let at_start = Place::new().with("SCANRELAY__REGISTRIES__VERTA__WEBHOOK__INSECURE_UNSIGNED", "true");
    assert!(at_start.load(&webhook("")).unwrap_err().contains("may not set this: write it into the file"));
}

#[test]
fn registries_are_checked() {
    let with = |from: &str, to: &str| REGISTRY.replace(from, to);
    refused(&with("\"verta\"\nurl", "\"werta\"\nurl"), "registries.verta.kind: \"werta\" is no kind of registry");
    refused(&with("https:", "http:"), "registries.verta.url: http would send the credentials in clear");
    refused(&with("https://", "https://me:pw@"), "registries.verta.url: a user or password");
    let proxied = |proxy: &str| with("workspace = \"acme\"", &format!("workspace = \"acme\"\nproxy = {proxy}"));
    refused(
        &proxied("\"proxy:3128\""),
        "registries.verta.proxy: it is no http or https address: write http://HOST:PORT",
    );
    refused(
        &proxied(&format!("\"http://me:{SECRET}@proxy:3128\"")),
        "registries.verta.proxy: a user or password does not stand in an address: write { url =",
    );
    refused(
        &proxied(&format!("{{ url = \"http://proxy:3128\", user = \"me\", password = \"{SECRET}\" }}")),
        "registries.verta.proxy.password: a secret does not stand in the configuration: put it into a file",
    );
    refused(
        &proxied("{ url = \"http://proxy:3128\", user = \"m:e\", password = { file = \"developer-key\" } }"),
        "registries.verta.proxy.user: a user's name that is sent with a password has no colon",
    );
    refused(&with("workspace = \"acme\"", ""), "registries.verta.workspace: it is needed to answer to url");
    refused(&with("[{ file = \"webhook-secret\" }]", "[]"), "registries.verta.webhook: no secret is given");
    refused(
        &with("[{ file = \"webhook-secret\" }]", &format!("[\"{SECRET}\"]")),
        "webhook.secrets[0]: a secret does not stand in the configuration: put it into a file",
    );
    refused(
        &with("{ file = \"webhook-secret\" }", "{ env = \"NOT_SET\" }"),
        "webhook.secrets[0]: the environment variable NOT_SET is not set",
    );
    refused(
        &with("{ file = \"webhook-secret\" }", "{ credential = \"hook\" }"),
        "CREDENTIALS_DIRECTORY is not set: add LoadCredential=hook:PATH",
    );
    refused(
        &with("{ file = \"webhook-secret\" }", "{ file = \"nowhere\" }"),
        "webhook.secrets[0]: FOLDER/nowhere cannot be read",
    );
    refused(&with("{ file = \"webhook-secret\" }", "{ vault = \"x\" }"), "a secret is one of { env");
    refused(&with("}] }", "}], scheme = \"githup\" }"), "\"githup\" is no scheme of this version");
    refused(
        &with("}] }", "}], scheme = { header = \"X\", signed = \"{id}\" } }"),
        "webhook.scheme.signed: signed = \"{id}\" is no template",
    );
    refused(&with("}] }", "}], scheme = \"standard-webhooks\" }"), "webhook: the secret is not base64");
    let token = with("}] }", "}], scheme = { token = \"Authorization\" } }");
    refused(
        &format!("[server]\nbind = \"0.0.0.0:1\"\n{token}"),
        "webhook.scheme: a token on 0.0.0.0:1 can be read on the way",
    );
    assert!(Place::new().load(&format!("[server]\nbind = \"0.0.0.0:1\"\ninsecure_plaintext = true\n{token}")).is_ok());
    refused(
        &format!("{REGISTRY}\nwrite_back = {{ scan_method = \"POST\" }}"),
        "write_back.scan_method: \"POST\" is not one of PUT, PATCH",
    );
}

#[test]
fn secrets_come_from_where_the_configuration_says() {
    let mut place = Place::new().with("HOOK", "from the environment\n");
    place.write("credentials/hook", "from systemd\n", 0o400);
    let credentials = place.folder.path().join("credentials").display().to_string();
    place.environment.insert("CREDENTIALS_DIRECTORY".into(), credentials);
    let text = REGISTRY.replace("[{ file = \"webhook-secret\" }]", "[{ env = \"HOOK\" }, { credential = \"hook\" }]");
    assert_eq!(place.load(&text).unwrap().registries["verta"].secrets, 2);
    place.write("webhook-secret", "\n", 0o600);
    assert!(place.load(REGISTRY).unwrap_err().contains("FOLDER/webhook-secret is empty"));
    place.write("webhook-secret", "x", 0o622);
    assert!(
        place
            .load(REGISTRY)
            .unwrap_err()
            .contains("may be written by others than its owner: chmod go-w FOLDER/webhook-secret")
    );
    place.write("webhook-secret", "x", 0o644);
    let warnings = place.load(REGISTRY).unwrap().warnings;
    assert!(warnings[0].contains("may be read by others: chmod go-r"), "{warnings:?}");
}

#[test]
fn a_probe_is_off_unless_told_and_is_warned_of() {
    let off = Place::new().load(REGISTRY).unwrap();
    assert!(!off.registries["verta"].probe);
    let probed = REGISTRY.replace("webhook-secret\" }]", "webhook-secret\" }], probe = true");
    let on = Place::new().load(&probed).unwrap();
    assert!(on.registries["verta"].probe);
    let words = "registries.verta.webhook.probe is on: refused requests are kept in memory";
    assert!(on.warnings.iter().any(|warning| warning.contains(words)), "{:?}", on.warnings);
}

#[test]
fn the_environment_overrides_plain_keys_only() {
    let config = Place::new().with("SCANRELAY__LIMITS__CONCURRENCY", "3").load("[limits]\nconcurrency = 5").unwrap();
    assert_eq!(config.limits.concurrency, 3);
    for name in [
        "SCANRELAY__SERVER__INSECURE_PLAINTEXT",
        "SCANRELAY__PLUGINS__SCAN__ENV__LD_PRELOAD",
        "SCANRELAY__PLUGINS__SCAN__SECRETS__A",
    ] {
        let line = Place::new().with(name, "true").load("").unwrap_err();
        assert!(line.contains(&format!("{name} may not set this: write it into the file")), "{line}");
    }
}

#[test]
fn plugins_are_checked() {
    let with = |more: &str| format!("{SCANNER}{more}");
    refused(
        "[plugins.scan]\nkind = \"scanner\"",
        "plugins.scan: there is no such plugin: put scan/plugin.toml into FOLDER/plugins",
    );
    refused("[plugins.scan]\ncommand = [\"FOLDER/program\"]", "plugins.scan.kind: it is missing: scanner or action");
    refused(
        "[plugins.scan]\nkind = \"scanner\"\ncommand = [\"no-such-program\"]",
        "plugins.scan.command: no-such-program is not found in PATH",
    );
    refused(
        "[plugins.scan]\nkind = \"scanner\"\ncommand = [\"FOLDER/webhook-secret\"]",
        "is not executable: chmod +x FOLDER/webhook-secret",
    );
    refused("[plugins.scan]\nkind = \"scanner\"\ncommand = [\"../x\"]", "leaves the plugin's folder");
    refused(
        &SCANNER.replace("program\"", "program\", \"{artefact}\""),
        "plugins.scan.command: {artefact} is not replaced: only {artifact}",
    );
    refused(&with("exit_codes = { safe = [0], unsafe = [1] }"), "they are for output = \"exit-code\"");
    refused(&with("output = \"exit-code\""), "plugins.scan.exit_codes: they have no default");
    refused(&with("output = \"exit-code\"\nexit_codes = { safe = [0] }"), "no code says unsafe");
    refused(&with("output = \"exit-code\"\nexit_codes = { safe = [0], unsafe = [0] }"), "0 means two things");
    refused(
        &with("output = \"exit-code\"\nexit_codes = { complete = [0], failed = [1] }"),
        "a scanner has safe and unsafe",
    );
    refused(&with("output = \"exit-code\"\nexit_codes = { safe = [0], unsafe = [256] }"), "256 is no exit code");
    refused(&with("output = \"xml\""), "is not one of jsonl, exit-code, sarif, json");
    refused(&with("fail_on = \"bad\""), "plugins.scan.fail_on: \"bad\" is not one of");
    refused(&with("env = { SCANRELAY_X = \"1\" }"), "plugins.scan.env: SCANRELAY_X cannot be set");
    refused(
        &with(&format!("secrets = {{ TOKEN = \"{SECRET}\" }}")),
        "plugins.scan.secrets.TOKEN: a secret does not stand in the configuration",
    );
    refused(&with("timeout = \"0s\""), "plugins.scan.timeout");
}

#[test]
fn a_manifest_is_overridden_and_used_twice() {
    let place = Place::new();
    let manifest = "kind = \"scanner\"\ncommand = [\"own\", \"{event}\"]\ntimeout = \"1m\"\nsettings = { a = 1, b = 1 }\nenv = { LC_ALL = \"C\" }\n";
    place.write("plugins/deep/plugin.toml", manifest, 0o644);
    place.write("plugins/deep/own", "#!/bin/sh\n", 0o755);
    let config = place.load("[plugins.deep]\ntimeout = \"2m\"\nsettings = { b = 2 }\n[plugins.other]\nuse = \"deep\"\nsettings = { b = 3 }").unwrap();
    let (deep, other) = (&config.plugins["deep"], &config.plugins["other"]);
    assert_eq!(deep.program, place.folder.path().join("plugins/deep/own"));
    assert_eq!((deep.timeout.as_secs(), other.timeout.as_secs()), (120, 60));
    assert_eq!(serde_json::to_string(&deep.settings).unwrap(), r#"{"a":1,"b":2}"#);
    assert_eq!(serde_json::to_string(&other.settings).unwrap(), r#"{"a":1,"b":3}"#);
    assert_eq!(
        (deep.env.as_slice(), other.program == deep.program),
        ([("LC_ALL".to_owned(), "C".to_owned())].as_slice(), true)
    );
    place.write("plugins/deep/plugin.toml", manifest, 0o666);
    assert!(place.load("[plugins.deep]\n").unwrap_err().contains("chmod go-w FOLDER/plugins/deep/plugin.toml"));
    place.write("plugins/deep/plugin.toml", "kindd = \"scanner\"\n", 0o644);
    assert!(
        place.load("[plugins.deep]\n").unwrap_err().contains("plugin.toml: kindd: unknown key, did you mean kind?")
    );
}

#[test]
fn routes_are_checked() {
    let with = |route: &str| format!("{SCANNER}{ACTION}{REGISTRY}\n[[routes]]\n{route}");
    refused(
        &with("on = \"scan_requst\"\nscanners = [\"scan\"]"),
        "routes[0].on: \"scan_requst\" is no event, did you mean scan_request?",
    );
    refused(
        &with("on = \"scan_request\"\nscanners = [\"scam\"]"),
        "plugins.scam: there is no such plugin, did you mean scan?",
    );
    refused(
        &with("on = \"scan_request\"\nscanners = [\"act\"]"),
        "routes[0].scanners: act is an action, not a scanner",
    );
    refused(&with("on = \"promotion\"\nactions = [\"scan\"]"), "routes[0].actions: scan is a scanner, not an action");
    refused(
        &with("on = \"scan_request\"\nadvisory = [\"scan\"]"),
        "routes[0].scanners: a scan without a voting scanner has no verdict",
    );
    refused(&with("on = \"promotion\""), "routes[0].actions: the route does nothing");
    refused(&with("on = \"scan_request\"\nscanners = [\"scan\", \"scan\"]"), "scan is named twice");
    refused(
        &with("on = \"scan_request\"\nscanners = [\"scan\"]\nverdict = { quorum = 2 }"),
        "a quorum of 2 among 1 voting scanners can never be",
    );
    refused(
        &with("on = \"scan_request\"\nscanners = [\"scan\"]\nverdict = \"most\""),
        "\"most\" is neither \"all\" nor { quorum = N }",
    );
    refused(
        &with("on = \"scan_request\"\nscanners = [\"scan\"]\non_error = \"safe\""),
        "\"safe\" is neither error nor unsafe",
    );
    refused(
        &with("on = \"scan_request\"\nscanners = [\"scan\"]\nregistries = [\"comet\"]"),
        "comet is not configured: add [registries.comet]",
    );
    refused(&with("on = \"promotion\"\nactions = [\"act\"]\nmodel = \"[\""), "routes[0].model");
    let silent = with("on = \"promotion\"\nactions = [\"act\"]").replace("url = \"https://verta.example.com\"", "");
    refused(&silent, "routes[0].actions: registries.verta has no url, so a promotion cannot be confirmed there");
    assert!(Place::new().load(&silent.replace("workspace", "confirm = false\nworkspace")).is_ok());
}

#[test]
fn an_explanation_names_everything_and_no_secret() {
    let place = Place::new();
    let text = format!(
        "{SCANNER}secrets = {{ TOKEN = {{ file = \"scanner-token\" }} }}\n{REGISTRY}\n[[routes]]\non = \"scan_request\"\nscanners = [\"scan\"]"
    );
    let config = place.load(&text).unwrap();
    let (words, summary) = (config.explain(), config.summary().to_string());
    for part in [
        "/hooks/verta",
        "https://verta.example.com",
        "github",
        "X-Hub-Signature-256",
        "scan with scan (all must say safe)",
    ] {
        assert!(words.contains(part), "{part}: {words}");
    }
    assert!(!words.contains(SECRET) && !summary.contains(SECRET) && !format!("{config:?}").contains(SECRET));
}

#[test]
fn what_is_fetched_is_bounded_and_from_somewhere() {
    refused("[fetch]\nallow = [\"10.0.0.1/8\"]", "fetch.allow[0]: \"10.0.0.1/8\" is no network: write 10.0.0.0/8");
    refused("[fetch]\nallow = [\"::ffff:10.0.0.0/104\"]", "fetch.allow[0]");
    refused("[fetch]\nroots = [\"/\"]", "fetch.roots[0]: / is no folder to read from: name one below /");
    refused("[fetch]\nroots = [\"/models/../etc\"]", "fetch.roots[0]");
    refused("[fetch]\nmax_files = 0", "fetch.max_files: 0 is out of bounds");
    let receiving = REGISTRY.lines().filter(|line| !line.starts_with("url") && !line.starts_with("credentials"));
    let receiving = receiving.collect::<Vec<_>>().join("\n");
    let route = "[[routes]]\non = \"scan_request\"\nscanners = [\"scan\"]\n";
    refused(
        &format!("{receiving}\n{SCANNER}artifact = true\n{route}"),
        "scan wants the model's files (artifact = true), and registries.verta has no url to fetch them from",
    );
    assert!(Place::new().load(&format!("{REGISTRY}{SCANNER}artifact = true\n{route}")).is_ok());
}

#[test]
fn tls_keeps_what_is_said_on_the_way() {
    let place = Place::new();
    let tls = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    place.write("tls.pem", &tls.cert.pem(), 0o644);
    place.write("tls-key", &tls.signing_key.serialize_pem(), 0o600);
    let token = REGISTRY.replace("}] }", "}], scheme = { token = \"X-Token\" } }");
    let secured = "tls = { certificate = \"tls.pem\", key = { file = \"tls-key\" } }\n";
    let check = |server: &str, admin: &str, expected: Result<&[&str], &str>| {
        let server = format!("[server]\nbind = \"0.0.0.0:1\"\n{server}");
        let admin = format!("[admin]\nbind = \"0.0.0.0:2\"\ntoken = {{ file = \"developer-key\" }}\n{admin}");
        match (place.load(&format!("{server}{admin}{token}")).map(|config| config.warnings), expected) {
            (Ok(warnings), Ok(words)) => {
                assert_eq!(warnings.len(), words.len(), "{warnings:?}");
                assert!(warnings.iter().zip(words).all(|(warning, words)| warning.starts_with(words)), "{warnings:?}");
            }
            (Err(line), Err(words)) => assert!(line.contains(words), "{line}"),
            (loaded, _) => panic!("{loaded:?}"),
        }
    };
    let plain_admin = "admin.token can be read on the way to 0.0.0.0:2: set admin.tls";
    check(
        "",
        secured,
        Err("registries.verta.webhook.scheme: a token on 0.0.0.0:1 can be read on the way: set server.tls"),
    );
    check("insecure_plaintext = true\n", secured, Ok(&[]));
    check(secured, secured, Ok(&[]));
    check(secured, "", Ok(&[plain_admin]));
    let needless = "server.insecure_plaintext says nothing beside server.tls";
    check(&format!("{secured}insecure_plaintext = true\n"), secured, Ok(&[needless]));
}
