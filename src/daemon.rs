//! The daemon.

mod admin;
mod clock;
mod effects;
mod job;
mod runner;
mod server;
#[cfg(test)]
mod simulation;
mod store;
mod verdict;
mod worker;
mod writeback;
