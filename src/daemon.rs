//! The daemon.

mod admin;
mod clock;
mod effects;
mod job;
mod server;
mod store;
mod verdict;
mod worker;
mod writeback;
