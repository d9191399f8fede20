//! A plugin's cache, brought up to date: its `update` run as its runs are, but on a folder that it may write to.

use std::collections::BTreeMap;

use scanrelay::plugin::{Invocation, PluginKind, Run as RunOf, Status, printable};
use scanrelay::{Event, EventKind};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::Live;
use crate::daemon::cache::{Cache, Fresh};
use crate::daemon::config::{Plugin, Update};
use crate::daemon::runner::{self, Cell, End, Output, RunCache, Spec, Word};
use crate::daemon::stop::Stop;

/// What its event is called.
const KIND: &str = "cache_update";
/// Of its log, for the line that says why it failed.
const LAST_WORDS: usize = 300;

impl Live {
    /// Brings a plugin's cache up to date, under that run id. What it makes takes the place of what was there when all
    /// went well, in one step; else nothing has changed.
    pub async fn update(&self, name: &str, run: String, stop: CancellationToken) -> Result<(), String> {
        let Some((plugin, update)) = self.plugins.get(name).and_then(|plugin| Some((plugin, plugin.update.as_ref()?)))
        else {
            return Err(format!("plugin {name} has no update: set plugins.{name}.update"));
        };
        let cache = Cache::of(&self.surroundings.caches, name);
        let begun = tokio::task::spawn_blocking(move || cache.fresh()).await;
        let fresh = begun.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        // Nobody has to hear how far it is.
        let (notes, _) = mpsc::channel(1);
        let run = runner::run(self.update_spec(plugin, update, run, &fresh), Stop::before(&stop), notes).await;
        let why = match run.end {
            End::Concluded(_) => {
                let put = tokio::task::spawn_blocking(move || fresh.put()).await;
                return put.map_err(|error| error.to_string())?.map_err(|error| error.to_string());
            }
            End::TryLater => "it asked to be tried later (exit 75)".to_owned(),
            End::Failed(reason) | End::NotStarted(reason) => reason,
            End::TimedOut => format!("it ran longer than {} s: raise plugins.{name}.timeout", plugin.timeout.as_secs()),
            End::Cancelled => "it was stopped".to_owned(),
        };
        // Away from the runtime's threads: what it made may be much.
        let _ = tokio::task::spawn_blocking(move || drop(fresh)).await;
        Err(match last_line(&run.log) {
            Some(line) => format!("{why}; it said: {line}"),
            None => why,
        })
    }

    fn update_spec(&self, plugin: &Plugin, update: &Update, run: String, fresh: &Fresh) -> Spec {
        let run = RunOf::new(run, 1, self.clock.now().after(plugin.timeout));
        let event = Event::new(EventKind::Other(KIND.to_owned()), "scanrelay");
        let invocation = Invocation::new(run, &plugin.name, event);
        let cache = RunCache { path: fresh.path().to_owned(), writable: true };
        let base = self.base(plugin, invocation, watch::Sender::new(Vec::new()), Some(cache));
        // What it brings comes from somewhere, whatever the runs may do.
        let cell = base.cell.map(|cell| Cell { network: true, ..cell });
        Spec {
            kind: PluginKind::Action,
            program: update.program.clone(),
            args: update.args.clone(),
            output: Output::ExitCodes(BTreeMap::from([(0, Word::Status(Status::Complete))])),
            cell,
            ..base
        }
    }
}

fn last_line(log: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(log);
    let line = text.lines().rev().find(|line| !line.trim().is_empty())?;
    Some(printable(&line.chars().take(LAST_WORDS).collect::<String>()).into_owned())
}
