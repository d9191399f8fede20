//! MLflow itself: its server, its client, and the real daemon between them.
#![expect(clippy::disallowed_methods, reason = "tests start the program that they test")]
#![expect(clippy::print_stderr, reason = "tests say what they saw")]

#[path = "mlflow/catch_up.rs"]
mod catch_up;
#[path = "mlflow/client.rs"]
mod client;
#[path = "mlflow/dev_registry.rs"]
mod dev_registry;
#[path = "mlflow/gate.rs"]
mod gate;
#[path = "daemon/harness.rs"]
#[expect(dead_code, reason = "the process tests use all of it")]
mod harness;
#[path = "mlflow/server.rs"]
mod server;
#[path = "mlflow/story.rs"]
mod story;
#[path = "mlflow/webhooks.rs"]
mod webhooks;
