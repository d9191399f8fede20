//! Process tests: the real binary, real signals, real files, real plugins, and a real registry on loopback.
#![expect(clippy::disallowed_methods, reason = "tests start the program that they test")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "tests say what they saw")]

mod acts;
mod artifacts;
mod backup;
mod bad_input;
mod breaker;
mod burst;
mod caches;
mod chaos;
mod clock;
mod commands;
mod configuration;
mod connections;
mod death;
mod drain;
mod harness;
mod hostile;
mod images;
mod incidents;
mod latest;
mod logs;
mod metrics;
mod network;
#[cfg(feature = "otel")]
mod otel;
mod outgoing;
mod poison;
mod recovery;
mod redelivery;
mod registry_faults;
mod reload;
mod sandbox;
mod senders;
mod shutdown;
mod standings;
mod storage;
mod story;
mod systemd;
mod tls;
mod traces;
mod verdicts;
mod verify;
mod webhooks;
