//! A promotion as a build in Jenkins: the real daemon and the real plugin, with the development registry for both registry and Jenkins.
#![expect(clippy::disallowed_methods, reason = "tests start the program that they test")]
#![expect(clippy::print_stderr, reason = "tests say what they saw")]

#[path = "jenkins/alone.rs"]
mod alone;
#[path = "jenkins/cancel.rs"]
mod cancel;
#[path = "jenkins/client.rs"]
mod client;
#[path = "jenkins/clients.rs"]
mod clients;
#[path = "jenkins/death.rs"]
mod death;
#[path = "jenkins/ends.rs"]
mod ends;
#[path = "jenkins/golden.rs"]
mod golden;
#[path = "daemon/harness.rs"]
#[expect(dead_code, reason = "the process tests use all of it")]
mod harness;
#[path = "jenkins/manual.rs"]
mod manual;
#[path = "daemon/network.rs"]
#[expect(dead_code, reason = "the process tests use all of it")]
mod network;
#[path = "jenkins/plant.rs"]
mod plant;
#[path = "jenkins/refusals.rs"]
mod refusals;
#[path = "jenkins/stops.rs"]
mod stops;
#[path = "jenkins/weather.rs"]
mod weather;
#[path = "jenkins/webhook.rs"]
mod webhook;
#[path = "jenkins/whose.rs"]
mod whose;
