//! The registry on a real listener, driven as a person and an integration would, with a receiver that verifies.

mod artifacts;
mod client;
mod comet;
mod events;
mod harness;
mod integration;
mod mlflow;
mod page;
mod scans;
mod stages;
mod webhooks;
