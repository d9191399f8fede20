//! The registry on a real listener, driven as a person and an integration would, with a receiver that verifies.

mod artifacts;
mod harness;
mod integration;
mod scans;
mod webhooks;
