//! Other people's signers: what their libraries sign is taken here, and what is signed here is taken there.
#![expect(clippy::disallowed_methods, reason = "tests start other people's programs, and those read the clock")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::SystemTime;

use scanrelay::{Caller, Scheme, Secret, Timestamp, Verifier};
use serde_json::{Value, json};

const WHSEC: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const ID: &str = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";

/// A library in its own language.
struct Library {
    child: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Library {
    fn python() -> Self {
        Self::start(Command::new(cached("signers-1/bin/python")).arg(script("sign.py")))
    }

    fn node() -> Self {
        Self::start(Command::new("node").arg(script("sign.mjs")).arg(cached("signers-js-1/node_modules")))
    }

    fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (asks, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, asks, answers }
    }

    fn ask(&mut self, asked: &Value) -> Value {
        writeln!(self.asks, "{asked}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("the library ended: {line:?}"))
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/signers").join(name)
}

fn cached(name: &str) -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    let found = cache.expect("HOME is set").join("scanrelay-tests").join(name);
    assert!(found.exists(), "{} is missing: run tests/install tests", found.display());
    found
}

fn bodies() -> Vec<String> {
    let long = json!({ "padding": "x".repeat(100 * 1024) }).to_string();
    let plain = ["{}", r#"{"test": 2432232314}"#, "{\"a\":\n\t[1, 2.50, -3e7]}\r\n", " ", "no JSON"];
    let letters =
        [r#"{"name":"fraud-d\u00e9tect"}"#, "{\"name\":\"fraud-d\u{e9}tect \u{1f512} \u{202e}\"}", "\u{feff}{}"];
    plain.into_iter().chain(letters).map(str::to_owned).chain([long]).collect()
}

/// Both ways for each body, and neither way when a byte of it changes.
fn check(library: &mut Library, name: &str, scheme: &Scheme, secret: &str, header: &str) {
    let now = Timestamp::from(SystemTime::now());
    let secrets = vec![Secret::new(secret).unwrap()];
    let verifier = Verifier::new(scheme.clone(), secrets, Verifier::DEFAULT_TOLERANCE).unwrap();
    for body in bodies() {
        let shown = format!("{name} {body:.40}");
        let asked = json!({ "library": name, "secret": secret, "id": ID, "time": now.as_secs(), "body": body });
        let signature = library.ask(&asked);
        let signature = signature.as_str().unwrap();
        let ours = verifier.sign(Some(ID), now, body.as_bytes()).unwrap();
        // Their signature among the other headers, which every sender writes in the same way.
        let theirs: Vec<(&str, &[u8])> = ours
            .iter()
            .map(|(each, value)| {
                let is_signature = each.eq_ignore_ascii_case(header);
                (each.as_str(), if is_signature { signature.as_bytes() } else { value.as_bytes() })
            })
            .collect();
        let verify = |body: &[u8]| verifier.verify_at(&Caller::new(theirs.iter().copied()), body, now);
        assert!(verify(body.as_bytes()).is_ok(), "{shown}: {signature}");
        assert!(verify(&[body.as_bytes(), b" "].concat()).is_err(), "{shown}");

        let mut asked = asked;
        asked["headers"] = ours.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        // The libraries parse what they have verified, and a parser may refuse what is no JSON.
        if serde_json::from_str::<Value>(&body).is_ok() {
            assert_eq!(library.ask(&asked), json!(true), "{shown}: what is signed here");
        }
        asked["body"] = json!([&body, " "].concat());
        assert_ne!(library.ask(&asked), json!(true), "{shown}: another body");
    }
}

#[test]
fn standard_webhooks_and_svix_in_python() {
    let mut library = Library::python();
    check(&mut library, "standard-webhooks", &Scheme::standard_webhooks(), WHSEC, "webhook-signature");
    check(&mut library, "svix", &Scheme::svix(), WHSEC, "svix-signature");
}

#[test]
fn standard_webhooks_and_octokit_in_javascript() {
    let mut library = Library::node();
    check(&mut library, "standard-webhooks", &Scheme::standard_webhooks(), WHSEC, "webhook-signature");
    check(&mut library, "github", &Scheme::github(), "It's a Secret to Everybody", "X-Hub-Signature-256");
}
