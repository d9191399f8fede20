//! `scanrelay check`: what a configuration means, before anything runs on it.

use std::path::Path;

use clap::Args;

use super::output::{json, line};
use super::{Outcome, configuration};
use crate::daemon::SAMPLE;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Prints every key with its default and a sentence, and checks nothing.
    #[arg(long, conflicts_with = "json")]
    print_default: bool,
    /// One JSON document.
    #[arg(long)]
    json: bool,
}

pub fn run(file: &Path, arguments: &Arguments) -> Outcome {
    if arguments.print_default {
        return line(SAMPLE.trim_end());
    }
    let config = configuration(file)?;
    if arguments.json { json(&config.summary()) } else { line(&config.explain()) }
}
