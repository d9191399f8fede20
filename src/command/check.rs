//! `scanrelay check`: what a configuration means, before anything runs on it; and which route an event would take.

use std::path::{Path, PathBuf};

use clap::Args;
use scanrelay::plugin::printable;
use scanrelay::{Caller, Event, Receiver};
use serde_json::json;

use super::output::{json, line};
use super::verify::registry;
use super::{Failure, Outcome, configuration};
use crate::daemon::{Clock, Config, Enforced, SAMPLE, explain};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Prints every key with its default and a sentence, and checks nothing.
    #[arg(long, conflicts_with = "json")]
    print_default: bool,
    /// A body that a registry posts: says which event it is, which route it takes, and why not the others.
    #[arg(long, value_name = "FILE", conflicts_with = "print_default")]
    event: Option<PathBuf>,
    /// The registry that would post it. Not needed where there is one.
    #[arg(long, requires = "event")]
    registry: Option<String>,
    /// One JSON document.
    #[arg(long)]
    json: bool,
}

pub fn run(file: &Path, arguments: &Arguments) -> Outcome {
    if arguments.print_default {
        return line(SAMPLE.trim_end());
    }
    let enforced = Enforced::tried();
    let config = enforced.meets(configuration(file)?).map_err(Failure::Wrong)?;
    if let Some(event) = &arguments.event {
        let name = registry(&config, arguments.registry.as_deref())?;
        let event = read(&config, name, event)?;
        return if arguments.json { tell_machine(&config, &event) } else { tell(&config, &event) };
    }
    let sandbox = format!("{}, {}", config.sandbox.word(), enforced.in_words());
    if arguments.json {
        let mut summary = config.summary();
        summary["sandbox"] = sandbox.into();
        return json(&summary);
    }
    line(&format!("sandbox   {sandbox}"))?;
    line(&config.explain())
}

/// Through the receiver, as if the registry had signed it: what it would refuse is refused here.
fn read(config: &Config, name: &str, file: &Path) -> Result<Event, Failure> {
    let shown = file.display();
    let body = super::send::body(file)?;
    let peer = &config.registries[name];
    let now = Clock::system().wall();
    let signed = peer.verifier.sign(Some("check"), now, &body);
    let signed = signed.map_err(|error| Failure::Wrong(format!("registries.{name}.webhook: {error}")))?;
    let caller = Caller::new(signed.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
    let receiver = Receiver::new(name, peer.registry.clone(), peer.verifier.clone());
    let delivery = receiver.verify_at(&caller, body.into(), now);
    let delivery = delivery.map_err(|error| Failure::Failed(format!("{shown}: {error}: it would be answered 400")))?;
    Ok(delivery.event().clone())
}

fn tell(config: &Config, event: &Event) -> Outcome {
    line(&printable(&format!("event     {} of {}, {}", event.kind, event.registry, event.subject())))?;
    let considered = explain(config, event);
    for (route, each) in config.routes.iter().zip(&considered) {
        let why = each.why_not.as_ref().map_or_else(|| "taken".to_owned(), |why| format!("not taken: it {why}"));
        line(&format!("route {}   {}", each.route, printable(&format!("{why} ({})", route.in_words()))))?;
    }
    if considered.iter().any(|each| each.taken) {
        return Ok(());
    }
    line("route     none: the delivery is stored as ignored and starts nothing")
}

fn tell_machine(config: &Config, event: &Event) -> Outcome {
    let considered = explain(config, event);
    let routes = config.routes.iter().zip(&considered).map(|(route, each)| {
        json!({ "number": each.route, "taken": each.taken, "why_not": each.why_not, "words": route.in_words() })
    });
    let taken = considered.iter().find(|each| each.taken).map(|each| each.route);
    json(&json!({
        "event": event, "kind": event.kind, "subject": event.subject(), "route": taken, "routes": routes.collect::<Vec<_>>(),
    }))
}
