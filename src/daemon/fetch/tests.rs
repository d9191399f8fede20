//! Real servers and real files: what is had, and what is refused.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Duration;

use scanrelay::Secret;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::*;
use crate::daemon::address::Network;
use crate::daemon::writeback::script::{Reply, Script, answer};

mod images;

const KEY: &str = "grpc-metadata-developer_key";
const BOUNDS: Bounds = Bounds { max_size: 1000, max_files: 4 };

/// What may be fetched, and a folder to fetch into.
struct Bench {
    folder: TempDir,
    allow: Vec<Network>,
    roots: Vec<PathBuf>,
    bounds: Bounds,
    timeout: Duration,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder, allow: Vec::new(), roots: Vec::new(), bounds: BOUNDS, timeout: Duration::from_mins(1) }
    }

    fn allow(mut self, network: &str) -> Self {
        self.allow.push(Network::parse(network).unwrap());
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn fetch(&self, registry: &str, sources: Vec<ArtifactSource>) -> Result<Fetched, Failure> {
        let target = Target {
            key: "registries.verta".to_owned(),
            url: Url::parse(registry).unwrap(),
            credentials: vec![("Grpc-Metadata-developer_key".into(), Secret::new("the key").unwrap())],
            timeout: self.timeout,
            max_answer: 100,
            authority: None,
            proxy: None,
        };
        let _ = rustls::crypto::ring::default_provider().install_default();
        let fetch = Fetch::new(&target, Reach { allow: self.allow.clone() }, self.roots.clone(), self.bounds).unwrap();
        let fetched = fetch.fetch(sources, &self.path("into")).await;
        assert_eq!(fetched.is_ok(), self.path("into").exists(), "what was not fetched whole leaves no folder");
        fetched
    }

    /// Nothing is fetched from there, now and later, and the reason says so in one line without the address's secrets.
    async fn never(&self, registry: &str, source: ArtifactSource, words: &str) {
        match self.fetch(registry, vec![source]).await {
            Err(Failure::Never(reason)) => said(&reason, words),
            other => panic!("{words}: {other:?}"),
        }
    }

    async fn later(&self, registry: &str, source: ArtifactSource, words: &str) {
        match self.fetch(registry, vec![source]).await {
            Err(Failure::Later(reason)) => said(&reason, words),
            other => panic!("{words}: {other:?}"),
        }
    }
}

fn said(reason: &str, words: &str) {
    assert!(reason.contains(words), "{reason:?} does not say {words:?}");
    assert!(!reason.contains('\n') && !reason.contains("signature=") && reason.len() < 1000, "{reason:?}");
}

fn url(url: &str) -> ArtifactSource {
    ArtifactSource::new("model", Some("pkl".to_owned()), Location::Url(url.to_owned()))
}

fn path(path: impl Into<PathBuf>) -> ArtifactSource {
    let path = path.into().into_os_string().into_string().unwrap();
    ArtifactSource::new("model", None, Location::Path(path))
}

fn redirect(to: &str) -> Reply {
    answer(302, &format!("Location: {to}\r\n"), "")
}

fn sha256(bytes: impl AsRef<[u8]>) -> String {
    base16ct::lower::encode_string(&Sha256::digest(bytes))
}

#[tokio::test]
async fn files_are_numbered_measured_and_for_this_user_alone() {
    let script = Script::new([answer(200, "", "the weights"), answer(200, "", "the classes")]);
    let bench = Bench::new();
    let hostile = "../../etc/passwd\0\n\u{202e}".to_owned() + &"x".repeat(4096);
    let sources = vec![
        url(&format!("{}/1", script.url())),
        ArtifactSource::new(hostile.clone(), Some("../sh".to_owned()), Location::Url(format!("{}/2", script.url()))),
    ];
    let fetched = bench.fetch(&script.url(), sources).await.unwrap();
    let files = &fetched.artifact.files;
    assert_eq!((files[0].path.as_str(), files[1].path.as_str()), ("artifact/1.pkl", "artifact/2.bin"));
    assert_eq!(files[1].name, hostile, "a name is data");
    assert_eq!((files[0].size, fetched.artifact.size), (11, 22));
    assert_eq!(files[0].sha256, sha256("the weights"));
    assert_eq!(fs::read(fetched.path().join("1.pkl")).unwrap(), b"the weights");
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(fetched.path().to_owned()), mode(fetched.path().join("1.pkl"))), (0o700, 0o600));
    let into = fetched.path().to_owned();
    drop(fetched);
    assert!(!into.exists(), "it goes with what holds it");
}

#[tokio::test]
async fn the_tree_s_digest_is_that_of_its_sorted_records() {
    let script = Script::new([answer(200, "", "b"), answer(200, "", "a")]);
    let sources =
        ["x", "y"].map(|name| ArtifactSource::new(name, None, Location::Url(format!("{}/{name}", script.url()))));
    let fetched = Bench::new().fetch(&script.url(), sources.into()).await.unwrap();
    let mut records = [format!("{} 1 x\n", sha256("b")), format!("{} 1 y\n", sha256("a"))];
    records.sort_unstable();
    assert_eq!(fetched.artifact.sha256, sha256(records.concat()));
}

#[tokio::test]
async fn credentials_are_given_to_the_registry_alone_and_only_when_it_asks() {
    let mut own = Script::new([answer(403, "", ""), answer(200, "", "mine")]);
    let bench = Bench::new();
    bench.fetch(&own.url(), vec![url("/dev/file?signature=secret")]).await.unwrap();
    assert_eq!(own.asked().await.header(KEY), None);
    assert_eq!(own.asked().await.header(KEY), Some("the key"));

    let mut other = Script::new([answer(403, "", "")]);
    let bench = Bench::new().allow("127.0.0.1");
    let mut own = Script::new([redirect(&format!("{}/file?signature=secret", other.url()))]);
    bench.later(&own.url(), url("/first"), "answered 403").await;
    assert_eq!((own.asked().await.header(KEY), other.asked().await.header(KEY)), (None, None));
}

#[tokio::test]
async fn elsewhere_than_the_registry_only_what_is_named_is_asked() {
    let other = Script::new([answer(200, "", "never")]);
    let port = other.address.port();
    let bench = Bench::new();
    let registry = "http://127.0.0.1:1";
    bench
        .never(registry, url(&other.url()), "127.0.0.1 is not named as an address that may be asked without TLS")
        .await;
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.100.100.200",
        "[::1]",
        "[::]",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "224.0.0.1",
    ] {
        let words = "is at an address of this machine, a private network or a cloud's metadata: add it to fetch.allow";
        bench.never(registry, url(&format!("https://{host}:{port}/x?signature=s")), words).await;
    }
    bench
        .never(registry, url(&format!("https://localhost:{port}/x")), "localhost is at an address of this machine")
        .await;
    bench.never(registry, url(&format!("http://localhost:{port}/x")), "localhost is not named").await;
    for (address, words) in [
        ("ftp://files.example.com/x", "this version fetches nothing from ftp:"),
        ("s3://bucket/x", "this version fetches nothing from s3:"),
        ("https://user:pw@files.example.com/x", "the address has a user part"),
        ("gopher:x", "this version fetches nothing from gopher:"),
    ] {
        bench.never(registry, url(address), words).await;
    }
    let named = Bench::new().allow("127.0.0.0/8");
    named.fetch(registry, vec![url(&other.url())]).await.unwrap();
}

#[tokio::test]
async fn a_redirect_is_looked_at_like_the_first_address() {
    let inside = Script::new([answer(200, "", "never")]);
    let own = Script::new([redirect(&inside.url())]);
    Bench::new().never(&own.url(), url("/x"), "127.0.0.1 is not named").await;
    let own = Script::new([redirect("file:///etc/passwd")]);
    Bench::new().never(&own.url(), url("/x"), "this version fetches nothing from file:").await;
    let own = Script::new([redirect("http://[bad")]);
    Bench::new().never(&own.url(), url("/x"), "redirects to what is no address").await;
    let round = Script::new((0..9).map(|_| redirect("/x")));
    Bench::new().never(&round.url(), url("/x"), "more than 3 redirects").await;
    let own = Script::new([redirect("/2"), redirect("/3"), redirect("/4"), answer(200, "", "found")]);
    Bench::new().fetch(&own.url(), vec![url("/1")]).await.unwrap();
}

#[tokio::test]
async fn what_is_too_large_or_too_many_is_refused() {
    let large = "x".repeat(1001);
    let bench = Bench::new();
    let own = Script::new([answer(200, "", &large)]);
    bench.never(&own.url(), url("/x"), "larger than 1000 bytes: raise fetch.max_size").await;
    // It does not say how long it is, and does not end.
    let chunks = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        format!("200\r\n{}\r\n", "x".repeat(512)).repeat(3)
    );
    let own = Script::new([Reply::Says(chunks)]);
    bench.never(&own.url(), url("/x"), "larger than 1000 bytes").await;
    // Each is small enough, all of them are not.
    let own = Script::new([answer(200, "", &"x".repeat(600)), answer(200, "", &"x".repeat(600))]);
    let both = bench.fetch(&own.url(), vec![url("/1"), url("/2")]).await;
    assert!(matches!(&both, Err(Failure::Never(reason)) if reason.starts_with("artifact 2 of 2:")), "{both:?}");
    let own = Script::new((0..5).map(|_| answer(200, "", "x")));
    let many = bench.fetch(&own.url(), (0..5).map(|_| url("/x")).collect()).await;
    assert!(matches!(&many, Err(Failure::Never(reason)) if reason.contains("more than 4 files")), "{many:?}");
}

#[tokio::test]
async fn an_answer_that_is_no_file_is_none() {
    let bench = Bench::new();
    for (status, later) in [(404, false), (204, false), (401, true), (429, true), (500, true), (503, true)] {
        let own = Script::new([answer(status, "", ""), answer(status, "", "")]);
        let words = format!("answered {status}");
        if later {
            bench.later(&own.url(), url("/x"), &words).await;
        } else {
            bench.never(&own.url(), url("/x"), &words).await;
        }
    }
    let own = Script::new([answer(200, "Content-Encoding: gzip\r\n", "zipped")]);
    bench.never(&own.url(), url("/x"), "sends an encoded file").await;
    let own = Script::new([Reply::Says("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".to_owned())]);
    bench.later(&own.url(), url("/x"), "http://127.0.0.1").await;
    bench.later("http://127.0.0.1:1", url("/x"), "http://127.0.0.1:1").await;
    let slow = Bench { timeout: Duration::from_millis(100), ..Bench::new() };
    let own = Script::new([Reply::Silence]);
    slow.later(&own.url(), url("/x"), "no answer in time").await;
}

#[tokio::test]
async fn files_of_this_machine_are_read_beneath_the_roots_and_through_no_link() {
    let mut bench = Bench::new();
    let root = bench.path("models");
    fs::create_dir_all(root.join("fraud/v1")).unwrap();
    fs::write(root.join("fraud/v1/weights.pt"), "weights").unwrap();
    fs::write(root.join("fraud/v1/classes.json"), "[]").unwrap();
    fs::write(bench.path("outside"), "secret").unwrap();
    symlink(bench.path("outside"), root.join("link")).unwrap();
    symlink(bench.folder.path(), root.join("up")).unwrap();
    let none = "is beneath no folder of fetch.roots";
    bench.never("http://127.0.0.1:1", path(root.join("fraud")), none).await;
    bench.roots.push(root.clone());

    let fetched = bench.fetch("http://127.0.0.1:1", vec![path(root.join("fraud"))]).await.unwrap();
    let names: Vec<(&str, &str)> =
        fetched.artifact.files.iter().map(|file| (file.name.as_str(), file.path.as_str())).collect();
    assert_eq!(names, [("model/v1/classes.json", "artifact/1.json"), ("model/v1/weights.pt", "artifact/2.pt")]);
    drop(fetched);
    let file = format!("file://{}", root.join("fraud/v1/weights.pt").display());
    assert_eq!(bench.fetch("http://127.0.0.1:1", vec![path(file)]).await.unwrap().artifact.size, 7);

    let link = "leads through a link, which is not followed";
    bench.never("http://127.0.0.1:1", path(root.join("link")), link).await;
    bench.never("http://127.0.0.1:1", path(root.join("up/outside")), link).await;
    bench.never("http://127.0.0.1:1", path(root.join("../outside")), "is no plain absolute path").await;
    bench.never("http://127.0.0.1:1", path(bench.path("outside")), none).await;
    bench.never("http://127.0.0.1:1", path("/etc/passwd"), none).await;
    bench.never("http://127.0.0.1:1", path("file://other.example.com/x"), "a file: address names another host").await;
    bench.never("http://127.0.0.1:1", path("models/fraud"), "is no address and no path").await;
    bench.never("http://127.0.0.1:1", path(root.join("nothing")), "cannot be opened").await;
    fs::create_dir(root.join("empty")).unwrap();
    bench.never("http://127.0.0.1:1", path(root.join("empty")), "is a folder without a file").await;
    fs::create_dir(root.join("mixed")).unwrap();
    symlink("/etc/passwd", root.join("mixed/passwd")).unwrap();
    bench.never("http://127.0.0.1:1", path(root.join("mixed")), link).await;
}
