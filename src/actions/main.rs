//! The `scanrelay-actions` command: action plugins that come with scanrelay, on the public types of the plugin contract.
//!
//! The daemon starts it as `scanrelay-actions NAME`, gives it the contract's document on stdin, and reads its lines. What is
//! common to all of them stands beside this file: [`call`] is what a plugin was given, [`settings`], [`fields`] and [`template`]
//! are what the operator wrote, [`http`] goes out, [`checkpoint`] and [`kept`] write ahead, [`stop`] hears SIGTERM, and [`end`] is what it
//! came to. A plugin is a module with `run`, and one more line of [`act`].

mod call;
mod checkpoint;
mod command;
mod end;
mod endpoint;
mod fields;
mod github;
mod http;
mod jenkins;
mod kept;
mod pace;
mod say;
mod settings;
mod stop;
mod template;

use std::io::{Write as _, stderr, stdout};
use std::process::ExitCode;

use call::Call;
use end::End;
use stop::Stop;

const USAGE: &str = "\
scanrelay-actions: the action plugins that come with scanrelay

Usage: scanrelay-actions NAME

It is started by the daemon, by plugins/NAME/plugin.toml, or to try it by `scanrelay plugin test NAME --event FILE`. The input is
the plugin contract's JSON document on stdin, the output its lines on stdout.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["--help" | "-h"] => told(USAGE),
        ["--version" | "-V"] => told(concat!("scanrelay-actions ", env!("CARGO_PKG_VERSION"), "\n")),
        [name] => started(name).unwrap_or_else(|| wrong(&format!("there is no action {name:?}"))),
        _ => wrong("say the name of one action"),
    }
}

fn told(text: &str) -> ExitCode {
    if stdout().write_all(text.as_bytes()).is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn wrong(cause: &str) -> ExitCode {
    let _ = writeln!(stderr(), "scanrelay-actions: {cause}: scanrelay-actions --help");
    ExitCode::from(2)
}

/// Runs the action of that name to its end; `None`: there is none.
fn started(name: &str) -> Option<ExitCode> {
    // The only provider that builds with a C compiler alone.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let end = match runtime {
        Ok(runtime) => runtime.block_on(acted(name))?,
        Err(error) => End::Broken(format!("no runtime: {error}")),
    };
    Some(end.tell())
}

async fn acted(name: &str) -> Option<End> {
    let prepared = Stop::listen().and_then(|stop| Ok((Call::read()?, stop)));
    match prepared {
        Ok((call, mut stop)) => act(name, &call, &mut stop).await,
        Err(reason) => Some(End::Broken(reason)),
    }
}

/// Every action there is.
async fn act(name: &str, call: &Call, stop: &mut Stop) -> Option<End> {
    match name {
        "command" => Some(command::run(call).await),
        "github-dispatch" => Some(github::run(call, stop).await),
        "http" => Some(endpoint::run(call, stop).await),
        "jenkins" => Some(jenkins::run(call, stop).await),
        _ => None,
    }
}
