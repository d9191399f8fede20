//! Does a saved request verify, and if not, why?
//!
//! ```text
//! cargo run --example verify -- mlflow SECRET-FILE REQUEST-FILE
//! ```
//!
//! The request is raw HTTP, what `curl -v` prints, or `{"headers": {"NAME": "VALUE"}, "body": "…"}`.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program of its own, which prints and reads its environment"
)]

use std::process::ExitCode;
use std::time::SystemTime;

use scanrelay::diagnosis::{SavedRequest, diagnose};
use scanrelay::{Scheme, Secret, Timestamp, Verifier};

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [scheme, secret, request] = arguments.as_slice() else {
        return Err(format!("say SCHEME SECRET-FILE REQUEST-FILE; schemes: {}", Scheme::PRESETS.join(", ")).into());
    };
    let scheme = Scheme::preset(scheme).ok_or_else(|| format!("{scheme} is none of {}", Scheme::PRESETS.join(", ")))?;
    let secret = Secret::new(std::fs::read(secret)?.trim_ascii_end())?;
    let verifier = Verifier::new(scheme, vec![secret], Verifier::DEFAULT_TOLERANCE)?;

    let request = SavedRequest::parse(&std::fs::read(request)?)?;
    let now = request.received_at().unwrap_or_else(|| Timestamp::from(SystemTime::now()));
    let diagnosis = diagnose(&verifier, &request.caller(), request.body().unwrap_or_default(), now);
    println!("{diagnosis}");
    Ok(ExitCode::from(u8::from(!diagnosis.verifies())))
}
