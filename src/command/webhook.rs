//! `scanrelay webhook`: a registry's webhook to this daemon, made and looked after over the registry's own API.

use clap::{Args, Subcommand};
use scanrelay::plugin::printable;
use scanrelay::registry::webhook::{Act, Did};
use serde_json::json;

use super::output::{cell, json, line, print, table};
use super::{Failure, Outcome};
use crate::daemon::{self, Config};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Makes the registry's webhook to `server.public_url`, with the first of its secrets and the events that its rules wait for;
    /// or changes what differs. Doing it twice does it once.
    Create(Of),
    /// Lists the webhooks that the registry has. Of other people's addresses only the host is shown.
    List(Of),
    /// Has the registry send its test delivery, and says what came of it.
    Test(Of),
    /// Removes those that post here.
    Delete(Of),
}

#[derive(Debug, Args)]
pub struct Of {
    /// The registry, as the configuration calls it.
    #[arg(long, value_name = "NAME")]
    registry: String,
    /// JSON instead of words.
    #[arg(long)]
    json: bool,
}

pub async fn run(command: &Command, config: &Config) -> Outcome {
    let (of, act) = match command {
        Command::Create(of) => (of, Act::Create),
        Command::List(of) => (of, Act::List),
        Command::Test(of) => (of, Act::Test),
        Command::Delete(of) => (of, Act::Delete),
    };
    let name = &of.registry;
    let Some(peer) = config.registries.get(name) else {
        return Err(Failure::Wrong(format!("there is no registry {name}: see scanrelay check")));
    };
    daemon::wanted(config, peer).map_err(Failure::Wrong)?;
    let did =
        daemon::webhook(config, name, act).await.map_err(|reason| Failure::Failed(format!("{name}: {reason}")))?;
    let failure = match &did {
        Did::Tested(Some(200..=299), _) => None,
        Did::Tested(Some(status), _) => {
            Some(format!("{name} sent its test and was answered {status}: see scanrelay rejections --registry {name}"))
        }
        Did::Tested(None, cure) => Some(match cure {
            Some(cure) => format!("{name} could not send its test: {cure}"),
            None => format!("{name} got no answer to its test: can it reach server.public_url?"),
        }),
        _ => None,
    };
    if of.json {
        json(&as_json(&did))?;
    } else {
        told(&did, name)?;
    }
    failure.map_or(Ok(()), |failure| Err(Failure::Failed(failure)))
}

fn as_json(did: &Did) -> serde_json::Value {
    match did {
        Did::Listed(hooks) => json!(hooks),
        Did::Created => json!({ "did": "created" }),
        Did::Changed => json!({ "did": "changed" }),
        Did::Unchanged => json!({ "did": "unchanged" }),
        Did::Deleted(count) => json!({ "did": "deleted", "count": count }),
        Did::Tested(status, _) => json!({ "did": "tested", "status": status }),
        _ => json!({}),
    }
}

fn told(did: &Did, name: &str) -> Outcome {
    match did {
        Did::Listed(hooks) => {
            let mut shown = table(&["HERE", "ACTIVE", "ADDRESS", "EVENTS", "MISSING", "ID"]);
            let word = |truth: bool| if truth { "yes" } else { "no" };
            for hook in hooks {
                let events = if hook.events.is_empty() { "all".to_owned() } else { hook.events.join(" ") };
                shown.add_row([
                    cell(word(hook.ours)),
                    cell(word(hook.active)),
                    cell(&printable(&hook.address)),
                    cell(&printable(&events)),
                    cell(&hook.missing.join(" ")),
                    cell(&printable(hook.id.as_deref().unwrap_or_default())),
                ]);
            }
            print(&shown)
        }
        Did::Created => line(&format!("created: try it with scanrelay webhook test --registry {name}")),
        Did::Changed => line(&format!("changed: try it with scanrelay webhook test --registry {name}")),
        Did::Unchanged => line("it is as it should be"),
        Did::Deleted(0) => line("there was none that posts here"),
        Did::Deleted(count) => line(&format!("deleted: {count}")),
        Did::Tested(Some(200..=299), _) => line("the test was accepted: see scanrelay deliveries list"),
        _ => Ok(()),
    }
}
