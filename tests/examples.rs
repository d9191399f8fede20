//! The examples, as programs: what a service on top of the library answers to whom.
#![expect(clippy::disallowed_methods, reason = "tests start the programs that they test, and sign by the clock")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::SystemTime;

use scanrelay::{Scheme, Secret, Timestamp, signature};

const SECRET: &str = "It's a Secret to Everybody";
const BODY: &str = r#"{"entity": "model_version_alias", "action": "created", "timestamp": "2026-11-23T05:10:21.017821+00:00", "data": {"name": "fraud", "alias": "production", "version": "1"}}"#;

/// Cargo builds examples beside the tests' own folder.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(|deps| deps.parent()).unwrap().join("examples");
    let program = folder.join(name);
    assert!(program.exists(), "{} is missing: cargo build --examples", program.display());
    program
}

struct Service {
    child: Child,
    address: String,
    said: BufReader<std::process::ChildStdout>,
}

impl Service {
    fn start(name: &str) -> Self {
        let mut command = Command::new(example(name));
        let mut child =
            command.env("WEBHOOK_SECRET", SECRET).env("BIND", "127.0.0.1:0").stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("ready ").unwrap_or_else(|| panic!("{name}: {line:?}")).to_owned();
        Self { child, address, said }
    }

    async fn post(&self, headers: &[(String, String)], body: &str) -> u16 {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = client.post(format!("http://{}/hooks/mlflow", self.address));
        let request = request.header("Content-Type", "application/json");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        request.body(body.to_owned()).send().await.unwrap().status().as_u16()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn signed(secret: &str, body: &str) -> Vec<(String, String)> {
    let (secret, now) = (Secret::new(secret).unwrap(), Timestamp::from(SystemTime::now()));
    signature::sign(&Scheme::mlflow(), &secret, Some("73a977f9"), now, body.as_bytes()).unwrap()
}

async fn receives(name: &str) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut service = Service::start(name);
    assert_eq!(service.post(&signed(SECRET, BODY), BODY).await, 202);
    let mut line = String::new();
    service.said.read_line(&mut line).unwrap();
    assert_eq!(line, "alias_set of version:fraud/1\n");
    for (headers, body, status) in [
        (signed("another secret", BODY), BODY, 401),
        (signed(SECRET, BODY), "{}", 401),
        (Vec::new(), BODY, 401),
        (signed(SECRET, "[]"), "[]", 400),
        (signed(SECRET, r#"{"a":1,"a":2}"#), r#"{"a":1,"a":2}"#, 400),
    ] {
        assert_eq!(service.post(&headers, body).await, status, "{name}: {body}");
    }
}

#[tokio::test]
async fn a_receiver_on_actix_web() {
    receives("receiver_actix").await;
}

#[tokio::test]
async fn a_receiver_on_axum() {
    receives("receiver_axum").await;
}

#[test]
fn a_saved_request_is_verified_or_explained() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name)
    };
    let lines: Vec<String> = signed(SECRET, BODY).iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let headers = lines.concat();
    let request = write("request", &format!("POST /hooks/mlflow HTTP/1.1\r\n{headers}\r\n{BODY}"));
    let (right, wrong) = (write("right", &format!("{SECRET}\n")), write("wrong", "another secret"));
    let run = |secret: &PathBuf| {
        let output = Command::new(example("verify")).arg("mlflow").args([secret, &request]).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(
        run(&right),
        (Some(0), "it verifies: the signature in X-MLflow-Signature is good under mlflow\n".into())
    );
    let (code, said) = run(&wrong);
    assert!(code == Some(1) && said.starts_with("wrong secret: "), "{code:?} {said}");
}

/// The bytes of a safetensors file with one tensor.
fn safetensors(tensor: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{\"__metadata__\":{{\"format\":\"pt\"}},\"weight\":{tensor}}}");
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
}

#[test]
fn a_scanner_that_knows_one_format_says_safe_of_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let plugin = folder.path().join("safetensors");
    fs::create_dir(&plugin).unwrap();
    let manifest = format!("kind = \"scanner\"\ncommand = [{:?}]\nartifact = true\n", example("plugin"));
    fs::write(plugin.join("plugin.toml"), manifest).unwrap();
    let tensor = r#"{"dtype":"U8","shape":[4],"data_offsets":[0,4]}"#;
    let good = safetensors(tensor, b"1234");
    let check = |files: &[&[u8]], verdict: &str, words: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_scanrelay"));
        command.args(["plugin", "test", "--json"]).arg(&plugin).env_remove("SCANRELAY_CONFIG");
        for (number, bytes) in files.iter().enumerate() {
            let file = folder.path().join(format!("model-{number}.safetensors"));
            fs::write(&file, bytes).unwrap();
            command.arg("--file").arg(file);
        }
        let output = command.output().unwrap();
        let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(said["conclusion"]["verdict"], verdict, "{said}");
        assert!(said["conclusion"].to_string().contains(words), "{said}");
    };
    check(&[&good], "safe", "1 of 1 files are safetensors");
    check(&[&good, &good], "safe", "2 of 2 files");
    check(&[&good, b"\x80\x04cos\nsystem\n."], "inconclusive", "1 of 2 files");
    check(&[], "inconclusive", "0 of 0 files");
    check(&[b""], "inconclusive", "shorter than a header");
    check(&[&good[..good.len() - 1]], "inconclusive", "not all there is in it");
    check(&[&[&good[..], b"PK"].concat()], "inconclusive", "not all there is in it");
    check(&[&safetensors("{}", b"")], "inconclusive", "a tensor has no place");
    check(&[&[&5_u64.to_le_bytes()[..], b"[1,2]"].concat()], "inconclusive", "no JSON object");
    check(&[&[0xff; 64]], "inconclusive", "does not begin with the length");
    let overlapping = r#"{"data_offsets":[0,4]},"other":{"data_offsets":[2,4]}"#;
    check(&[&safetensors(overlapping, b"1234")], "inconclusive", "not all there is in it");
}
