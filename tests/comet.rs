//! Comet: its own client and the real daemon, with the development registry between them.
#![expect(clippy::disallowed_methods, reason = "tests start the program that they test")]
#![expect(clippy::print_stderr, reason = "tests say what they saw")]

#[path = "comet/catch_up.rs"]
mod catch_up;
#[path = "comet/client.rs"]
mod client;
#[path = "daemon/harness.rs"]
#[expect(dead_code, reason = "the process tests use all of it")]
mod harness;
#[path = "comet/hints.rs"]
mod hints;
#[path = "comet/site.rs"]
mod site;
#[path = "comet/story.rs"]
mod story;
#[path = "comet/weather.rs"]
mod weather;
