//! `scanrelay doctor`: is each registry set up end to end, and if not, what to do.

use clap::Args;
use comfy_table::{Cell, Color};
use scanrelay::plugin::printable;

use super::output::{cell, json, print, table};
use super::{Failure, Outcome};
use crate::daemon::{self, Config, Health};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Only this registry.
    #[arg(long, value_name = "NAME")]
    registry: Option<String>,
    /// One JSON array instead of a table.
    #[arg(long)]
    json: bool,
}

pub async fn run(arguments: &Arguments, config: &Config) -> Outcome {
    if let Some(name) = &arguments.registry
        && !config.registries.contains_key(name)
    {
        return Err(Failure::Wrong(format!("there is no registry {name}: see scanrelay check")));
    }
    let findings = daemon::doctor(config, arguments.registry.as_deref()).await.map_err(Failure::Failed)?;
    if arguments.json {
        json(&findings)?;
    } else {
        let mut shown = table(&["REGISTRY", "CHECK", "STATE", ""]);
        for finding in &findings {
            let color = match finding.state {
                Health::Ok => Color::Green,
                Health::Warn => Color::Yellow,
                Health::Fail => Color::Red,
            };
            let state = Cell::new(finding.state.word()).fg(color);
            shown.add_row([cell(&finding.registry), cell(finding.check), state, cell(&printable(&finding.says))]);
        }
        print(&shown)?;
    }
    match findings.iter().filter(|finding| finding.state == Health::Fail).count() {
        0 => Ok(()),
        faults => Err(Failure::Failed(format!("{faults} of {} checks failed", findings.len()))),
    }
}
