//! Which image a tag is: asked at a real registry of container images, once for a delivery.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Daemon, Registry, Site, client, until};

const USER: &str = "puller";
const PASSWORD: &str = "pull it";
/// Of that password.
const USERS: &str = "puller:$2b$05$abcdefghijklmnopqrstuulB8G.RReHgWevI2pZgMH3OL1tNYfodi\n";

/// Docker's registry, with one user.
struct Images {
    child: Child,
    host: String,
}

impl Images {
    fn start(site: &Site) -> Self {
        let users = site.write("users", USERS, 0o600);
        let configuration = site.write(
            "images.yml",
            &format!(
                "version: 0.1\nlog: {{ level: info, formatter: json }}\nstorage: {{ inmemory: {{}} }}\n\
                 auth: {{ htpasswd: {{ realm: images, path: {} }} }}\nhttp: {{ addr: \"127.0.0.1:0\" }}\n",
                users.display()
            ),
            0o600,
        );
        let mut command = Command::new("docker-registry");
        let mut child =
            command.arg("serve").arg(configuration).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let host = loop {
            let mut line = String::new();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "the registry did not start");
            if let Some((_, rest)) = line.split_once("listening on ") {
                break rest.split('"').next().unwrap().to_owned();
            }
        };
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Self { child, host }
    }

    /// Makes that tag an image whose configuration is these bytes. The image's digest.
    async fn push(&self, name: &str, tag: &str, configuration: &'static str) -> String {
        let base = format!("http://{}/v2/{name}", self.host);
        let put = async |url: String, kind: &str, body: String| {
            let sent = client().put(url).basic_auth(USER, Some(PASSWORD)).header("Content-Type", kind).body(body);
            let answer = sent.send().await.unwrap();
            assert_eq!(answer.status(), 201, "{answer:?}");
        };
        let upload =
            client().post(format!("{base}/blobs/uploads/")).basic_auth(USER, Some(PASSWORD)).send().await.unwrap();
        let place = upload.headers()["location"].to_str().unwrap();
        let blob = hex(configuration);
        put(format!("{place}&digest=sha256:{blob}"), "application/octet-stream", configuration.to_owned()).await;
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": format!("sha256:{blob}"),
                "size": configuration.len(),
            },
            "layers": [],
        });
        let manifest = manifest.to_string();
        put(format!("{base}/manifests/{tag}"), "application/vnd.oci.image.manifest.v1+json", manifest.clone()).await;
        format!("sha256:{}", hex(&manifest))
    }
}

impl Drop for Images {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn hex(text: &str) -> String {
    base16ct::lower::encode_string(&Sha256::digest(text))
}

const LOOK: &str = r#"cat >> $SITE/documents; echo >> $SITE/documents; echo '{"type":"result","verdict":"safe"}'"#;

fn configuration(site: &Site, images: &str) -> String {
    format!("{}\n{images}", site.configuration())
}

fn asked(host: &str) -> String {
    format!(
        "[images.local]\nhost = \"{host}\"\nurl = \"http://{host}\"\n\
         credentials = {{ user = \"{USER}\", password = {{ file = \"image-password\" }} }}\n"
    )
}

fn site(registry: &Registry) -> Site {
    let site = Site::new(&registry.url).plugin_keys("image = true").limits("plugin_attempts = 1");
    site.plugin("scan", LOOK);
    site.write("image-password", PASSWORD, 0o600);
    site
}

async fn build_of(registry: &Registry, image: &str) -> u64 {
    let (_, version) = registry.version(image).await;
    let body = json!({ "model_version_id": version, "external_location": image });
    let builds = "/api/v1/deployment/workspace/acme/builds";
    registry.call("ada@example.com", "POST", builds, body).await.1["id"].as_u64().unwrap()
}

async fn scanned(registry: &Registry, build: u64) -> Value {
    registry.request_scan(build).await;
    until(
        "the scan's end",
        || registry.scan(build),
        |scan| scan["scan_status"] == "scanned" || scan["scan_status"] == "error",
    )
    .await
}

#[tokio::test]
async fn all_runs_of_a_delivery_speak_of_the_image_that_the_tag_was_first() {
    let registry = Registry::start();
    let site = site(&registry);
    let images = Images::start(&site);
    let first = images.push("acme/model", "1", "{\"os\":\"linux\"}").await;
    let reference = format!("{}/acme/model:1", images.host);
    let build = build_of(&registry, &reference).await;
    let daemon = Daemon::start_as(&site, &configuration(&site, &asked(&images.host)));
    registry.webhook(&daemon).await;
    assert_eq!(scanned(&registry, build).await["safety_status"], "safe");
    let given = |nth: usize| serde_json::from_str::<Value>(&site.lines("documents")[nth]).unwrap()["image"].clone();
    let pinned = format!("{}/acme/model@{first}", images.host);
    assert_eq!(given(0), json!({ "reference": reference, "digest": first, "pinned": pinned }));
    let (code, shown, _) = site.run(&["verdict", &first, "--require", "safe"]);
    assert!(code == 0 && shown.contains(&format!("scan looked at image {first}")), "{shown}");

    // The tag moves. What was dead or done is about the old image, what comes new about the new one.
    let second = images.push("acme/model", "1", "{\"os\":\"plan9\"}").await;
    let (code, _, stderr) = site.run(&["verdict", &second, "--require", "safe"]);
    assert!(code == 1 && stderr.contains("nothing was ever scanned"), "{stderr}");
    let ended = |id: i64| {
        let daemon = &daemon;
        async move {
            let path = format!("/api/v1/deliveries/{id}");
            until("the end", || async { daemon.get(&path).await.1 }, |found| found["delivery"]["state"] == "done").await
        }
    };
    assert_eq!(site.run(&["deliveries", "replay", "1", "--all"]).0, 0);
    let found = ended(1).await;
    assert_eq!(found["verdicts"][1]["votes"][0]["image"], json!(second.strip_prefix("sha256:")));
    assert_eq!(given(1)["digest"], json!(second));
}

#[tokio::test]
async fn nobody_is_asked_who_is_not_named_and_nothing_runs_without() {
    let registry = Registry::start();
    let site = site(&registry);
    let images = Images::start(&site);
    images.push("acme/model", "1", "{}").await;
    let daemon = Daemon::start_as(&site, &configuration(&site, "[images.other]\nhost = \"images.example.com\"\n"));
    registry.webhook(&daemon).await;
    let reason = async |image: &str, nth: i64| {
        let build = build_of(&registry, image).await;
        let scan = scanned(&registry, build).await;
        assert_eq!(scan["scan_status"], "error", "{image}");
        let found = daemon.get(&format!("/api/v1/deliveries/{nth}")).await.1;
        found["verdicts"][0]["votes"][0]["summary"].as_str().unwrap().to_owned()
    };
    let words = reason(&format!("{}/acme/model:1", images.host), 1).await;
    assert!(words.contains("is not one that is asked: add it to [images]"), "{words}");
    let words = reason("acme/model:1; reboot", 2).await;
    assert!(words.contains("is no image reference with a registry"), "{words}");
    assert!(site.lines("documents").is_empty(), "nothing ran");
}

#[tokio::test]
async fn a_tag_that_is_not_there_is_an_error() {
    let registry = Registry::start();
    let site = site(&registry);
    let images = Images::start(&site);
    let build = build_of(&registry, &format!("{}/acme/model:2", images.host)).await;
    let daemon = Daemon::start_as(&site, &configuration(&site, &asked(&images.host)));
    registry.webhook(&daemon).await;
    assert_eq!(scanned(&registry, build).await["scan_status"], "error");
    let found = daemon.get("/api/v1/deliveries/1").await.1;
    let words = found["verdicts"][0]["votes"][0]["summary"].as_str().unwrap().to_owned();
    assert!(words.contains("has no image acme/model:2"), "{words}");
}
