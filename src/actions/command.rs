//! Promotes by a program of the operator's own, which need not know the contract: it is given checked values and no more, is
//! started once, and says with its exit code what came of it.

mod process;
mod settings;

use scanrelay::plugin::printable;
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::checkpoint;
use crate::end::End;
use crate::fields::Facts;

use process::Ended;
use settings::{Forward, Meaning, RUN_ID, Settings};

/// Of its output, in a summary.
const LONGEST_SUMMARY: usize = 500;

pub async fn run(call: &Call) -> End {
    let settings = match Settings::of(call) {
        Ok(settings) => settings,
        Err(fault) => return End::failed(fault.to_string()),
    };
    let facts = call.facts();
    let values = match settings.values.values("values", &facts) {
        Ok(values) => values,
        Err(fault) => return End::failed(fault.to_string()),
    };
    match call.checkpoint() {
        None => {}
        Some(kept) if *kept == started(false) || settings.repeat => {}
        Some(_) => return End::failed(untold("an earlier attempt was stopped in the middle of it")),
    }
    if let Err(reason) = checkpoint::keep(&started(true)).await {
        return End::Broken(reason);
    }
    let mut input: Map<String, Value> = values.into_iter().map(|(name, value)| (name, value.into())).collect();
    input.insert(RUN_ID.to_owned(), call.run_id().into());
    match process::run(&settings.program, &settings.arguments, Value::Object(input).to_string()).await {
        Ok(ended) => end(&settings, &facts, ended).await,
        Err(reason) => not_done(&settings, reason).await,
    }
}

/// What is kept while it may run, and once it is certain that it does not.
fn started(now: bool) -> Value {
    json!({ "started": now })
}

async fn end(settings: &Settings, facts: &Facts, ended: Ended) -> End {
    let last = ended.last.as_deref().map(str::trim).filter(|line| !line.is_empty());
    let words = last.map(|line| printable(&line.chars().take(LONGEST_SUMMARY).collect::<String>()).into_owned());
    match ended.code.and_then(|code| settings.meaning(code)) {
        Some(Meaning::Complete) => match &settings.forward {
            Forward::Nowhere => End::Complete { url: None, summary: words },
            Forward::LastLine => match last {
                Some(url) => End::Complete { url: Some(url.to_owned()), summary: None },
                None => End::failed(
                    "it has ended well, and printed no address: settings.forward wants one as its last line",
                ),
            },
            Forward::Url(template) => match template.fill("forward.url", facts, &[]) {
                Ok(url) => End::Complete { url: Some(url), summary: words },
                Err(fault) => End::failed(fault.to_string()),
            },
        },
        Some(Meaning::Failed) => End::failed(words.unwrap_or_else(|| "the program says that it failed".to_owned())),
        Some(Meaning::Later) => not_done(settings, "the program asks to be run later".to_owned()).await,
        None if settings.repeat => End::Broken(ended.in_words()),
        None => End::failed(untold(&ended.in_words())),
    }
}

/// It has certainly done nothing: a later attempt may start it.
async fn not_done(settings: &Settings, reason: String) -> End {
    if settings.repeat {
        return End::Later(reason);
    }
    match checkpoint::keep(&started(false)).await {
        Ok(()) => End::Later(reason),
        Err(reason) => End::Broken(reason),
    }
}

fn untold(reason: &str) -> String {
    format!(
        "{reason}: what it has done cannot be told, and it is not run twice. Look there, then replay the delivery with --all; a \
         program that may be run again says so by repeat = true"
    )
}
