//! What a configuration means, for a person and for a machine.

use std::fmt::Write as _;
use std::net::SocketAddr;

use scanrelay::Scheme;
use serde_json::{Value, json};

use super::Config;
use super::output::Output;
use super::plugins::Plugin;
use super::registries::Peer;
use super::tls::Tls;
use crate::daemon::verdict::Policy;

impl Config {
    /// In words.
    pub fn explain(&self) -> String {
        let mut text = String::new();
        // Writing into a String cannot fail.
        let listener = |bind: SocketAddr, tls: Option<&Tls>| match tls {
            Some(tls) => (format!("https://{bind}"), format!(", certificate until {}", tls.until)),
            None => (format!("http://{bind}"), String::new()),
        };
        let (intake, until) = listener(self.server.bind, self.server.tls.as_ref());
        let _ = writeln!(text, "intake    {intake} (bodies up to {} bytes{until})", self.server.max_body);
        let (admin, until) = listener(self.admin.bind, self.admin.tls.as_ref());
        let _ = writeln!(text, "admin     {admin}{until} and {}", self.store.socket.display());
        let _ = writeln!(text, "store     {}", self.store.path.display());
        for peer in self.registries.values() {
            let answers = peer.url.as_ref().map_or("receives only".to_owned(), |url| format!("answers to {url}"));
            let _ = writeln!(
                text,
                "registry  {}: {}, receives at {}, {answers}, {}{}",
                peer.name,
                peer.registry.kind(),
                path(peer),
                proof(peer),
                if peer.probe { ", probed" } else { "" },
            );
        }
        for images in &self.images {
            let login = if images.login.is_some() { "with a password" } else { "without a password" };
            let _ = writeln!(text, "images    {}: {} at {}, {login}", images.name, images.host, images.url);
        }
        for plugin in self.plugins.values() {
            let output = match &plugin.output {
                Output::Jsonl => "jsonl",
                Output::Verdicts(_) | Output::Statuses(_) => "exit codes",
                Output::Report(..) => "report",
            };
            let _ = writeln!(
                text,
                "plugin    {}: {}, {} ({output}, up to {} s, {} at a time, {}){}",
                plugin.name,
                plugin.kind,
                plugin.program.display(),
                plugin.timeout.as_secs(),
                plugin.concurrency,
                plugin.cell.in_words(),
                terms(plugin),
            );
        }
        for route in &self.routes {
            let _ = writeln!(text, "route {}   {}", route.number, route.in_words());
        }
        if self.routes.is_empty() {
            let _ = writeln!(text, "route     none: deliveries are stored and start nothing");
        }
        for warning in &self.warnings {
            let _ = writeln!(text, "warning   {warning}");
        }
        text.trim_end().to_owned()
    }

    /// For a machine.
    pub fn summary(&self) -> Value {
        let registries = self.registries.values().map(|peer| {
            json!({
                "name": peer.name, "kind": peer.registry.kind(), "path": path(peer),
                "url": peer.url.as_ref().map(ToString::to_string), "scheme": peer.verifier.scheme().name(),
                "header": peer.verifier.scheme().header(), "secrets": peer.secrets, "confirm": peer.confirm,
                "probe": peer.probe,
            })
        });
        let plugins = self.plugins.values().map(|plugin| {
            json!({
                "name": plugin.name, "kind": plugin.kind, "program": plugin.program, "args": plugin.args,
                "timeout_seconds": plugin.timeout.as_secs(), "concurrency": plugin.concurrency, "cell": plugin.cell.in_words(),
                "artifact": plugin.artifact, "image": plugin.image, "requires_verdict": plugin.require_verdict.is_some(),
            })
        });
        let routes = self.routes.iter().map(|route| {
            json!({
                "number": route.number, "on": route.on.word(), "registries": route.registries, "scanners": route.scanners,
                "advisory": route.advisory, "actions": route.actions, "latest_only": route.latest_only, "policy": route.policy,
                "on_error": if route.error_is_unsafe { "unsafe" } else { "error" },
                "stage": route.stage, "words": route.in_words(),
            })
        });
        json!({
            "intake": self.server.bind, "intake_tls_until": self.server.tls.as_ref().map(|tls| &tls.until),
            "admin": self.admin.bind, "admin_tls_until": self.admin.tls.as_ref().map(|tls| &tls.until), "store": self.store.path, "socket": self.store.socket,
            "registries": registries.collect::<Vec<_>>(), "plugins": plugins.collect::<Vec<_>>(),
            "routes": routes.collect::<Vec<_>>(), "warnings": self.warnings, "digest": self.digest,
        })
    }
}

impl super::Route {
    /// The route in one sentence.
    pub fn in_words(&self) -> String {
        let mut words = format!("on {}", self.on.word());
        let filters = [
            (" from ", (!self.registries.is_empty()).then(|| self.registries.join(" or "))),
            (" in workspace ", self.workspace.as_ref().map(|glob| glob.glob().to_string())),
            (" of model ", self.model.as_ref().map(|glob| glob.glob().to_string())),
            (" to ", self.stage.as_ref().map(|stage| stage.as_str().to_owned())),
        ];
        for (before, filter) in filters {
            if let Some(filter) = filter {
                let _ = write!(words, "{before}{filter}");
            }
        }
        words.push_str(": ");
        let mut steps = Vec::new();
        if !self.scanners.is_empty() {
            let policy = match self.policy {
                Policy::All => "all must say safe".to_owned(),
                Policy::Quorum(number) => format!("{number} must say safe, none unsafe"),
            };
            steps.push(format!("scan with {} ({policy})", self.scanners.join(", ")));
        }
        if !self.advisory.is_empty() {
            steps.push(format!("ask {} for advice", self.advisory.join(", ")));
        }
        if !self.actions.is_empty() {
            let first = if self.scanners.is_empty() { "" } else { "when safe " };
            steps.push(format!("{first}confirm with the registry, then run {}", self.actions.join(", then ")));
            if self.latest_only {
                steps.push("give way to a newer promotion while waiting".to_owned());
            }
        }
        words + &steps.join("; ")
    }
}

/// What it is given of the model, and what has to have been said of it before.
fn terms(plugin: &Plugin) -> String {
    let mut terms = String::new();
    for (given, words) in [(plugin.artifact, ", given the model's files"), (plugin.image, ", told the build's image")] {
        terms.push_str(if given { words } else { "" });
    }
    if let Some(demand) = &plugin.require_verdict {
        let from = if demand.from.is_empty() { String::new() } else { format!(" by {}", demand.from.join(" and ")) };
        let age = demand.max_age.map(|age| format!(", at most {} s ago", age.as_secs())).unwrap_or_default();
        // Writing into a String cannot fail.
        let _ = write!(terms, ", only when they were called safe{from}{age}");
    }
    terms
}

/// Where its deliveries come in. A secret in it is not told.
fn path(peer: &Peer) -> String {
    let secret = if peer.verifier.path_secret().is_some() { "/SECRET" } else { "" };
    format!("/hooks/{}{secret}", peer.name)
}

/// By what its deliveries are believed.
fn proof(peer: &Peer) -> String {
    let scheme = peer.verifier.scheme();
    let ending = if peer.secrets == 1 { "" } else { "s" };
    let mut words = match scheme.header() {
        Some(header) => format!("signed by {} in {header} ({} secret{ending})", scheme.name(), peer.secrets),
        None if *scheme == Scheme::Unsigned => "not signed".to_owned(),
        None => "known by its path".to_owned(),
    };
    let networks: Vec<String> = peer.verifier.networks().iter().map(ToString::to_string).collect();
    if !networks.is_empty() {
        // Writing into a String cannot fail.
        let _ = write!(words, ", from {}", networks.join(", "));
    }
    words
}
