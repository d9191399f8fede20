//! The commands: what a person types, one file per command.

mod acts;
pub mod admin_client;
pub mod check;
pub mod deliveries;
pub mod demo;
pub mod digest;
pub mod doctor;
mod example;
pub mod jobs;
pub mod manual;
mod matrix;
mod output;
pub mod plugin;
pub mod prove;
pub mod rejections;
pub mod send;
pub mod serve;
pub mod status;
pub mod store;
pub mod verdict;
pub mod verify;
pub mod waive;
pub mod webhook;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::daemon::{Config, StoreAt};
use admin_client::Access;

/// Where the configuration is when nobody says where.
const DEFAULT_CONFIG: &str = "/etc/scanrelay/scanrelay.toml";

/// Receives signed model-registry webhooks, runs scanners and promotion actions, and reports the verdict.
#[derive(Debug, Parser)]
#[command(name = "scanrelay", version, propagate_version = true, arg_required_else_help = true)]
pub struct Arguments {
    /// The configuration file.
    #[arg(
        long,
        global = true,
        env = "SCANRELAY_CONFIG",
        default_value = DEFAULT_CONFIG,
        value_name = "FILE"
    )]
    pub config: PathBuf,

    /// What to log on stderr: error, warn, info, debug, trace, or a filter such as info,scanrelay=debug. Without it, info; in
    /// the demo, error.
    #[arg(long, global = true, env = "SCANRELAY_LOG", value_name = "FILTER")]
    pub log: Option<String>,

    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs the daemon until SIGTERM or Ctrl-C. A second signal exits at once.
    Serve,
    /// Explains the configuration, resolving secrets and plugins. Exits 2 on a fault.
    Check(check::Arguments),
    /// Tells a story: a development registry, the daemon and two sample plugins in a temporary folder, two scans, two
    /// promotions. Exits 0 when everything came as it should.
    Demo(demo::Arguments),
    /// Runs the development registry: a stand-in for Verta, Comet, MLflow and Jenkins on loopback, in memory.
    DevRegistry(DevRegistry),
    /// Makes a registry's webhook to this daemon, lists, tries or deletes it, over the registry's own API.
    #[command(subcommand)]
    Webhook(webhook::Command),
    /// Checks each registry end to end: reachable, credentials, webhook, test delivery, clock. Exits 1 when a check fails.
    Doctor(doctor::Arguments),
    /// Signs a body as a registry would and posts it to a daemon.
    Send(send::Arguments),
    /// Shows how things stand: waiting, running, dead, the oldest, the last word of each plugin and registry.
    Status(status::Arguments),
    /// Stops a plugin, a registry or everything: what runs goes on, nothing more is started. Over restarts too.
    Pause(status::Queue),
    /// Lets it go on.
    Resume(status::Queue),
    /// Looks at deliveries: what came, and what became of it.
    #[command(subcommand)]
    Deliveries(deliveries::Command),
    /// Looks at jobs, and acts on them.
    #[command(subcommand)]
    Jobs(jobs::Command),
    /// Lists the plugins, and tries one without a registry.
    #[command(subcommand)]
    Plugin(plugin::Command),
    /// Lists every promotion and scan request that the registries know of with its delivery and verdict, or the gap. Exits 0
    /// when there is no gap, 1 when there is one.
    Prove(prove::Arguments),
    /// Prints the digest of a model's files, by which verdicts know them.
    Digest(digest::Arguments),
    /// Shows what was said of a version, a build or a digest. With --require safe it is a gate for scripts: exits 0 when that
    /// is so, 1 when not.
    Verdict(verdict::Arguments),
    /// Answers for a finding: of those bytes, until that day, it does not count. Nothing but a finding can be waived.
    Waive(waive::Arguments),
    /// Looks at the store: its size, whether it is sound; its backup and restore.
    #[command(subcommand)]
    Store(store::Command),
    /// Lists the last refused requests of each registry, which the daemon keeps in memory; or saves one.
    Rejections(rejections::Arguments),
    /// Says why a saved request does or does not verify. Exits 0 when it does, 1 when not.
    Verify(verify::Arguments),
    /// Writes manual pages and shell completions, for packages.
    #[command(hide = true)]
    Manual(manual::Arguments),
}

#[derive(Debug, Args)]
pub struct DevRegistry {
    /// Where to listen; loopback only. Port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8486", value_name = "ADDR:PORT")]
    pub bind: std::net::SocketAddr,
    /// How long a build takes.
    #[arg(long, default_value = "2s", value_parser = jobs::span, value_name = "DURATION")]
    pub build_time: std::time::Duration,
}

/// Why a command did not do what it was asked, and the exit code that says so.
#[derive(Debug)]
pub enum Failure {
    /// Exit code 1.
    Failed(String),
    /// Wrong arguments or configuration: exit code 2.
    Wrong(String),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(format!("{error:#}"))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

pub type Outcome = Result<(), Failure>;

/// The checked configuration.
pub fn configuration(file: &Path) -> Result<Config, Failure> {
    read(file).map_err(Failure::Wrong)
}

/// The checked configuration, or what is wrong with it.
fn read(file: &Path) -> Result<Config, String> {
    Config::load(file, environment()).map_err(|error| error.to_string())
}

/// Where the store of that configuration is.
pub fn store_at(file: &Path) -> Result<StoreAt, Failure> {
    Config::store_of(file, environment()).map_err(|error| Failure::Wrong(error.to_string()))
}

/// The way to what the daemon of that configuration knows.
pub async fn access(file: &Path) -> Result<Access, Failure> {
    let store = store_at(file)?;
    Access::open(&store.path, &store.socket).await
}

/// The environment, read here once. What is not UTF-8 is no setting of ours.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}
