//! The actions `command`, `http` and `github-dispatch`: the real daemon and the real program, or that by itself where the daemon
//! has no part in it, with a service on loopback that the test scripts.
#![expect(clippy::disallowed_methods, reason = "tests start the program that they test")]
#![expect(clippy::print_stderr, reason = "tests say what they saw")]

#[path = "actions/alone.rs"]
mod alone;
#[path = "actions/answers.rs"]
mod answers;
#[path = "actions/cancel.rs"]
mod cancel;
#[path = "actions/command.rs"]
mod command;
#[path = "actions/endpoint.rs"]
mod endpoint;
#[path = "actions/github.rs"]
mod github;
#[path = "actions/golden.rs"]
mod golden;
#[path = "daemon/harness.rs"]
#[expect(dead_code, reason = "the process tests use all of it")]
mod harness;
#[path = "actions/plant.rs"]
mod plant;
#[path = "actions/service.rs"]
mod service;
