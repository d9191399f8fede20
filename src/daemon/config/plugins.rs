//! Plugins: a manifest in a folder of `plugin_path`, what the configuration says on top, or the configuration alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use scanrelay::Secret;
use scanrelay::plugin::{PluginKind, Severity};
use serde_json::{Map, Value};

use super::cell::{self, Cell, Sandbox};
use super::error::{Fault, nearest};
use super::output::{Output, Said};
use super::raw::{RawBounds, RawPlugin, RawRoute};
use super::units::Span;
use super::{Source, demand, files, limits, one_line, secrets, unknown_or_wrong};
use crate::daemon::verdict::Demand;

/// A plugin, ready to be run.
#[derive(Clone, Debug, PartialEq)]
pub struct Plugin {
    pub name: String,
    pub kind: PluginKind,
    /// Absolute.
    pub program: PathBuf,
    pub args: Vec<String>,
    pub output: Output,
    pub fail_on: Severity,
    pub timeout: Duration,
    /// Whether the model's files are fetched for it.
    pub artifact: bool,
    /// Whether it is told which image the event's build is.
    pub image: bool,
    /// What must have been said of these files before it is run.
    pub require_verdict: Option<Demand>,
    pub settings: Map<String, Value>,
    pub env: Vec<(String, String)>,
    pub secrets: Vec<(String, Secret)>,
    pub concurrency: u32,
    /// So many failures in a row stop what it is fed with; 0: never. Without it, `limits.breaker`.
    pub breaker: Option<u32>,
    /// Whether it has a folder to look things up in.
    pub cache: bool,
    /// What brings that up to date.
    pub update: Option<Update>,
    /// What it is confined to.
    pub cell: Cell,
}

/// What brings a plugin's cache up to date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// Absolute.
    pub program: PathBuf,
    pub args: Vec<String>,
    pub every: Duration,
}

const PLACEHOLDERS: [&str; 5] = ["{artifact}", "{workdir}", "{event}", "{report}", "{cache}"];

impl RawRoute {
    /// Every plugin it names.
    pub(super) fn plugins(&self) -> impl Iterator<Item = &String> {
        self.scanners.iter().chain(&self.advisory).chain(&self.actions)
    }
}

/// Where manifests are, in the order of the search.
pub(super) fn folders(configured: Option<Vec<PathBuf>>, source: &Source) -> Vec<PathBuf> {
    let configured = configured.unwrap_or_else(|| vec!["plugins".into()]);
    configured.iter().map(|path| source.folder.join(path)).chain(source.installed.clone()).collect()
}

/// `PREFIX/lib/scanrelay/plugins` of a program that is `PREFIX/bin/scanrelay`.
pub(super) fn installed() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let folder = program.parent().filter(|folder| folder.ends_with("bin"))?.parent()?.join("lib/scanrelay/plugins");
    folder.is_dir().then_some(folder)
}

/// Those that a route names or the configuration defines.
pub(super) fn plugins(
    mut configured: BTreeMap<String, RawPlugin>,
    named: &[String],
    folders: &[PathBuf],
    sandbox: Sandbox,
    path: &str,
    source: &Source,
) -> Result<BTreeMap<String, Plugin>, Fault> {
    let defined: Vec<String> = configured.keys().cloned().collect();
    let mut names: Vec<&String> = named.iter().chain(&defined).collect();
    names.sort_unstable();
    names.dedup();
    let mut plugins = BTreeMap::new();
    for name in names {
        let key = format!("plugins.{name}");
        check_name(name, &key)?;
        let (raw, folder) = said(name, configured.remove(name), &defined, folders)?;
        plugins.insert(name.clone(), plugin(name, raw, folder.as_deref(), sandbox, path, &key, source)?);
    }
    demand::check(&plugins)?;
    Ok(plugins)
}

/// What manifest and configuration say about a plugin, and the folder of its manifest.
pub(super) fn said(
    name: &str,
    overlay: Option<RawPlugin>,
    defined: &[String],
    folders: &[PathBuf],
) -> Result<(RawPlugin, Option<PathBuf>), Fault> {
    let manifest_name = overlay.as_ref().and_then(|raw| raw.instance_of.clone()).unwrap_or_else(|| name.to_owned());
    check_name(&manifest_name, &format!("plugins.{name}.use"))?;
    match (manifest(&manifest_name, folders)?, overlay) {
        (Some((manifest, folder)), overlay) => Ok((merged(manifest, overlay.unwrap_or_default()), Some(folder))),
        (None, Some(overlay)) if overlay.command.is_some() && overlay.instance_of.is_none() => Ok((overlay, None)),
        (None, _) => Err(unknown(&manifest_name, defined, folders)),
    }
}

fn unknown(name: &str, defined: &[String], folders: &[PathBuf]) -> Fault {
    let found = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
    let mut known: Vec<String> = found.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    known.extend(defined.iter().filter(|other| *other != name).cloned());
    let meant = nearest(name, known.iter().map(String::as_str)).map(|meant| format!(", did you mean {meant}?"));
    let searched: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
    Fault::at(
        format!("plugins.{name}"),
        format!(
            "there is no such plugin{}: put {name}/plugin.toml into {}, or give it a command in [plugins.{name}]",
            meant.unwrap_or_default(),
            searched.join(" or ")
        ),
    )
}

fn manifest(name: &str, folders: &[PathBuf]) -> Result<Option<(RawPlugin, PathBuf)>, Fault> {
    for folder in folders {
        let folder = folder.join(name);
        let path = folder.join("plugin.toml");
        if !path.exists() {
            continue;
        }
        let fault = |cause: String| Fault::at(format!("plugins.{name}"), format!("{}: {cause}", path.display()));
        let bytes = files::read_private(&path).map_err(|cause| Fault::at(format!("plugins.{name}"), cause))?;
        let text = String::from_utf8(bytes).map_err(|_| fault("it is not UTF-8".to_owned()))?;
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| fault(one_line(&error.to_string())))?;
        let raw: RawPlugin = serde_path_to_error::deserialize(table).map_err(|error| {
            fault(format!("{}: {}", error.path(), unknown_or_wrong(&one_line(&error.inner().to_string()))))
        })?;
        let ours =
            [("use", raw.instance_of.is_some()), ("sandbox", raw.sandbox.is_some()), ("run_as", raw.run_as.is_some())];
        if let Some((key, _)) = ours.iter().find(|(_, given)| *given) {
            return Err(fault(format!("{key}: it stands in the configuration, not in a manifest")));
        }
        return Ok(Some((raw, folder)));
    }
    Ok(None)
}

/// Scalars and lists replace; settings, environment and secrets merge by key.
fn merged(manifest: RawPlugin, over: RawPlugin) -> RawPlugin {
    let mut merged = RawPlugin {
        instance_of: over.instance_of,
        kind: over.kind.or(manifest.kind),
        command: over.command.or(manifest.command),
        output: over.output.or(manifest.output),
        exit_codes: over.exit_codes.or(manifest.exit_codes),
        report: over.report.or(manifest.report),
        require: over.require.or(manifest.require),
        fail_on: over.fail_on.or(manifest.fail_on),
        timeout: over.timeout.or(manifest.timeout),
        artifact: over.artifact.or(manifest.artifact),
        image: over.image.or(manifest.image),
        require_verdict: over.require_verdict.or(manifest.require_verdict),
        settings: manifest.settings,
        env: manifest.env,
        secrets: manifest.secrets,
        concurrency: over.concurrency.or(manifest.concurrency),
        breaker: over.breaker.or(manifest.breaker),
        cache: over.cache.or(manifest.cache),
        update: over.update.or(manifest.update),
        update_every: over.update_every.or(manifest.update_every),
        sandbox: over.sandbox,
        network: over.network.or(manifest.network),
        local_sockets: over.local_sockets.or(manifest.local_sockets),
        read: over.read.or(manifest.read),
        write: over.write.or(manifest.write),
        run_as: over.run_as,
        limits: RawBounds {
            memory: over.limits.memory.or(manifest.limits.memory),
            cpu: over.limits.cpu.or(manifest.limits.cpu),
            file_size: over.limits.file_size.or(manifest.limits.file_size),
            disk: over.limits.disk.or(manifest.limits.disk),
            open_files: over.limits.open_files.or(manifest.limits.open_files),
            processes: over.limits.processes.or(manifest.limits.processes),
        },
    };
    merged.settings.extend(over.settings);
    merged.env.extend(over.env);
    merged.secrets.extend(over.secrets);
    merged
}

pub(super) fn plugin(
    name: &str,
    raw: RawPlugin,
    folder: Option<&Path>,
    sandbox: Sandbox,
    path: &str,
    key: &str,
    source: &Source,
) -> Result<Plugin, Fault> {
    let at = |part: &str, cause: String| Fault::at(format!("{key}.{part}"), cause);
    let kind = match raw.kind.as_deref() {
        Some("scanner") => PluginKind::Scanner,
        Some("action") => PluginKind::Action,
        Some(word) => return Err(at("kind", format!("{word:?} is neither scanner nor action"))),
        None => return Err(at("kind", "it is missing: scanner or action".to_owned())),
    };
    let Some((program, args)) = raw.command.as_deref().and_then(<[String]>::split_first) else {
        return Err(at("command", "it is missing: write command = [\"PROGRAM\", \"ARGUMENT\", …]".to_owned()));
    };
    let program = program_path(program, folder, path).map_err(|cause| at("command", cause))?;
    let own = folder.map(|folder| std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()));
    let cell = cell::cell(&raw, own, key, sandbox)?;
    if let Some(word) = args.iter().find_map(|arg| unknown_placeholder(arg)) {
        return Err(at("command", format!("{word} is not replaced: only {} are", PLACEHOLDERS.join(" "))));
    }
    let cache = raw.cache.unwrap_or(false);
    if !cache && args.iter().any(|arg| arg.contains("{cache}")) {
        return Err(at("command", "it has no {cache}: set cache = true".to_owned()));
    }
    let update = update(raw.update.as_deref(), raw.update_every, cache, (folder, path), key)?;
    let said = Said { word: raw.output.as_deref(), codes: raw.exit_codes, report: raw.report, require: raw.require };
    let output = said.output(kind, args, &at)?;
    let fail_on = raw.fail_on.as_deref().unwrap_or("high");
    let fail_on: Severity = serde_json::from_value(fail_on.into())
        .map_err(|_| at("fail_on", format!("{fail_on:?} is not one of informational, low, medium, high, critical")))?;
    let reserved = |name: &&String| !is_variable(name) || name.starts_with("SCANRELAY_");
    if let Some(bad) = raw.env.keys().find(reserved) {
        return Err(at(
            "env",
            format!("{bad} cannot be set: a variable is letters, digits and _, and SCANRELAY_* is taken"),
        ));
    }
    if let Some(bad) = raw.secrets.keys().find(|name| reserved(name) || *name == "PATH") {
        return Err(at(
            "secrets",
            format!("{bad} cannot be set: a variable is letters, digits and _, and PATH and SCANRELAY_* are taken"),
        ));
    }
    let concurrency = raw.concurrency.unwrap_or(2);
    if !(1..=1024).contains(&concurrency) {
        return Err(at("concurrency", format!("{concurrency} is out of bounds: 1 to 1024")));
    }
    let require_verdict = demand::demand(raw.require_verdict, kind, raw.artifact, &at)?;
    if let Some(breaker) = raw.breaker.filter(|breaker| *breaker > 1000) {
        return Err(at("breaker", format!("{breaker} is out of bounds: 0 to 1000")));
    }
    Ok(Plugin {
        name: name.to_owned(),
        kind,
        program,
        args: args.to_vec(),
        output,
        fail_on,
        timeout: limits::span(&format!("{key}.timeout"), raw.timeout, 600, 1, 7 * 86_400)?,
        artifact: raw.artifact.unwrap_or(false) || require_verdict.is_some(),
        image: raw.image.unwrap_or(false),
        require_verdict,
        settings: raw.settings,
        env: raw.env.into_iter().collect(),
        secrets: secrets::resolve_all(&raw.secrets, &format!("{key}.secrets"), source)?,
        concurrency,
        breaker: raw.breaker,
        cache,
        update,
        cell,
    })
}

/// How often a cache is brought up to date that says nothing else.
const UPDATE_EVERY: u64 = 6 * 3600;

fn update(
    command: Option<&[String]>,
    every: Option<Span>,
    cache: bool,
    (folder, path): (Option<&Path>, &str),
    key: &str,
) -> Result<Option<Update>, Fault> {
    let at = |part: &str, cause: &str| Fault::at(format!("{key}.{part}"), cause);
    let Some((program, args)) = command.and_then(<[String]>::split_first) else {
        return match (command, every) {
            (Some(_), _) => Err(at("update", "it names no program: write update = [\"PROGRAM\", \"ARGUMENT\", …]")),
            (None, Some(_)) => {
                Err(at("update_every", "there is nothing to be done so often: set update, or remove it"))
            }
            (None, None) => Ok(None),
        };
    };
    if !cache {
        return Err(at("update", "it has nothing to bring up to date: set cache = true"));
    }
    if let Some(word) = args.iter().find_map(|arg| unknown_placeholder(arg)) {
        return Err(at("update", &format!("{word} is not replaced: only {} are", PLACEHOLDERS.join(" "))));
    }
    Ok(Some(Update {
        program: program_path(program, folder, path).map_err(|cause| at("update", &cause))?,
        args: args.to_vec(),
        every: limits::span(&format!("{key}.update_every"), every, UPDATE_EVERY, 1, 30 * 86_400)?,
    }))
}

/// Absolute as it is; else in the plugin's own folder; else, for a bare name, in `PATH`, and last beside our own program.
fn program_path(word: &str, folder: Option<&Path>, path: &str) -> Result<PathBuf, String> {
    if word.is_empty() {
        return Err("the program's name is empty".to_owned());
    }
    if Path::new(word).is_absolute() {
        return files::check_program(Path::new(word)).map(|()| word.into());
    }
    if word.split('/').any(|part| part == "..") {
        return Err(format!("{word} leaves the plugin's folder: write an absolute path"));
    }
    if let Some(own) = folder.map(|folder| folder.join(word)).filter(|own| own.exists()) {
        let own = std::path::absolute(&own).unwrap_or(own);
        return files::check_program(&own).map(|()| own);
    }
    if word.contains('/') {
        return Err(format!("{word} is not in the plugin's folder"));
    }
    let beside = std::env::current_exe().ok().and_then(|own| Some(own.parent()?.to_owned()));
    let found = std::env::split_paths(path)
        .chain(beside)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(word))
        .find(|each| each.is_file());
    match found {
        Some(program) => files::check_program(&program).map(|()| program),
        None => Err(format!("{word} is not found in PATH: install it, or write its absolute path")),
    }
}

/// A `{word}` that nothing replaces: a typo would reach the tool as it stands.
fn unknown_placeholder(arg: &str) -> Option<&str> {
    arg.match_indices('{').find_map(|(open, _)| {
        let close = open + arg[open..].find('}')?;
        let word = &arg[open..=close];
        let inner = &word[1..word.len() - 1];
        let is_word = !inner.is_empty() && inner.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        (is_word && !PLACEHOLDERS.contains(&word)).then_some(word)
    })
}

fn is_variable(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Names are part of paths, queues and file names.
pub(super) fn check_name(name: &str, key: &str) -> Result<(), Fault> {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
    if name.is_empty() || name.len() > 64 || !name.bytes().all(good) {
        return Err(Fault::at(key, format!("{name:?} is no name: use a-z, 0-9, _ and -")));
    }
    Ok(())
}
