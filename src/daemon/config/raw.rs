//! What the user typed: every key, none checked but for its type. Unknown keys are refused.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::secrets::RawSecret;
use super::units::{Size, Span};

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Raw {
    pub plugin_path: Option<Vec<PathBuf>>,
    pub sandbox: Option<String>,
    pub server: RawServer,
    pub admin: RawAdmin,
    pub store: RawStore,
    pub limits: RawLimits,
    pub retention: RawRetention,
    pub fetch: RawFetch,
    pub images: BTreeMap<String, RawImages>,
    pub registries: BTreeMap<String, RawRegistry>,
    pub plugins: BTreeMap<String, RawPlugin>,
    pub routes: Vec<RawRoute>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RawServer {
    pub bind: Option<SocketAddr>,
    pub max_body: Option<Size>,
    pub max_connections: Option<u32>,
    pub header_timeout: Option<Span>,
    pub read_timeout: Option<Span>,
    pub keep_alive: Option<Span>,
    pub public_url: Option<String>,
    pub tls: Option<RawTls>,
    pub trusted_proxies: Vec<String>,
    pub insecure_plaintext: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawTls {
    pub certificate: PathBuf,
    pub key: RawSecret,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RawAdmin {
    pub bind: Option<SocketAddr>,
    pub token: Option<RawSecret>,
    pub tls: Option<RawTls>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RawStore {
    pub url: Option<String>,
    pub max_size: Option<Size>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RawRetention {
    pub done: Option<Span>,
    pub dead: Option<Span>,
    pub bodies: Option<Span>,
    pub logs: Option<Span>,
    pub verdicts: Option<Span>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RawLimits {
    pub pending: Option<u32>,
    pub pending_per_registry: Option<u32>,
    pub queue: Option<u32>,
    pub concurrency: Option<u32>,
    pub writes_per_registry: Option<u32>,
    pub plugin_attempts: Option<u32>,
    pub retry_first: Option<Span>,
    pub retry_max: Option<Span>,
    pub retry_for: Option<Span>,
    pub probe_after: Option<u32>,
    pub breaker: Option<u32>,
    pub shutdown_grace: Option<Span>,
    pub kill_grace: Option<Span>,
    pub log: Option<Size>,
    pub answer: Option<Size>,
    pub min_free: Option<Size>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RawFetch {
    pub allow: Vec<String>,
    pub roots: Vec<PathBuf>,
    pub max_size: Option<Size>,
    pub max_files: Option<u32>,
    pub timeout: Option<Span>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawImages {
    pub host: String,
    pub url: Option<String>,
    #[serde(default)]
    pub insecure_http: bool,
    pub tokens: Option<String>,
    pub credentials: Option<RawImagesLogin>,
    pub ca_file: Option<PathBuf>,
    pub timeout: Option<Span>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawImagesLogin {
    pub user: String,
    pub password: RawSecret,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawRegistry {
    pub kind: String,
    pub url: Option<String>,
    pub workspace: Option<String>,
    pub credentials: Option<RawCredentials>,
    pub webhook: RawWebhook,
    pub timeout: Option<Span>,
    pub max_pending: Option<u32>,
    pub confirm: Option<bool>,
    pub reconcile_every: Option<Span>,
    pub catch_up_from: Option<String>,
    pub ca_file: Option<PathBuf>,
    pub proxy: Option<RawProxy>,
    #[serde(default)]
    pub insecure_http: bool,
    #[serde(default)]
    pub write_back: RawWriteBack,
    pub promote_on: Option<RawRules>,
    pub scan_on: Option<RawRules>,
    pub mapping: Option<RawMapping>,
    pub tell: Option<RawTells>,
    pub ask: Option<RawAsk>,
}

/// Where in the body each fact is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawMapping {
    pub kind: String,
    #[serde(default)]
    pub kinds: BTreeMap<String, String>,
    pub id: Option<String>,
    pub occurred_at: Option<String>,
    pub workspace: Option<String>,
    pub model: Option<String>,
    pub model_id: Option<String>,
    pub version: Option<String>,
    pub version_id: Option<String>,
    pub stage_from: Option<String>,
    pub stage: Option<String>,
    pub alias: Option<String>,
    pub tag: Option<String>,
    pub tag_value: Option<String>,
    pub build: Option<String>,
    pub image: Option<String>,
    pub artifact_uri: Option<String>,
    pub actor: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RawTells {
    pub scan: Option<RawTell>,
    pub promotion: Option<RawTell>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawTell {
    pub method: Option<String>,
    pub path: String,
    pub body: String,
    #[serde(default)]
    pub progress: bool,
    #[serde(default)]
    pub words: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawAsk {
    pub path: String,
    pub pointer: String,
    pub equals: String,
}

/// Those of every kind of registry; which of them one has, its kind knows.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RawCredentials {
    pub email: Option<String>,
    pub organization: Option<String>,
    pub user: Option<String>,
    pub header: Option<String>,
    pub developer_key: Option<RawSecret>,
    pub api_key: Option<RawSecret>,
    pub token: Option<RawSecret>,
    pub password: Option<RawSecret>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "it is neither a rule, such as { alias = \"production\" }, nor a list of rules")]
pub enum RawRules {
    One(RawRule),
    Several(Vec<RawRule>),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RawRule {
    pub event: Option<String>,
    pub stage: Option<String>,
    pub alias: Option<String>,
    pub tag: Option<String>,
    pub value: Option<String>,
    pub comment: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "it is neither \"http://HOST:PORT\" nor { url = \"…\", user = \"…\", password = … }")]
pub enum RawProxy {
    Url(String),
    Login(RawLogin),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawLogin {
    pub url: String,
    pub user: String,
    pub password: RawSecret,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawWebhook {
    #[serde(default)]
    pub secrets: Vec<RawSecret>,
    pub scheme: Option<RawScheme>,
    pub tolerance: Option<Span>,
    pub path_secret: Option<RawSecret>,
    pub allow_ips: Option<Vec<String>>,
    #[serde(default)]
    pub insecure_ip_only: bool,
    #[serde(default)]
    pub insecure_unsigned: bool,
    #[serde(default)]
    pub probe: bool,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum RawScheme {
    Preset(String),
    Token(RawToken),
    Custom(RawCustom),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawToken {
    pub token: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawCustom {
    pub header: String,
    pub algorithm: Option<String>,
    pub encoding: Option<String>,
    pub prefix: Option<String>,
    pub separator: Option<char>,
    pub id_header: Option<String>,
    pub timestamp_header: Option<String>,
    pub key: Option<String>,
    pub signed: Option<String>,
}

/// Those of every kind of registry; which of them one has, its kind knows.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RawWriteBack {
    pub metadata: Option<bool>,
    pub comment: Option<bool>,
    pub status: Option<RawStatuses>,
    pub context: Option<String>,
    pub scan_method: Option<String>,
    pub scan_results_key: Option<String>,
    pub redirect_method: Option<String>,
    pub redirect_path: Option<String>,
    pub update_mask: Option<String>,
    pub redirect: Option<BTreeMap<String, String>>,
    pub redirect_words: RawWords,
}

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RawStatuses {
    pub safe: Option<String>,
    #[serde(rename = "unsafe")]
    pub is_unsafe: Option<String>,
    pub error: Option<String>,
    pub complete: Option<String>,
    pub failed: Option<String>,
}

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RawWords {
    pub in_progress: Option<String>,
    pub complete: Option<String>,
    pub failed: Option<String>,
}

/// A manifest, or what the configuration says about a plugin.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RawPlugin {
    #[serde(rename = "use")]
    pub instance_of: Option<String>,
    pub kind: Option<String>,
    pub command: Option<Vec<String>>,
    pub output: Option<String>,
    pub exit_codes: Option<RawExitCodes>,
    pub report: Option<RawReport>,
    pub require: Option<RawRequire>,
    pub fail_on: Option<String>,
    pub timeout: Option<Span>,
    pub artifact: Option<bool>,
    pub image: Option<bool>,
    pub require_verdict: Option<RawDemand>,
    pub settings: Map<String, Value>,
    pub env: BTreeMap<String, String>,
    pub secrets: BTreeMap<String, RawSecret>,
    pub concurrency: Option<u32>,
    pub breaker: Option<u32>,
    pub cache: Option<bool>,
    pub update: Option<Vec<String>>,
    pub update_every: Option<Span>,
    pub sandbox: Option<String>,
    pub network: Option<bool>,
    pub local_sockets: Option<bool>,
    pub read: Option<Vec<PathBuf>>,
    pub write: Option<Vec<PathBuf>>,
    pub run_as: Option<String>,
    pub limits: RawBounds,
}

/// What one run of a plugin may use.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RawBounds {
    pub memory: Option<Size>,
    pub cpu: Option<Span>,
    pub file_size: Option<Size>,
    pub disk: Option<Size>,
    pub open_files: Option<u32>,
    pub processes: Option<u32>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RawExitCodes {
    #[serde(rename = "safe")]
    pub safe: Option<Vec<i32>>,
    #[serde(rename = "unsafe")]
    pub is_unsafe: Option<Vec<i32>>,
    pub complete: Option<Vec<i32>>,
    pub failed: Option<Vec<i32>>,
    pub report: Option<Vec<i32>>,
}

/// Where things are in a report that is JSON.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RawReport {
    pub findings: Option<String>,
    pub id: Option<String>,
    pub severity: Option<String>,
    pub message: Option<String>,
    pub location: Option<String>,
    pub scanned: Option<String>,
    pub errors: Option<String>,
    pub version: Option<String>,
}

/// What a report has to prove.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawRequire {
    pub scanned_at_least: u64,
}

/// What an action needs to have been said of the files that it is given.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawDemand {
    #[serde(rename = "is")]
    pub word: String,
    #[serde(default)]
    pub from: Vec<String>,
    pub max_age: Option<Span>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawRoute {
    pub on: String,
    #[serde(default)]
    pub registries: Vec<String>,
    pub workspace: Option<String>,
    pub model: Option<String>,
    pub stage: Option<String>,
    #[serde(default)]
    pub scanners: Vec<String>,
    #[serde(default)]
    pub advisory: Vec<String>,
    #[serde(default)]
    pub actions: Vec<String>,
    #[serde(default)]
    pub latest_only: bool,
    pub verdict: Option<RawPolicy>,
    pub on_error: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum RawPolicy {
    Word(String),
    Quorum(RawQuorum),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawQuorum {
    pub quorum: u32,
}
