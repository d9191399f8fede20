//! Process tests: the real binary, real signals, real files, real plugins, and a real registry on loopback.
#![expect(clippy::disallowed_methods, reason = "tests start the program that they test")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "tests say what they saw")]

mod acts;
mod artifacts;
mod backup;
mod bad_input;
mod chaos;
mod commands;
mod configuration;
mod death;
mod harness;
mod incidents;
mod logs;
mod metrics;
mod network;
#[cfg(feature = "otel")]
mod otel;
mod outgoing;
mod recovery;
mod reload;
mod shutdown;
mod storage;
mod story;
mod systemd;
mod tls;
mod traces;
mod verify;
