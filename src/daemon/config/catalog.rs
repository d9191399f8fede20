//! Every plugin there is, whether a route names it or not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::cell::{self, Sandbox};
use super::error::{ConfigError, Fault};
use super::raw::{Raw, RawPlugin, RawRoute};
use super::{Plugin, Source, plugins, read};

/// Where plugins are looked for, and what the configuration says about them.
pub struct Catalog {
    folders: Vec<PathBuf>,
    /// The last folder, when it holds those that came with the program.
    packaged: Option<PathBuf>,
    configured: BTreeMap<String, RawPlugin>,
    routes: Vec<RawRoute>,
    sandbox: Sandbox,
    source: Source,
}

/// A plugin that was found.
#[derive(Debug, Serialize)]
pub struct Found {
    pub name: String,
    pub kind: Option<String>,
    pub command: Vec<String>,
    /// Its manifest's folder, `configuration`, or `packaged`.
    pub from: String,
    /// The numbers of the routes that name it.
    pub routes: Vec<usize>,
    /// Why it cannot be run, with the cure.
    pub fault: Option<String>,
}

impl Catalog {
    /// Of a configuration: its `plugin_path`, its `[plugins]`, its routes.
    pub fn of_file(file: &Path, environment: BTreeMap<String, String>) -> Result<Self, ConfigError> {
        read(file, environment, |raw: Raw, source| {
            let source = source.clone();
            let folders = plugins::folders(raw.plugin_path, &source);
            let sandbox = cell::sandbox(raw.sandbox.as_deref(), "sandbox", Sandbox::default())?;
            Ok(Self { folders, packaged: None, configured: raw.plugins, routes: raw.routes, sandbox, source })
        })
    }

    /// Of folders alone.
    pub fn of_folders(folders: Vec<PathBuf>, environment: BTreeMap<String, String>) -> Self {
        let source = Source { environment, ..Source::bare(PathBuf::from("/")) };
        let sandbox = Sandbox::default();
        Self { folders, packaged: None, configured: BTreeMap::new(), routes: Vec::new(), sandbox, source }
    }

    /// Looks in that folder too, after all others.
    pub fn with_packaged(mut self, folder: &Path) -> Self {
        self.folders.push(folder.to_owned());
        self.packaged = Some(folder.to_owned());
        self
    }

    /// `PATH` for plugins.
    pub fn path(&self) -> String {
        self.source.path()
    }

    /// All of them, by name.
    pub fn list(&self) -> Vec<Found> {
        let mut names: BTreeSet<String> = self.configured.keys().cloned().collect();
        names.extend(self.routes.iter().flat_map(RawRoute::plugins).cloned());
        for entry in self.folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten() {
            if entry.path().join("plugin.toml").exists() {
                names.insert(entry.file_name().to_string_lossy().into_owned());
            }
        }
        names.into_iter().map(|name| self.found(name)).collect()
    }

    fn found(&self, name: String) -> Found {
        let routes = self.routes.iter().zip(1..).filter(|(route, _)| route.plugins().any(|named| *named == name));
        let routes = routes.map(|(_, number)| number).collect();
        match self.said(&name) {
            Err(fault) => {
                let from = "nowhere".to_owned();
                Found { name, kind: None, command: Vec::new(), from, routes, fault: Some(fault.to_string()) }
            }
            Ok((raw, folder)) => {
                let (kind, command) = (raw.kind.clone(), raw.command.clone().unwrap_or_default());
                // Whoever looks at a list need not have the secrets.
                let fault =
                    self.plugin_of(&name, RawPlugin { secrets: BTreeMap::new(), ..raw }, folder.as_deref()).err();
                let from = match &folder {
                    None => "configuration".to_owned(),
                    Some(folder) if self.packaged.as_deref() == folder.parent() => "packaged".to_owned(),
                    Some(folder) => folder.display().to_string(),
                };
                Found { name, kind, command, from, routes, fault: fault.map(|fault| fault.to_string()) }
            }
        }
    }

    /// The plugin of that name, ready to be run.
    pub fn plugin(&self, name: &str) -> Result<Plugin, Fault> {
        let (raw, folder) = self.said(name)?;
        self.plugin_of(name, raw, folder.as_deref())
    }

    fn said(&self, name: &str) -> Result<(RawPlugin, Option<PathBuf>), Fault> {
        plugins::check_name(name, &format!("plugins.{name}"))?;
        let found = |folder: &PathBuf| folder.join(name).join("plugin.toml").exists();
        if !self.configured.contains_key(name) && !self.folders.iter().any(found) {
            let cure = "scanrelay plugin list shows those there are; give --plugin-path DIR, or the path of its folder";
            return Err(Fault::at(format!("plugins.{name}"), format!("there is no such plugin: {cure}")));
        }
        let defined: Vec<String> = self.configured.keys().cloned().collect();
        plugins::said(name, self.configured.get(name).cloned(), &defined, &self.folders)
    }

    fn plugin_of(&self, name: &str, raw: RawPlugin, folder: Option<&Path>) -> Result<Plugin, Fault> {
        // Who tries a plugin hands it the files: nothing has to be fetched, and nothing was said of them.
        let raw = RawPlugin { artifact: None, image: None, require_verdict: None, ..raw };
        plugins::plugin(name, raw, folder, self.sandbox, &self.path(), &format!("plugins.{name}"), &self.source)
    }
}
