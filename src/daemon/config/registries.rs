//! Registries: where each posts, how it signs, and how it is answered.

mod catch_up;
mod comet;
mod databricks;
mod generic;
mod github;
mod given;
mod huggingface;
mod kind;
mod mlflow;
mod rules;
mod scheme;
mod sender;
mod verta;
mod wandb;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use scanrelay::registry::{Registry, Rules};
use scanrelay::{Secret, Verifier};
use url::{Host, Url};

use super::error::Fault;
use super::raw::{RawLogin, RawProxy, RawRegistry, RawWriteBack};
use super::secrets::{RawSecret, warn_of_readers};
use super::{Source, files, limits, plugins};
pub use catch_up::CatchUpFrom;
use given::Given;

pub(super) use scheme::verifier_of;

/// A registry as it is configured.
#[derive(Clone, Debug, PartialEq)]
pub struct Peer {
    pub name: String,
    pub registry: Registry,
    /// Which of its events are promotions and scan requests, where it has none of its own.
    pub rules: Rules,
    pub verifier: Verifier,
    /// Keep refused requests, and look for the scheme that they are signed by.
    pub probe: bool,
    /// How many secrets its deliveries may be signed with.
    pub secrets: usize,
    /// Where it is answered; without, it only posts.
    pub url: Option<Url>,
    pub timeout: Duration,
    /// How many of its deliveries may be open.
    pub max_pending: u32,
    pub confirm: bool,
    /// How often it is asked how things stand.
    pub reconcile_every: Duration,
    /// What is made up for when it is asked for the first time; without, nothing.
    pub catch_up_from: Option<CatchUpFrom>,
    /// PEM of a private certificate authority.
    pub authority: Option<Vec<u8>>,
    pub proxy: Option<Proxy>,
}

/// A forward proxy, and who we are to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Proxy {
    pub url: Url,
    pub login: Option<(String, Secret)>,
}

pub(super) fn registries(
    raw: BTreeMap<String, RawRegistry>,
    max_pending: u32,
    source: &Source,
    warnings: &mut Vec<String>,
) -> Result<BTreeMap<String, Peer>, Fault> {
    raw.into_iter().map(|(name, raw)| Ok((name.clone(), registry(name, raw, max_pending, source, warnings)?))).collect()
}

fn registry(
    name: String,
    raw: RawRegistry,
    max_pending: u32,
    source: &Source,
    warnings: &mut Vec<String>,
) -> Result<Peer, Fault> {
    let key = format!("registries.{name}");
    plugins::check_name(&name, &key)?;
    let url = raw.url.as_deref().map(|text| url(text, raw.insecure_http, &format!("{key}.url"))).transpose()?;
    let kind = kind::of(&raw.kind, &format!("{key}.kind"))?;
    let verifier = sender::verifier(&raw.webhook, kind.scheme(), &format!("{key}.webhook"), source, warnings)?;
    let rules = rules::rules(&raw, kind, &key, warnings)?;
    let mut given = Given { raw, key: key.clone(), answered: url.is_some(), source, warnings };
    let registry = kind.registry(&mut given)?;
    let Given { raw, .. } = given;
    let left = [
        ("write_back", raw.write_back != RawWriteBack::default()),
        ("mapping", raw.mapping.is_some()),
        ("tell", raw.tell.is_some()),
        ("ask", raw.ask.is_some()),
    ];
    if let Some((section, _)) = left.into_iter().find(|(_, left)| *left) {
        return Err(Fault::at(
            format!("{key}.{section}"),
            format!("{} has none, or not with this key: see examples/scanrelay.toml for those of each kind", raw.kind),
        ));
    }
    let authority =
        raw.ca_file.map(|path| authority(&source.folder.join(path), &format!("{key}.ca_file"))).transpose()?;
    let proxy = raw.proxy.map(|raw| proxy(raw, &format!("{key}.proxy"), source, warnings)).transpose()?;
    Ok(Peer {
        registry,
        rules,
        probe: raw.webhook.probe,
        secrets: raw.webhook.secrets.len(),
        verifier,
        url,
        timeout: limits::span(&format!("{key}.timeout"), raw.timeout, 30, 1, 600)?,
        max_pending: limits::count(&format!("{key}.max_pending"), raw.max_pending, max_pending, 1, 100_000_000)?,
        confirm: raw.confirm.unwrap_or(true),
        reconcile_every: limits::span(&format!("{key}.reconcile_every"), raw.reconcile_every, 900, 1, 604_800)?,
        catch_up_from: raw
            .catch_up_from
            .map(|text| CatchUpFrom::parse(&text, &format!("{key}.catch_up_from")))
            .transpose()?,
        authority,
        proxy,
        name,
    })
}

pub(super) fn url(text: &str, insecure_http: bool, key: &str) -> Result<Url, Fault> {
    let url = Url::parse(text).map_err(|_| Fault::at(key, "it is no address: write https://HOST"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Fault::at(key, "a user or password does not stand in an address: use credentials"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(Fault::at(
            key,
            "it has a query or a fragment: write https://HOST, and a path if the registry lives under one",
        ));
    }
    let loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if loopback || insecure_http => Ok(url),
        "http" => {
            Err(Fault::at(key, "http would send the credentials in clear: use https, or set insecure_http = true"))
        }
        other => Err(Fault::at(key, format!("{other} is no scheme for a registry: use https"))),
    }
}

fn proxy(raw: RawProxy, key: &str, source: &Source, warnings: &mut Vec<String>) -> Result<Proxy, Fault> {
    let (url, login) = match raw {
        RawProxy::Url(url) => (url, None),
        RawProxy::Login(RawLogin { url, user, password }) => (url, Some((user, password))),
    };
    let url = match Url::parse(&url) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.host().is_some() => url,
        _ => return Err(Fault::at(key, "it is no http or https address: write http://HOST:PORT")),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Fault::at(
            key,
            "a user or password does not stand in an address: write { url = \"http://HOST:PORT\", user = \"NAME\", password = { file = \"PATH\" } }",
        ));
    }
    let login = login.map(|(user, password)| basic(user, &password, key, source, warnings));
    Ok(Proxy { url, login: login.transpose()? })
}

/// A user and a password, as HTTP's Basic has them.
pub(super) fn basic(
    user: String,
    password: &RawSecret,
    key: &str,
    source: &Source,
    warnings: &mut Vec<String>,
) -> Result<(String, Secret), Fault> {
    if user.contains(':') || user.chars().any(char::is_control) {
        return Err(Fault::at(format!("{key}.user"), "a user's name that is sent with a password has no colon"));
    }
    let secret = password.resolve(&format!("{key}.password"), source)?;
    if let RawSecret::File(path) = password {
        warn_of_readers(&source.folder.join(path), warnings);
    }
    Ok((user, secret))
}

pub(super) fn authority(path: &Path, key: &str) -> Result<Vec<u8>, Fault> {
    files::read_private(path).map_err(|cause| Fault::at(key, cause))
}
