//! What a package installs beside the binary: the manual page of each command, and completions for shells.

use std::fs;
use std::path::PathBuf;

use clap::CommandFactory as _;
use clap_complete::{Shell, generate_to};

use super::Outcome;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Where they are written to: a folder that is there.
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
}

pub fn write(arguments: &Arguments) -> Outcome {
    let folder = &arguments.folder;
    let mut command = super::Arguments::command().disable_help_subcommand(true);
    for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
        generate_to(shell, &mut command, "scanrelay", folder)?;
    }
    let pages = folder.join("man");
    fs::create_dir_all(&pages)?;
    Ok(clap_mangen::generate_to(command, pages)?)
}
