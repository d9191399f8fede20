//! Promotes by a call of any service over HTTP, and asks on until that says how it ended. It is the plugin `http`.
//!
//! Called once means: the intent is stored before the call, and what is to be asked after it ([`step`]). Whoever finds an intent
//! and nothing else calls again only where the operator says that the service takes equal keys for one call.

mod body;
mod follow;
mod settings;
mod step;
mod words;

use crate::call::Call;
use crate::end::End;
use crate::stop::Stop;

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
        end = run.follow() => end,
        () = stop.asked() => End::Later("it was stopped".to_owned()),
    }
}
