//! The configuration: one TOML file, checked once. What the user typed ([`raw`]) becomes what the program runs on
//! ([`Config`]); nothing later checks a setting again.

mod catalog;
mod cell;
mod demand;
mod error;
mod explain;
mod fetch;
mod files;
mod images;
mod kept;
mod limits;
mod output;
mod plugins;
mod raw;
mod registries;
mod routes;
mod secrets;
mod tls;
mod units;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use config::{File, FileFormat};
use scanrelay::{Scheme, Timestamp};
use sha2::{Digest, Sha256};

pub use catalog::{Catalog, Found};
pub use cell::{Cell, Sandbox};
pub use error::ConfigError;
pub use fetch::Fetch;
pub use images::ImageRegistry;
pub use limits::{Admin, Limits, Retention, Server, StoreAt};
pub use output::Output;
pub use plugins::{Plugin, Update};
pub use registries::{CatchUpFrom, Peer};
pub use routes::Route;

use super::clock::Clock;
use error::{Fault, nearest};
use raw::Raw;

/// The documentation, and the defaults.
pub const SAMPLE: &str = include_str!("../../examples/scanrelay.toml");

/// Everything the daemon runs on.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub server: Server,
    pub admin: Admin,
    pub store: StoreAt,
    /// What holds for plugins that say nothing of their own.
    pub sandbox: Sandbox,
    pub limits: Limits,
    pub retention: Retention,
    pub fetch: Fetch,
    pub images: Vec<ImageRegistry>,
    pub registries: BTreeMap<String, Peer>,
    /// Those that a route names or the configuration defines.
    pub plugins: BTreeMap<String, Plugin>,
    /// In the order in which they are tried.
    pub routes: Vec<Route>,
    /// What is allowed and not wise.
    pub warnings: Vec<String>,
    /// SHA-256 of what it says, secrets left out.
    pub digest: String,
    /// `PATH` and `LANG` for plugins.
    pub path: String,
    pub lang: String,
}

/// Where settings come from beside the file.
#[derive(Clone)]
pub struct Source {
    pub environment: BTreeMap<String, String>,
    /// The configuration file's folder: relative paths begin there.
    pub folder: PathBuf,
    /// Where the plugins are that were installed with the program. They are looked for there last.
    pub installed: Option<PathBuf>,
    /// By which certificates are looked at.
    pub now: Timestamp,
}

impl Source {
    /// A folder and nothing else.
    fn bare(folder: PathBuf) -> Self {
        Self { environment: BTreeMap::new(), folder, installed: None, now: Timestamp::default() }
    }

    /// `PATH` for plugins.
    fn path(&self) -> String {
        self.environment.get("PATH").cloned().unwrap_or_else(|| DEFAULT_PATH.to_owned())
    }
}

/// Debian's, for daemons that are started without one.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

impl Config {
    /// Reads, overlays and checks the file.
    pub fn load(file: &Path, environment: BTreeMap<String, String>) -> Result<Self, ConfigError> {
        read(file, environment, Self::checked)
    }

    /// Where the store of that configuration is. Secrets and plugins are not looked at: who looks at jobs needs neither.
    pub fn store_of(file: &Path, environment: BTreeMap<String, String>) -> Result<StoreAt, ConfigError> {
        read(file, environment, |raw, source| limits::store(raw.store, source))
    }

    /// A verifier that stands in no file: a scheme as the configuration would have it, and the file of its secret.
    pub fn verifier_of(scheme: &str, secret: &Path) -> Result<scanrelay::Verifier, String> {
        let source = Source::bare(PathBuf::new());
        registries::verifier_of(scheme, secret, &source).map_err(|fault| fault.to_string())
    }

    #[cfg(test)]
    fn parse(text: &str, source: &Source) -> Result<Self, Fault> {
        Self::checked(raw(text, source)?, source)
    }

    fn checked(raw: Raw, source: &Source) -> Result<Self, Fault> {
        let mut warnings = Vec::new();
        let digest = base16ct::lower::encode_string(&Sha256::digest(format!("{raw:?}")));
        let path = source.path();
        let server = limits::server(raw.server, source, &mut warnings)?;
        let admin = limits::admin(raw.admin, source, &mut warnings)?;
        let store = limits::store(raw.store, source)?;
        let sandbox = cell::sandbox(raw.sandbox.as_deref(), "sandbox", Sandbox::default())?;
        let retention = limits::retention(&raw.retention)?;
        let limits = limits::limits(&raw.limits)?;
        let fetch = fetch::fetch(&raw.fetch, source)?;
        let images = images::images(raw.images, source, &mut warnings)?;
        let registries = registries::registries(raw.registries, limits.pending_per_registry, source, &mut warnings)?;
        let folders = plugins::folders(raw.plugin_path, source);
        let named: Vec<String> = raw.routes.iter().flat_map(raw::RawRoute::plugins).cloned().collect();
        let plugins = plugins::plugins(raw.plugins, &named, &folders, sandbox, &path, source)?;
        let routes = routes::routes(raw.routes, &registries, &plugins, &mut warnings)?;
        let mut config = Self {
            server,
            admin,
            store,
            sandbox,
            limits,
            retention,
            fetch,
            images,
            registries,
            plugins,
            routes,
            warnings,
            digest,
            path,
            lang: "C.UTF-8".to_owned(),
        };
        config.check_listeners()?;
        config.warn_of_cells(&source.folder);
        Ok(config)
    }

    /// A plugin that is let near the store or the configuration is one to be told of.
    fn warn_of_cells(&mut self, folder: &Path) {
        for plugin in self.plugins.values().filter(|plugin| plugin.cell.sandbox != Sandbox::Off) {
            for (place, what) in [(self.store.path.as_path(), "the store"), (folder, "the configuration")] {
                if let Some((key, path)) = plugin.cell.opening(place) {
                    let (name, path) = (&plugin.name, path.display());
                    let warning = format!("plugins.{name}.{key} = {path} opens {what} to it: name only what it needs");
                    self.warnings.push(warning);
                }
            }
        }
    }

    /// What may be read on the way goes over loopback, or somebody has said that it may be read.
    fn check_listeners(&self) -> Result<(), Fault> {
        let bind = self.server.bind;
        let readable = self.registries.values().find(|peer| peer.verifier.sends_a_secret());
        if let Some(peer) = readable
            && !bind.ip().is_loopback()
            && self.server.tls.is_none()
            && self.server.trusted_proxies.is_empty()
            && !self.server.insecure_plaintext
        {
            let (key, what) = match peer.verifier.scheme() {
                Scheme::Token(_) => ("scheme", "a token"),
                _ => ("path_secret", "a path"),
            };
            return Err(Fault::at(
                format!("registries.{}.webhook.{key}", peer.name),
                format!(
                    "{what} on {bind} can be read on the way: set server.tls, name the TLS proxy in server.trusted_proxies, bind to loopback behind one, or set server.insecure_plaintext = true"
                ),
            ));
        }
        if self.admin.token.is_none() && !self.admin.bind.ip().is_loopback() {
            let bind = self.admin.bind;
            return Err(Fault::at(
                "admin.bind",
                format!("{bind} is not loopback: set admin.token, or bind to 127.0.0.1"),
            ));
        }
        Ok(())
    }
}

/// A duration as the configuration takes it: `500ms`, `30s`, `10m`, `6h`, `3d`.
pub fn span(text: &str) -> Option<std::time::Duration> {
    units::Span::parse(text).map(|span| span.0)
}

impl Default for Config {
    fn default() -> Self {
        let source = Source::bare("/etc/scanrelay".into());
        Self::checked(Raw::default(), &source).unwrap_or_else(|fault| panic!("the defaults are at fault: {fault}"))
    }
}

fn read<T>(
    file: &Path,
    environment: BTreeMap<String, String>,
    checked: impl Fn(Raw, &Source) -> Result<T, Fault>,
) -> Result<T, ConfigError> {
    let read = || {
        let bytes = files::read_private(file).map_err(|cause| Fault::at("", cause))?;
        let text = String::from_utf8(bytes).map_err(|_| Fault::at("", "it is not UTF-8"))?;
        let absolute = std::path::absolute(file).map_err(|error| Fault::at("", error.to_string()))?;
        let folder = absolute.parent().unwrap_or(Path::new("/")).to_owned();
        let source = Source { environment, folder, installed: plugins::installed(), now: Clock::system().wall() };
        checked(raw(&text, &source)?, &source)
    };
    read().map_err(|fault: Fault| fault.in_file(file))
}

/// The file overlaid with the environment, every key known, every value of its type.
fn raw(text: &str, source: &Source) -> Result<Raw, Fault> {
    let mut builder = config::Config::builder().add_source(File::from_str(text, FileFormat::Toml));
    for (variable, value) in &source.environment {
        let Some(path) = variable.strip_prefix("SCANRELAY__") else { continue };
        let key = path.split("__").collect::<Vec<_>>().join(".").to_lowercase();
        if key.split('.').any(|part| part == "env" || part == "secrets" || part.starts_with("insecure_")) {
            return Err(Fault::at(key, format!("{variable} may not set this: write it into the file")));
        }
        builder = builder
            .set_override(&key, value.as_str())
            .map_err(|_| Fault::at("", format!("{variable} names no key")))?;
    }
    let built = builder.build().map_err(|error| Fault::at("", one_line(&error.to_string())))?;
    serde_path_to_error::deserialize(built).map_err(|error| {
        let key = error.path().to_string();
        Fault::at(if key == "." { String::new() } else { key }, unknown_or_wrong(&one_line(&error.inner().to_string())))
    })
}

/// A parser's several lines as one.
fn one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('|'));
    lines.collect::<Vec<_>>().join(", ")
}

/// Names the key that was probably meant.
fn unknown_or_wrong(message: &str) -> String {
    let message = message.split(" for key `").next().unwrap_or(message);
    let Some(rest) = message.strip_prefix("unknown field `") else { return message.to_owned() };
    let Some((word, expected)) = rest.split_once('`') else { return message.to_owned() };
    let known = expected.split('`').skip(1).step_by(2);
    match nearest(word, known) {
        Some(meant) => format!("unknown key, did you mean {meant}?"),
        None => "unknown key; scanrelay check --print-default lists them all".to_owned(),
    }
}

#[cfg(test)]
mod tests;
