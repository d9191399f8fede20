//! Promotes by a job in Jenkins: triggers it once, follows it through the queue to its end, and tells where the model is now.
//!
//! Once means: what is about to be triggered is stored before ([`step`]), and whoever finds a stored intent without an item of
//! the queue looks first whether Jenkins has it ([`search`]), by the run's id, which is a parameter of the build ([`sought`]).

mod build;
mod cancel;
mod console;
mod follow;
mod forward;
mod job;
mod place;
mod queue;
mod search;
mod server;
mod settings;
mod sought;
mod step;
mod trigger;
mod watch;
mod webhook;
mod words;

use std::path::Path;
use std::pin::pin;

use crate::call::Call;
use crate::end::End;
use crate::stop::{Reason, Stop};

use follow::Run;
use server::Server;
use settings::Settings;

pub async fn run(call: &Call, stop: &mut Stop) -> End {
    let settings = match Settings::of(call) {
        Ok(settings) => settings,
        Err(fault) => return End::failed(fault.to_string()),
    };
    let server = match Server::new(&settings) {
        Ok(server) => server,
        Err(fault) => return End::failed(fault.to_string()),
    };
    let run = match Run::new(call, &settings, &server) {
        Ok(run) => run,
        Err(end) => return end,
    };
    let mut finish = pin!(run.finish());
    tokio::select! {
        end = &mut finish => return end,
        () = stop.asked() => {}
    }
    let for_good = settings.cancel && Reason::is_final(Path::new("."));
    run.stopped(finish, for_good).await
}
