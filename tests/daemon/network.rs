//! What stands between: a certificate authority, a TLS front before the registry, and a forward proxy. All on loopback.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use base64ct::{Base64, Encoding as _};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reqwest::Client;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

use crate::harness::{LONG, Registry, Site};

/// A certificate authority of the test's own.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, as PEM.
pub struct Identity {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    pub fn identity(&self) -> Identity {
        self.identity_for(&["localhost", "127.0.0.1"], Duration::ZERO)
    }

    /// One for these names, that ended that long ago, or that still holds.
    pub fn identity_for(&self, names: &[&str], ended: Duration) -> Identity {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        if !ended.is_zero() {
            params.not_after = (SystemTime::now() - ended).into();
        }
        Identity { certificate: params.signed_by(&key, &self.0).unwrap().pem(), key: key.serialize_pem() }
    }

    /// A client that believes this authority and no other.
    pub fn client(&self) -> Client {
        self.client_builder().build().unwrap()
    }

    pub fn client_builder(&self) -> reqwest::ClientBuilder {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let root = reqwest::Certificate::from_pem(self.pem().as_bytes()).unwrap();
        Client::builder().no_proxy().timeout(LONG).tls_certs_only([root])
    }
}

impl Identity {
    /// Puts both into the site, under these names.
    pub fn write(&self, site: &Site) -> (PathBuf, PathBuf) {
        (site.write("tls.pem", &self.certificate, 0o644), site.write("tls.key", &self.key, 0o600))
    }
}

/// TLS before the registry, as where one is run behind a balancer. Gone when it is dropped.
pub struct Front {
    pub address: SocketAddr,
    _task: AbortOnDropHandle<()>,
}

impl Front {
    pub async fn start(registry: &Registry, identity: &Identity) -> Self {
        let chain = rustls::pki_types::CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![chain], key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let behind = registry.url.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, behind) = (acceptor.clone(), behind.clone());
                tokio::spawn(async move {
                    // Who does not believe us goes away.
                    if let Ok(stream) = acceptor.accept(stream).await {
                        let _ = carry(stream, &behind, "X-Forwarded-Proto: https\r\n").await;
                    }
                });
            }
        });
        Self { address, _task: AbortOnDropHandle::new(task) }
    }
}

/// Carries one request with further headers, and its answer.
async fn carry(stream: impl AsyncRead + AsyncWrite + Unpin, to: &str, headers: &str) -> std::io::Result<()> {
    let mut from = BufReader::new(stream);
    let head = head(&mut from).await?;
    let (line, rest) = head.split_once("\r\n").unwrap_or_default();
    pass(from, to, &format!("{line}\r\n{headers}Connection: close\r\n{rest}")).await
}

async fn head(from: &mut (impl AsyncBufReadExt + Unpin)) -> std::io::Result<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if from.read_line(&mut head).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(head)
}

async fn pass(mut from: impl AsyncRead + AsyncWrite + Unpin, to: &str, head: &str) -> std::io::Result<()> {
    let mut behind = TcpStream::connect(to).await?;
    behind.write_all(head.as_bytes()).await?;
    copy_bidirectional(&mut from, &mut behind).await.map(drop)
}

/// A forward proxy that wants a user and a password, and leads every name to one address.
pub struct Proxy {
    pub address: SocketAddr,
    heard: Arc<Mutex<Vec<u8>>>,
    _task: AbortOnDropHandle<()>,
}

impl Proxy {
    pub async fn start(to: String, user: &str, password: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&heard);
        let authorization =
            format!("proxy-authorization: basic {}", Base64::encode_string(format!("{user}:{password}").as_bytes()));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (to, authorization, heard) = (to.clone(), authorization.clone(), Arc::clone(&kept));
                tokio::spawn(async move {
                    let _ = Self::serve(stream, &to, &authorization, &heard).await;
                });
            }
        });
        Self { address, heard, _task: AbortOnDropHandle::new(task) }
    }

    async fn serve(stream: TcpStream, to: &str, authorization: &str, heard: &Mutex<Vec<u8>>) -> std::io::Result<()> {
        let mut from = BufReader::new(stream);
        let head = head(&mut from).await?;
        heard.lock().unwrap().extend_from_slice(head.as_bytes());
        let allowed = head.lines().any(|line| line.eq_ignore_ascii_case(authorization));
        if !allowed {
            return from.write_all(b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
        }
        if !head.starts_with("CONNECT ") {
            // The absolute form: the registry is told the path alone, and nothing of the proxy's.
            let (line, rest) = head.split_once("\r\n").unwrap_or_default();
            let words: Vec<&str> = line.split(' ').collect();
            let path = words[1].splitn(4, '/').nth(3).unwrap_or_default();
            let rest: String =
                rest.split_inclusive("\r\n").filter(|line| !line.to_lowercase().starts_with("proxy-")).collect();
            return pass(from, to, &format!("{} /{path} {}\r\nConnection: close\r\n{rest}", words[0], words[2])).await;
        }
        from.write_all(b"HTTP/1.1 200 Go on\r\n\r\n").await?;
        let behind = TcpStream::connect(to).await?;
        let (mut up, mut down) = behind.into_split();
        let (mut read, mut write) = tokio::io::split(from);
        let back = tokio::spawn(async move { tokio::io::copy(&mut up, &mut write).await.map(drop) });
        let mut block = [0; 4096];
        loop {
            let length = read.read(&mut block).await?;
            if length == 0 {
                break;
            }
            heard.lock().unwrap().extend_from_slice(&block[..length]);
            down.write_all(&block[..length]).await?;
        }
        down.shutdown().await?;
        back.await.unwrap_or(Ok(()))
    }

    /// Everything that clients have sent to it or through it.
    pub fn heard(&self) -> String {
        String::from_utf8_lossy(&self.heard.lock().unwrap()).into_owned()
    }
}
