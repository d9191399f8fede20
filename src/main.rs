//! The `scanrelay` command: arguments, logging, signals, exit codes.

mod command;
mod daemon;
mod emulator;
mod log;
mod packaged;

use std::io::{Write, stderr};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use command::{Arguments, Command, Failure, Outcome};
use daemon::Handed;

fn main() -> ExitCode {
    // A plugin's process on its way to the plugin: nothing of what follows is for it.
    let mut words = std::env::args_os().skip(1);
    if words.next().is_some_and(|word| word == daemon::LAUNCH) {
        return daemon::launch(words);
    }
    let arguments = Arguments::parse();
    match start(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let (code, message) = match failure {
                Failure::Failed(message) => (1, message),
                Failure::Wrong(message) => (2, message),
            };
            // Nobody reads the reason when stderr is gone; the code still says it.
            let _ = writeln!(stderr(), "scanrelay: {message}");
            ExitCode::from(code)
        }
    }
}

fn start(arguments: Arguments) -> Outcome {
    let quiet = if matches!(arguments.command, Command::Demo(_)) { "error" } else { "info,actix_server=warn" };
    // Before there is any other thread, and the log has one.
    let handed = match arguments.command {
        Command::Serve => command::serve::handed()?,
        _ => Handed::default(),
    };
    let stream = command::environment().remove("JOURNAL_STREAM");
    let _log = log::start(arguments.log.as_deref().unwrap_or(quiet), stream.as_deref()).map_err(Failure::Wrong)?;
    // The only provider that builds with a C compiler alone.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        // A thread that ends gives its children to our first one, which has none but orphans: see runner::orphans. And a
        // thread that waits for work costs nothing, where one that comes and goes does.
        .thread_keep_alive(Duration::MAX)
        .build()?;
    let outcome = runtime.block_on(run(arguments, handed));
    // A read of a stuck disk must not keep us from ending.
    runtime.shutdown_background();
    outcome
}

async fn run(arguments: Arguments, handed: Handed) -> Outcome {
    match arguments.command {
        Command::Serve => command::serve::run(&arguments.config, handed).await,
        Command::Check(check) => command::check::run(&arguments.config, &check),
        Command::DevRegistry(registry) => command::serve::development_registry(registry).await,
        Command::Demo(demo) => command::demo::run(&demo).await,
        Command::Verify(verify) => command::verify::run(&arguments.config, &verify),
        Command::Manual(manual) => command::manual::write(&manual),
        Command::Rejections(rejections) => {
            command::rejections::run(rejections, &command::access(&arguments.config).await?).await
        }
        Command::Send(send) => command::send::run(&arguments.config, send).await,
        Command::Webhook(webhook) => command::webhook::run(&webhook, &command::configuration(&arguments.config)?).await,
        Command::Doctor(doctor) => command::doctor::run(&doctor, &command::configuration(&arguments.config)?).await,
        Command::Prove(prove) => command::prove::run(&prove, &command::configuration(&arguments.config)?).await,
        Command::Digest(digest) => command::digest::run(&digest),
        Command::Verdict(verdict) => command::verdict::run(verdict, &command::access(&arguments.config).await?).await,
        Command::Waive(waive) => command::waive::run(waive, &command::access(&arguments.config).await?).await,
        Command::Status(status) => command::status::run(&status, &command::access(&arguments.config).await?).await,
        Command::Pause(queue) => command::status::pause(queue, &command::access(&arguments.config).await?).await,
        Command::Resume(queue) => command::status::resume(queue, &command::access(&arguments.config).await?).await,
        Command::Deliveries(deliveries) => {
            command::deliveries::run(deliveries, &command::access(&arguments.config).await?).await
        }
        Command::Plugin(plugin) => command::plugin::run(&arguments.config, plugin).await,
        Command::Store(store) => command::store::run(&arguments.config, store).await,
        Command::Jobs(jobs) => command::jobs::run(jobs, &command::access(&arguments.config).await?).await,
    }
}
