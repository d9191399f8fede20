//! Promotes by a workflow of GitHub Actions: dispatches it once, finds the run that it began by the run's id in its title, and
//! follows that to its conclusion. It is the plugin `github-dispatch`.
//!
//! A dispatch is answered without a word about the run that comes of it. Once means: the newest run is looked up and stored with
//! the intent before ([`step`]), and whoever finds an intent looks first among the younger ones ([`runs`]).

mod api;
mod cancel;
mod follow;
mod runs;
mod settings;
mod step;

use std::path::Path;

use crate::call::Call;
use crate::end::End;
use crate::stop::{Reason, Stop};

use follow::Run;
use settings::Settings;

pub async fn run(call: &Call, stop: &mut Stop) -> End {
    let settings = match Settings::of(call) {
        Ok(settings) => settings,
        Err(fault) => return End::failed(fault.to_string()),
    };
    let mut run = match Run::new(call, &settings) {
        Ok(run) => run,
        Err(end) => return end,
    };
    tokio::select! {
        end = run.follow() => return end,
        () = stop.asked() => {}
    }
    // After a restart of the daemon the next attempt follows the same run.
    if settings.cancel && Reason::is_final(Path::new(".")) {
        run.cancel().await;
    }
    End::Later("it was stopped".to_owned())
}
