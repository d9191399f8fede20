//! `scanrelay plugin`: which plugins there are, and one of them tried without a registry.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use scanrelay::plugin::{Conclusion, Finding, Image, Invocation, PluginKind, printable};
use scanrelay::{Event, EventKind, Stage};
use serde_json::Value;

use super::output::{cell, json, line, print, table};
use super::{DEFAULT_CONFIG, Failure, Outcome, environment};
use crate::daemon::{self, Catalog, Config, Enforced, Found, Trial, Tried};
use crate::packaged;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Lists every plugin that is found: in the configuration, in its plugin folders, and packaged with scanrelay.
    List(List),
    /// Runs one plugin once, on files or an event, and shows what would count. Exits 0 when it concluded, whatever it says.
    Test(Test),
    /// Brings a plugin's cache up to date now, by its update, whether the daemon runs or not.
    Update(Update),
}

#[derive(Debug, Args)]
pub struct List {
    /// Looks in this folder, and reads no configuration.
    #[arg(long, value_name = "DIR")]
    plugin_path: Vec<PathBuf>,
    /// One JSON array instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct Update {
    /// The plugin's name in the configuration.
    plugin: String,
}

#[derive(Debug, Args)]
pub struct Test {
    /// The plugin's name, or the path of its folder: ./plugins/pickle-imports needs no configuration.
    plugin: String,
    /// A file of the model: copied, and handed over as part of the artifact.
    #[arg(long, value_name = "PATH")]
    file: Vec<PathBuf>,
    /// What stands for its cache (cache = true); without it, an empty folder.
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// The event: JSON of an event, or of a whole input such as event.json.
    #[arg(long, value_name = "FILE")]
    event: Option<PathBuf>,
    /// Looks in this folder, and reads no configuration.
    #[arg(long, value_name = "DIR")]
    plugin_path: Vec<PathBuf>,
    /// One JSON document.
    #[arg(long)]
    json: bool,
}

pub async fn run(config: &Path, command: Command) -> Outcome {
    daemon::harden()?;
    let folder = Folder::create()?;
    match command {
        Command::List(list) => {
            let found = catalog(config, list.plugin_path, &folder)?.list();
            if list.json { json(&found) } else { print_list(&found) }
        }
        Command::Test(test) => try_one(config, test, &folder).await,
        Command::Update(update) => bring_up_to_date(config, &update.plugin).await,
    }
}

/// Where plugins are looked for; the packaged ones last.
fn catalog(config: &Path, folders: Vec<PathBuf>, own: &Folder) -> Result<Catalog, Failure> {
    // Where nothing is configured there still are the packaged ones.
    let nothing = config == Path::new(DEFAULT_CONFIG) && !config.exists();
    let catalog = if nothing || !folders.is_empty() {
        let absolute = folders.into_iter().map(std::path::absolute).collect::<io::Result<_>>()?;
        Catalog::of_folders(absolute, environment())
    } else {
        Catalog::of_file(config, environment()).map_err(|error| Failure::Wrong(error.to_string()))?
    };
    let packaged = own.0.join("packaged");
    packaged::unpack(&packaged)?;
    Ok(catalog.with_packaged(&packaged))
}

async fn try_one(config: &Path, test: Test, folder: &Folder) -> Outcome {
    let (name, catalog) = if test.plugin.contains('/') {
        let path = std::path::absolute(&test.plugin)?;
        let (Some(name), Some(above)) = (path.file_name().and_then(|name| name.to_str()), path.parent()) else {
            return Err(Failure::Wrong(format!("{} is no plugin's folder", test.plugin)));
        };
        (name.to_owned(), Catalog::of_folders(vec![above.to_owned()], environment()))
    } else {
        (test.plugin, catalog(config, test.plugin_path, folder)?)
    };
    let plugin = catalog.plugin(&name).map_err(|fault| Failure::Wrong(fault.to_string()))?;
    let Given { event, image, checkpoint } = match &test.event {
        Some(file) => read_event(file)?,
        None => Given { event: example(plugin.kind), image: None, checkpoint: None },
    };
    let stop = super::serve::until_signalled()?;
    if plugin.cell.user.is_some() {
        // Another user has to pass through it; what is in it is given to that user alone.
        fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o711))?;
    }
    let trial = Trial {
        plugin,
        event,
        image,
        checkpoint,
        files: test.file,
        cache: absolute(test.cache)?,
        path: catalog.path(),
        folder: folder.0.clone(),
        kernel: Enforced::tried().kernel(),
    };
    let tried = trial.run(stop).await.map_err(|error| Failure::Wrong(format!("--file {error}")))?;
    if test.json {
        json(&tried)?;
    } else {
        print_tried(&tried)?;
    }
    match tried.failure {
        Some(reason) => Err(Failure::Failed(format!("{name}: {}", printable(&reason)))),
        None => Ok(()),
    }
}

fn absolute(path: Option<PathBuf>) -> io::Result<Option<PathBuf>> {
    path.map(std::path::absolute).transpose()
}

/// As the daemon does it. Whoever comes second is told that somebody is at it.
async fn bring_up_to_date(config: &Path, plugin: &str) -> Outcome {
    let config = Config::load(config, environment()).map_err(|error| Failure::Wrong(error.to_string()))?;
    let stop = super::serve::until_signalled()?;
    match daemon::update_cache(&config, plugin, Enforced::tried().kernel(), stop).await {
        Ok(()) => line(&format!("the cache of {plugin} is up to date")),
        Err(reason) => Err(Failure::Failed(format!("the cache of {plugin} stays as it was: {}", printable(&reason)))),
    }
}

/// What the plugin is told beside the files.
struct Given {
    event: Event,
    image: Option<Image>,
    checkpoint: Option<Value>,
}

/// An event, or the document that a plugin is given.
fn read_event(file: &Path) -> Result<Given, Failure> {
    let wrong = |cause: String| Failure::Wrong(format!("--event {}: {cause}", file.display()));
    let bytes = fs::read(file).map_err(|error| wrong(error.to_string()))?;
    let whole = serde_json::from_slice::<Invocation>(&bytes);
    let given = whole.map(|whole| Given { event: whole.event, image: whole.image, checkpoint: whole.checkpoint });
    given.or_else(|_| {
        let event = serde_json::from_slice(&bytes).map_err(|error| wrong(format!("is no event: {error}")))?;
        Ok(Given { event, image: None, checkpoint: None })
    })
}

/// What a registry might have told.
fn example(kind: PluginKind) -> Event {
    let scanner = kind == PluginKind::Scanner;
    let mut event = Event::new(if scanner { EventKind::ScanRequest } else { EventKind::Promotion }, "example");
    event.workspace = Some("acme".to_owned());
    (event.model.id, event.model.name) = (Some("1".to_owned()), Some("fraud".to_owned()));
    (event.version.id, event.version.name) = (Some("2".to_owned()), Some("v2".to_owned()));
    if scanner {
        event.build.id = Some("3".to_owned());
    } else {
        event.change.stage_to = Some(Stage::new("production"));
    }
    event
}

fn print_list(found: &[Found]) -> Outcome {
    let mut table = table(&["NAME", "KIND", "COMMAND", "FROM", "ROUTES"]);
    for plugin in found {
        let routes: Vec<String> = plugin.routes.iter().map(ToString::to_string).collect();
        table.add_row([
            cell(&plugin.name),
            cell(plugin.kind.as_deref().unwrap_or("?")),
            cell(&plugin.command.join(" ")),
            cell(&plugin.from),
            cell(&routes.join(", ")),
        ]);
    }
    print(&table)?;
    for fault in found.iter().filter_map(|plugin| plugin.fault.as_deref()) {
        line(&format!("fault: {}", printable(fault)))?;
    }
    Ok(())
}

fn print_tried(tried: &Tried) -> Outcome {
    let told = |word: &str, text: &str| line(&format!("{word:<11} {}", printable(text)));
    told("plugin", &format!("{} ({})", tried.plugin, tried.kind))?;
    told("sandboxed", &tried.sandboxed.to_string())?;
    for file in tried.artifact.iter().flat_map(|artifact| &artifact.files) {
        told("file", &format!("{} as {}, {} bytes, sha256 {}", file.name, file.path, file.size, file.sha256))?;
    }
    for progress in &tried.progress {
        let percent = progress.percent.map(|percent| format!("{percent:.0} % ")).unwrap_or_default();
        told("progress", &format!("{percent}{}", progress.message))?;
    }
    for checkpoint in &tried.checkpoints {
        told("checkpoint", &checkpoint.to_string())?;
    }
    for text in tried.log.lines() {
        told("log", text)?;
    }
    let (word, summary, url) = match &tried.conclusion {
        Some(Conclusion::Scan { verdict, summary, url, version, findings, more_findings }) => {
            for Finding { id, severity, message, location, .. } in findings {
                let place = location.as_ref().map(|place| format!(" in {place}")).unwrap_or_default();
                told("finding", &format!("{severity} {id}{place}: {message}"))?;
            }
            if *more_findings > 0 {
                told("finding", &format!("and {more_findings} more"))?;
            }
            if let Some(version) = version {
                told("version", version)?;
            }
            (format!("verdict     {verdict}"), summary, url)
        }
        Some(Conclusion::Action { status, summary, url }) => (format!("status      {status}"), summary, url),
        _ => return Ok(()),
    };
    line(&summary.as_ref().map_or(word.clone(), |summary| format!("{word}: {}", printable(summary))))?;
    url.as_ref().map_or(Ok(()), |url| told("url", url))
}

/// A private folder of our own, gone when we are done.
struct Folder(PathBuf);

impl Folder {
    fn create() -> io::Result<Self> {
        let now = daemon::Clock::system().wall().as_millis();
        let path = std::env::temp_dir().join(format!("scanrelay-plugin-{}-{now}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
