//! Files over HTTP: where to go, what to send there, and how much to take.

use std::error::Error;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::BytesMut;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderMap, LOCATION};
use reqwest::{Client, Response};
use scanrelay::registry::ArtifactSource;
use url::{Host, ParseError, Url};

use super::tree::{Tree, Writing};
use super::{Failure, shown};
use crate::daemon::address::Reach;
use crate::daemon::writeback::{BadTarget, Reasons, Target, plain_client, words};

const MOST_REDIRECTS: u32 = 3;
/// Bytes that are written at a time.
const BLOCK: usize = 1 << 20;

pub(super) struct Web {
    base: Url,
    credentials: HeaderMap,
    reach: Arc<Reach>,
    /// To the registry itself.
    own: Client,
    /// To elsewhere, over TLS.
    secure: Client,
    /// To elsewhere, in clear: only to what the configuration names.
    clear: Client,
    reasons: Reasons,
}

impl Web {
    pub(super) fn new(target: &Target, reach: Reach) -> Result<Self, BadTarget> {
        let reach = Arc::new(reach);
        // Elsewhere is reached directly, never through the registry's proxy: nobody could say where that connects to.
        let elsewhere = |secure: bool| {
            let resolver = Resolver { reach: Arc::clone(&reach), secure };
            let mut client = plain_client(target.timeout).read_timeout(target.timeout).dns_resolver(Arc::new(resolver));
            if let Some(certificates) = target.certificates()? {
                client = client.tls_certs_merge(certificates);
            }
            client.build().map_err(|error| target.bad(words(&error)))
        };
        let own = target.client()?.read_timeout(target.timeout);
        Ok(Self {
            base: target.url.clone(),
            credentials: target.headers()?,
            own: own.build().map_err(|error| target.bad(words(&error)))?,
            secure: elsewhere(true)?,
            clear: elsewhere(false)?,
            reach,
            reasons: target.reasons(),
        })
    }

    /// An address of the registry's answer, which may be relative to it.
    pub(super) fn join(&self, url: &str) -> Result<Url, ParseError> {
        self.base.join(url)
    }

    /// A path below the registry's URL, which may have a path itself.
    pub(super) fn own(&self, path: &str) -> Result<Url, ParseError> {
        Url::parse(&[self.base.as_str().trim_end_matches('/'), path].concat())
    }

    pub(super) async fn download(&self, url: Url, source: ArtifactSource, tree: Tree) -> Result<Tree, Failure> {
        let mut answer = self.get(url).await?;
        let from = answer.url().origin().ascii_serialization();
        let encoding = answer.headers().get(CONTENT_ENCODING);
        if encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
            return Err(Failure::Never(format!("{from} sends an encoded file although it was asked not to")));
        }
        tree.has_room(answer.content_length().unwrap_or(0))?;
        let mut writing = tree.write(source.name, source.extension.as_deref())?;
        let mut block = BytesMut::with_capacity(BLOCK);
        while let Some(chunk) = answer.chunk().await.map_err(|error| self.unreachable(&from, &error))? {
            writing.has_room((block.len() + chunk.len()) as u64)?;
            block.extend_from_slice(&chunk);
            if block.len() >= BLOCK {
                writing = write(writing, block.split()).await?;
            }
        }
        Ok(write(writing, block).await?.end())
    }

    /// The answer that has the file, after a few redirects, each looked at like the first address.
    async fn get(&self, mut url: Url) -> Result<Response, Failure> {
        for _ in 0..=MOST_REDIRECTS {
            let answer = self.ask(&url).await?;
            let from = url.origin().ascii_serialization();
            match answer.status().as_u16() {
                200 => return Ok(answer),
                301 | 302 | 303 | 307 | 308 => {
                    let location = answer.headers().get(LOCATION).and_then(|location| location.to_str().ok());
                    let next = location.and_then(|location| url.join(location).ok());
                    url = next.ok_or_else(|| Failure::Never(format!("{from} redirects to what is no address")))?;
                }
                407 => return Err(Failure::Later(self.reasons.not_let_through())),
                // The signature of an address runs out; another attempt gets another address.
                status @ (401 | 403 | 408 | 425 | 429 | 500..=599) => {
                    return Err(Failure::Later(format!("{from} answered {status}")));
                }
                status => return Err(Failure::Never(format!("{from} answered {status}"))),
            }
        }
        Err(Failure::Never(format!("there were more than {MOST_REDIRECTS} redirects")))
    }

    /// One request. Credentials go to the registry's own origin only, and there only when it asks for them.
    async fn ask(&self, url: &Url) -> Result<Response, Failure> {
        let client = self.client(url)?;
        let from = url.origin().ascii_serialization();
        let send = |headers: HeaderMap| async {
            let sent = client.get(url.clone()).header(ACCEPT_ENCODING, "identity").headers(headers).send();
            sent.await.map_err(|error| self.unreachable(&from, &error))
        };
        let answer = send(HeaderMap::new()).await?;
        if matches!(answer.status().as_u16(), 401 | 403) && self.is_own(url) {
            return send(self.credentials.clone()).await;
        }
        Ok(answer)
    }

    fn unreachable(&self, from: &str, error: &reqwest::Error) -> Failure {
        let mut cause: Option<&(dyn Error + 'static)> = Some(error);
        while let Some(at) = cause {
            if let Some(forbidden) = at.downcast_ref::<Forbidden>() {
                return Failure::Never(forbidden.to_string());
            }
            cause = at.source();
        }
        Failure::Later(format!("{from}: {}", self.reasons.words(error)))
    }

    fn is_own(&self, url: &Url) -> bool {
        url.origin() == self.base.origin()
    }

    /// Who may go there. An address in the URL is looked at here, a name's addresses when it is resolved.
    fn client(&self, url: &Url) -> Result<&Client, Failure> {
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Failure::Never("the address has a user part".to_owned()));
        }
        if self.is_own(url) {
            return Ok(&self.own);
        }
        let secure = match url.scheme() {
            "https" => true,
            "http" => false,
            other => return Err(Failure::Never(format!("this version fetches nothing from {}:", shown(other)))),
        };
        let literal: Option<IpAddr> = match url.host() {
            Some(Host::Ipv4(address)) => Some(address.into()),
            Some(Host::Ipv6(address)) => Some(address.into()),
            _ => None,
        };
        if let Some(address) = literal
            && !may_connect(&self.reach, secure, address)
        {
            return Err(Failure::Never(Forbidden { secure, host: address.to_string() }.to_string()));
        }
        Ok(if secure { &self.secure } else { &self.clear })
    }
}

fn may_connect(reach: &Reach, secure: bool, address: IpAddr) -> bool {
    if secure { reach.permits(address) } else { reach.names(address) }
}

/// Writes away from the runtime's threads.
async fn write(mut writing: Writing, block: BytesMut) -> Result<Writing, Failure> {
    let written = tokio::task::spawn_blocking(move || writing.take(&block).map(|()| writing));
    written.await.map_err(|error| Failure::Later(format!("the file was not written: {error}")))?
}

/// Gives only those addresses of a name that may be connected to; what it does not give is not connected to.
struct Resolver {
    reach: Arc<Reach>,
    secure: bool,
}

/// A host that must not be connected to.
#[derive(Debug, thiserror::Error)]
#[error("{host} is {}: add it to fetch.allow if it may be", if *.secure {
    "at an address of this machine, a private network or a cloud's metadata"
} else {
    "not named as an address that may be asked without TLS"
})]
struct Forbidden {
    secure: bool,
    host: String,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (reach, secure) = (Arc::clone(&self.reach), self.secure);
        Box::pin(async move {
            let host = name.as_str().to_owned();
            // The port is the client's to set.
            let found: Vec<_> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            let good: Vec<_> = found.iter().copied().filter(|found| may_connect(&reach, secure, found.ip())).collect();
            if good.is_empty() && !found.is_empty() {
                return Err(Forbidden { secure, host: shown(&host) }.into());
            }
            Ok(Box::new(good.into_iter()) as Addrs)
        })
    }
}
