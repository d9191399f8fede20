//! Listeners, the store's place, and every bound with its default.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use scanrelay::Secret;
use url::Url;

use super::Source;
use super::error::Fault;
use super::raw::{RawAdmin, RawLimits, RawRetention, RawServer, RawStore};
use super::tls::{Tls, tls};
use super::units::{Size, Span};
use crate::daemon::address::Network;

/// The intake.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    pub bind: SocketAddr,
    pub max_body: usize,
    pub max_connections: u32,
    pub header_timeout: Duration,
    pub read_timeout: Duration,
    pub keep_alive: Duration,
    pub public_url: Option<Url>,
    pub tls: Option<Tls>,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// Tokens are taken on a listener on which they can be read on the way.
    pub insecure_plaintext: bool,
}

/// The read-only side.
#[derive(Clone, Debug, PartialEq)]
pub struct Admin {
    pub bind: SocketAddr,
    pub token: Option<Secret>,
    pub tls: Option<Tls>,
}

/// Where the daemon keeps what it knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreAt {
    pub path: PathBuf,
    /// The admin socket, beside the store.
    pub socket: PathBuf,
    /// The folder of the working directories, beside the store.
    pub work: PathBuf,
    /// The folder of the plugins' caches, beside the store.
    pub caches: PathBuf,
    /// How large it may become.
    pub max_size: Option<u64>,
}

/// How long what has ended is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    pub done: Duration,
    pub dead: Duration,
    /// `None`: as long as the delivery.
    pub bodies: Option<Duration>,
    pub logs: Option<Duration>,
    /// `None`: for ever.
    pub verdicts: Option<Duration>,
}

/// The bounds of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub pending: u32,
    pub pending_per_registry: u32,
    pub queue: u32,
    pub concurrency: u32,
    pub writes_per_registry: u32,
    pub plugin_attempts: u32,
    pub retry_first: Duration,
    pub retry_max: Duration,
    pub retry_for: Duration,
    pub probe_after: u32,
    /// Of a plugin that says nothing else; 0: none.
    pub breaker: u32,
    pub shutdown_grace: Duration,
    pub kill_grace: Duration,
    pub log: usize,
    pub answer: usize,
    /// The intake leaves that much of the disk.
    pub min_free: u64,
}

const MINUTE: u64 = 60;
const DAY: u64 = 24 * 60 * MINUTE;

pub(super) fn server(raw: RawServer, source: &Source, warnings: &mut Vec<String>) -> Result<Server, Fault> {
    let bind = raw.bind.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8484)));
    let tls = raw.tls.as_ref().map(|raw| tls(raw, "server.tls", source, warnings)).transpose()?;
    if tls.is_some() && raw.insecure_plaintext {
        warnings.push("server.insecure_plaintext says nothing beside server.tls: remove it".to_owned());
    }
    let public_url = raw.public_url.map(|text| match Url::parse(&text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.host().is_some() => Ok(url),
        _ => Err(Fault::at("server.public_url", format!("{text:?} is no http or https address"))),
    });
    Ok(Server {
        bind,
        max_body: size("server.max_body", raw.max_body, 1 << 20, 1 << 10, 64 << 20)?,
        max_connections: count("server.max_connections", raw.max_connections, 1024, 2, 100_000)?,
        header_timeout: span("server.header_timeout", raw.header_timeout, 5, 1, 5 * MINUTE)?,
        read_timeout: span("server.read_timeout", raw.read_timeout, 10, 1, 5 * MINUTE)?,
        keep_alive: span("server.keep_alive", raw.keep_alive, 30, 1, 60 * MINUTE)?,
        public_url: public_url.transpose()?,
        tls,
        trusted_proxies: networks("server.trusted_proxies", &raw.trusted_proxies)?,
        insecure_plaintext: raw.insecure_plaintext,
    })
}

pub(super) fn admin(raw: RawAdmin, source: &Source, warnings: &mut Vec<String>) -> Result<Admin, Fault> {
    let bind = raw.bind.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8485)));
    let token = raw.token.map(|token| token.resolve("admin.token", source)).transpose()?;
    let tls = raw.tls.as_ref().map(|raw| tls(raw, "admin.tls", source, warnings)).transpose()?;
    if tls.is_none() && !bind.ip().is_loopback() {
        warnings.push(format!("admin.token can be read on the way to {bind}: set admin.tls, or bind to 127.0.0.1"));
    }
    Ok(Admin { bind, token, tls })
}

pub(super) fn store(raw: RawStore, source: &Source) -> Result<StoreAt, Fault> {
    let url = raw.url.unwrap_or_else(|| "sqlite:///var/lib/scanrelay/scanrelay.db".to_owned());
    let path = match url.strip_prefix("sqlite:") {
        Some(rest) => rest.strip_prefix("//").unwrap_or(rest),
        None => return Err(Fault::at("store.url", format!("{url:?} is no store: write sqlite:///PATH"))),
    };
    if path.is_empty() || path.ends_with('/') {
        return Err(Fault::at("store.url", "it names no file: write sqlite:///PATH/scanrelay.db"));
    }
    let path = source.folder.join(path);
    let beside = |name: &str| path.parent().unwrap_or(&source.folder).join(name);
    let max_size = raw.max_size.map(|most| bytes("store.max_size", Some(most), 0, 1 << 20, 1 << 50)).transpose()?;
    Ok(StoreAt { socket: beside("admin.sock"), work: beside("work"), caches: beside("cache"), path, max_size })
}

pub(super) fn limits(raw: &RawLimits) -> Result<Limits, Fault> {
    let limits = Limits {
        pending: count("limits.pending", raw.pending, 100_000, 1, 100_000_000)?,
        pending_per_registry: count("limits.pending_per_registry", raw.pending_per_registry, 50_000, 1, 100_000_000)?,
        queue: count("limits.queue", raw.queue, 1024, 1, 1_000_000)?,
        concurrency: count("limits.concurrency", raw.concurrency, 8, 1, 1024)?,
        writes_per_registry: count("limits.writes_per_registry", raw.writes_per_registry, 8, 1, 64)?,
        plugin_attempts: count("limits.plugin_attempts", raw.plugin_attempts, 5, 1, 1000)?,
        retry_first: span("limits.retry_first", raw.retry_first, 10, 0, 60 * MINUTE)?,
        retry_max: span("limits.retry_max", raw.retry_max, 60 * MINUTE, 0, DAY)?,
        retry_for: span("limits.retry_for", raw.retry_for, 3 * DAY, 0, 30 * DAY)?,
        probe_after: count("limits.probe_after", raw.probe_after, 5, 1, 1000)?,
        breaker: count("limits.breaker", raw.breaker, 5, 0, 1000)?,
        shutdown_grace: span("limits.shutdown_grace", raw.shutdown_grace, 15, 0, 60 * MINUTE)?,
        kill_grace: span("limits.kill_grace", raw.kill_grace, 5, 0, 5 * MINUTE)?,
        log: size("limits.log", raw.log, 256 << 10, 0, 16 << 20)?,
        answer: size("limits.answer", raw.answer, 1 << 20, 1 << 10, 64 << 20)?,
        min_free: bytes("limits.min_free", raw.min_free, 256 << 20, 0, 1 << 50)?,
    };
    for (key, wait) in [("limits.retry_first", limits.retry_first), ("limits.retry_max", limits.retry_max)] {
        if wait < Duration::from_millis(10) {
            return Err(Fault::at(key, "without a pause a failure would be tried again without end: at least 10ms"));
        }
    }
    if limits.retry_max < limits.retry_first {
        return Err(Fault::at("limits.retry_max", "it is shorter than limits.retry_first"));
    }
    Ok(limits)
}

pub(super) fn retention(raw: &RawRetention) -> Result<Retention, Fault> {
    let optional =
        |key: &str, raw: Option<Span>, most: u64| raw.map(|given| span(key, Some(given), 0, 1, most * DAY)).transpose();
    let retention = Retention {
        done: span("retention.done", raw.done, 90 * DAY, 1, 3650 * DAY)?,
        dead: span("retention.dead", raw.dead, 365 * DAY, 1, 3650 * DAY)?,
        bodies: optional("retention.bodies", raw.bodies, 3650)?,
        logs: Some(span("retention.logs", raw.logs, 30 * DAY, 1, 3650 * DAY)?),
        verdicts: optional("retention.verdicts", raw.verdicts, 36_500)?,
    };
    if retention.verdicts.is_some_and(|verdicts| verdicts < retention.done.max(retention.dead)) {
        return Err(Fault::at(
            "retention.verdicts",
            "a verdict is kept at least as long as its delivery: make it no shorter than retention.done and retention.dead",
        ));
    }
    Ok(retention)
}

pub(super) fn count(key: &str, raw: Option<u32>, default: u32, least: u32, most: u32) -> Result<u32, Fault> {
    match raw.unwrap_or(default) {
        number if (least..=most).contains(&number) => Ok(number),
        number => Err(Fault::at(key, format!("{number} is out of bounds: {least} to {most}"))),
    }
}

pub(super) fn networks(key: &str, raw: &[String]) -> Result<Vec<Network>, Fault> {
    let network = |(nth, text): (usize, &String)| {
        Network::parse(text).ok_or_else(|| {
            let cause = format!("{text:?} is no network: write 10.0.0.0/8, fd00::/8, or one address");
            Fault::at(format!("{key}[{nth}]"), cause)
        })
    };
    raw.iter().enumerate().map(network).collect()
}

/// Bounds in seconds.
pub(super) fn span(key: &str, raw: Option<Span>, default: u64, least: u64, most: u64) -> Result<Duration, Fault> {
    match raw.map_or(Duration::from_secs(default), |span| span.0) {
        span if (Duration::from_secs(least)..=Duration::from_secs(most)).contains(&span) => Ok(span),
        span => Err(Fault::at(key, format!("{span:?} is out of bounds: {least}s to {most}s"))),
    }
}

pub(super) fn size(key: &str, raw: Option<Size>, default: u64, least: u64, most: u64) -> Result<usize, Fault> {
    bytes(key, raw, default, least, most).map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX))
}

/// A size of what is on disk, which memory need not hold.
pub(super) fn bytes(key: &str, raw: Option<Size>, default: u64, least: u64, most: u64) -> Result<u64, Fault> {
    match raw.map_or(default, |size| size.0) {
        bytes if (least..=most).contains(&bytes) => Ok(bytes),
        bytes => Err(Fault::at(key, format!("{bytes} bytes are out of bounds: {least} to {most}"))),
    }
}
