//! The registry on a real listener, driven as a person and an integration would, with a receiver that verifies.

mod harness;
mod integration;
mod webhooks;
