//! The peers that `benches/compare` measures scanrelay against, and what it measures with.
//!
//! - `peers requests FILE COUNT RUN`: signed deliveries, one after the other, each the same number of bytes long
//! - `peers bare`: answers 202 and does nothing
//! - `peers plain-log FILE`: verifies, appends, answers 202 after `fdatasync`: the limit of any durable answer
//! - `peers registry`: takes scan results and counts them
//! - `peers send ADDRESS FILE LENGTH COUNT CONNECTIONS`: sends the first of these requests, each once
//! - `peers spawn COUNT WIDTH`: starts `/bin/true` and waits for it, on so many threads
//!
//! Servers print `ready ADDR:PORT`.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it measures time, starts programs and prints what a script reads"
)]

mod log;
mod registry;
mod requests;
mod send;
mod server;
mod spawn;

use std::path::Path;
use std::process::ExitCode;

/// What deliveries are signed with.
const SECRET: &str = "a secret of the benchmark";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["requests", file, count, run] => requests::write(Path::new(file), number(count), number(run)),
        ["bare"] => server::bare(),
        ["plain-log", file] => server::plain_log(Path::new(file)),
        ["registry"] => registry::serve(),
        ["send", address, file, length, count, connections] => {
            send::send(address, Path::new(file), size(length), size(count), size(connections))
        }
        ["spawn", count, width] => spawn::measure(number(count), number(width)),
        _ => {
            Err(std::io::Error::other("say requests, bare, plain-log, registry, send or spawn: see benches/README.md"))
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peers: {error}");
            ExitCode::FAILURE
        }
    }
}

fn size(word: &str) -> usize {
    word.parse().unwrap_or(0)
}

fn number(word: &str) -> u64 {
    word.parse().unwrap_or(0)
}
