//! TLS on the listeners: who connects sees the certificate that is in force, and who does not shake hands holds up nobody.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use reqwest::tls::Version;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::harness::{Daemon, LONG, Site, WEBHOOK_SECRET, client, scan_request, sign, until};
use crate::network::Authority;

const NOWHERE: &str = "http://127.0.0.1:1";
const TLS: &str = "tls = { certificate = \"tls.pem\", key = { file = \"tls.key\" } }\n";

/// The site's configuration with TLS on both listeners.
pub fn secured(site: &Site) -> String {
    let text = site.configuration();
    text.replace("[server]\n", &format!("[server]\n{TLS}")).replace("[admin]\n", &format!("[admin]\n{TLS}"))
}

/// A daemon with TLS on both listeners, and a certificate of that authority.
fn started(authority: &Authority) -> (Site, Daemon) {
    let site = Site::new(NOWHERE);
    authority.identity().write(&site);
    let daemon = Daemon::start_as(&site, &secured(&site));
    (site, daemon)
}

pub async fn deliver(http: &Client, intake: &str, id: &str) -> Result<u16, reqwest::Error> {
    let body = scan_request(id, 1);
    let request = http.post(format!("https://{intake}/hooks/verta")).header("Content-Type", "application/json");
    let request = sign(&body).iter().fold(request, |request, (name, value)| request.header(name, value));
    Ok(request.body(body).send().await?.status().as_u16())
}

#[tokio::test]
async fn both_listeners_speak_tls_and_nothing_else() {
    let authority = Authority::new();
    let (site, daemon) = started(&authority);
    for (version, id) in [(Version::TLS_1_2, "one"), (Version::TLS_1_3, "two")] {
        let http = authority.client_builder().tls_version_min(version).tls_version_max(version).build().unwrap();
        assert_eq!(deliver(&http, &daemon.intake, id).await.unwrap(), 202, "{version:?}");
        let healthy = http.get(format!("https://{}/healthz", daemon.admin)).send().await.unwrap();
        assert_eq!((healthy.status().as_u16(), healthy.version()), (200, reqwest::Version::HTTP_11));
    }
    let stranger = deliver(&Authority::new().client(), &daemon.intake, "three").await.unwrap_err();
    assert!(stranger.is_connect(), "{stranger:?}");
    let plain = client().get(format!("http://{}/healthz", daemon.intake)).send().await;
    assert!(plain.is_err(), "{plain:?}");

    // The commands go by the socket, and one that posts is told whom to believe.
    let (code, said, stderr) = site.run(&["status"]);
    assert_eq!(code, 0, "{said}{stderr}");
    site.write("ca.pem", &authority.pem(), 0o644);
    let url = format!("https://{}/hooks/verta", daemon.intake);
    let send = ["send", "verta", "--example", "scan_request", "--url", &url];
    let (code, _, stderr) = site.run(&send);
    assert!(code == 1 && stderr.contains("--ca-file"), "{code} {stderr}");
    let ca = site.path("ca.pem").display().to_string();
    let (code, said, stderr) = site.run(&[&send[..], &["--ca-file", &ca]].concat());
    assert!(code == 0 && said.starts_with("accepted: "), "{said}{stderr}");
}

/// The certificate is for the name by which registries call it, which leads elsewhere or nowhere from here.
#[tokio::test]
async fn send_finds_its_daemon_by_the_name_of_the_certificate() {
    let (site, authority) = (Site::new(NOWHERE), Authority::new());
    authority.identity_for(&["scanrelay.example.com"], Duration::ZERO).write(&site);
    let ca = site.write("ca.pem", &authority.pem(), 0o644).display().to_string();
    // A port that was free a moment ago: the command has to find it in the configuration.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let unnamed = secured(&site).replacen("127.0.0.1:0", &free, 1);
    let named = unnamed.replace("[server]\n", "[server]\npublic_url = \"https://scanrelay.example.com\"\n");
    let _daemon = Daemon::start_as(&site, &named);
    let send = |configuration: &str| {
        let mut send = site.command(&["send", "verta", "--example", "scan_request", "--ca-file", &ca]);
        site.write("scanrelay.toml", configuration, 0o600);
        crate::harness::ended(&mut send)
    };
    let (code, said, stderr) = send(&named);
    assert!(code == 0 && said.starts_with("accepted: "), "{said}{stderr}");
    let (code, _, stderr) = send(&unnamed);
    assert!(code == 1 && stderr.contains("no connection: ") && stderr.contains("not valid for name"), "{stderr}");
}

/// A connection with its own TLS, over which requests go one after the other.
struct Line(StreamOwned<ClientConnection, TcpStream>);

impl Line {
    fn open(authority: &Authority, address: &str) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let tls = ClientConnection::new(Arc::new(config), name).unwrap();
        Self(StreamOwned::new(tls, TcpStream::connect(address).unwrap()))
    }

    fn healthy(&mut self) -> bool {
        self.0.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut answer = [0; 1024];
        let length = self.0.read(&mut answer).unwrap();
        answer[..length].starts_with(b"HTTP/1.1 200")
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_to_who_comes_next() {
    let (first, second) = (Authority::new(), Authority::new());
    let (site, daemon) = started(&first);
    let mut open = Line::open(&first, &daemon.intake);
    assert!(open.healthy());
    second.identity().write(&site);
    daemon.reload(&site, &secured(&site)).await.unwrap();
    assert!(open.healthy(), "who is connected stays so");
    assert_eq!(deliver(&second.client(), &daemon.intake, "one").await.unwrap(), 202);
    assert!(deliver(&first.client(), &daemon.intake, "two").await.is_err(), "the old one is shown no more");
    let admin = second.client().get(format!("https://{}/healthz", daemon.admin)).send().await.unwrap();
    assert_eq!(admin.status(), 200);

    // One that does not fit its key is refused, and the one before stays.
    site.write("tls.pem", &first.identity().certificate, 0o644);
    let refused = daemon.reload(&site, &secured(&site)).await.unwrap_err();
    assert!(refused.contains("server.tls.key: it is not the key of the first certificate in"), "{refused}");
    assert!(!refused.contains("PRIVATE"), "{refused}");
    assert_eq!(deliver(&second.client(), &daemon.intake, "three").await.unwrap(), 202);

    // Whether there is TLS at all is for a start to decide.
    second.identity().write(&site);
    daemon.reload(&site, &site.configuration()).await.unwrap();
    assert!(daemon.log().contains("server.tls has changed, and takes effect with a restart only"), "{}", daemon.log());
    assert_eq!(deliver(&second.client(), &daemon.intake, "four").await.unwrap(), 202);
}

#[tokio::test]
async fn who_does_not_shake_hands_holds_up_nobody_and_is_let_go() {
    let authority = Authority::new();
    let site = Site::new(NOWHERE);
    authority.identity().write(&site);
    let text = secured(&site).replace("[server]\n", "[server]\nheader_timeout = \"20s\"\n");
    let daemon = Daemon::start_as(&site, &text);
    // More than a server of two threads shakes hands with at a time by default.
    let mut silent: Vec<TcpStream> = (0..600).map(|_| TcpStream::connect(&daemon.intake).unwrap()).collect();
    for (nth, stream) in silent.iter_mut().enumerate() {
        if nth % 2 == 0 {
            // The beginning of a record, and no more.
            stream.write_all(&[0x16, 0x03, 0x01]).unwrap();
        }
    }
    assert_eq!(deliver(&authority.client(), &daemon.intake, "one").await.unwrap(), 202);
    let mut last = silent.pop().unwrap();
    last.set_nonblocking(true).unwrap();
    let waits = last.read(&mut [0; 16]).unwrap_err();
    assert_eq!(waits.kind(), ErrorKind::WouldBlock, "it did not wait for them: the last is there yet");
    last.set_nonblocking(false).unwrap();
    last.set_read_timeout(Some(LONG)).unwrap();
    // An end, with a reset where something was not read.
    let end = last.read(&mut [0; 16]);
    assert!(!end.is_err_and(|error| error.kind() == ErrorKind::WouldBlock), "it is not let go");
    assert_eq!(deliver(&authority.client(), &daemon.intake, "two").await.unwrap(), 202);
}

#[tokio::test]
async fn a_certificate_at_fault_is_named_with_the_cure() {
    let (site, authority) = (Site::new(NOWHERE), Authority::new());
    authority.identity().write(&site);
    let check = |words: &str| {
        let mut check = site.command(&["check"]);
        site.write("scanrelay.toml", &secured(&site), 0o600);
        let (code, _, stderr) = crate::harness::ended(&mut check);
        assert!(code == 2 && stderr.contains(words) && stderr.lines().count() == 1, "{code} {stderr}");
        assert!(!stderr.contains(WEBHOOK_SECRET) && !stderr.contains("PRIVATE KEY"), "{stderr}");
    };
    let other = authority.identity();
    site.write("tls.key", &other.key, 0o600);
    check("server.tls.key: it is not the key of the first certificate in");
    site.write("tls.key", "not a key", 0o600);
    check("server.tls.key: it holds no private key: PEM in PKCS#8, PKCS#1 or SEC1, without a passphrase");
    site.write("tls.key", &other.key, 0o666);
    check("chmod go-w");
    site.write("tls.pem", &other.key, 0o644);
    check("tls.pem holds no certificate in PEM");
    site.write("tls.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 0o644);
    check("the first certificate in");
    std::fs::remove_file(site.path("tls.pem")).unwrap();
    check("server.tls.certificate");

    // One that has ended is shown all the same, with a warning: somebody may still want what it can give.
    authority.identity_for(&["localhost"], Duration::from_hours(48)).write(&site);
    let mut check = site.command(&["check"]);
    site.write("scanrelay.toml", &secured(&site), 0o600);
    let (code, said, stderr) = crate::harness::ended(&mut check);
    assert!(code == 0 && said.contains("intake    https://127.0.0.1:0"), "{said}{stderr}");
    assert!(
        said.contains("warning   server.tls.certificate: ") && said.contains("nobody believes it any more"),
        "{said}"
    );
    let daemon = Daemon::start_as(&site, &secured(&site));
    let warned = || async { daemon.log().contains("nobody believes it any more") };
    until("the warning", warned, |warned| *warned).await;
}
