//! Receive signed webhooks of model registries, and speak the plugin contract of the scan-relay daemon.
//!
//! # The way of a webhook
//!
//! 1. A registry posts a signed body. Its headers and its connection are a [`Caller`].
//! 2. [`Receiver::verify_at`] checks the signature over the raw bytes, in constant time, before it reads anything. It is a
//!    pure function of caller, body and time.
//! 3. What it returns is a [`Delivery`]: nothing else makes one, so whoever holds one holds proof.
//! 4. [`Delivery::event`] says what happened in neutral words: the same [`Event`] for every registry.
//! 5. [`Registry::next`] says, request by request, how the registry is told the outcome. It does no I/O either.
//!
//! ```
//! use scanrelay::{Caller, Receiver, Registry, Scheme, Secret, Timestamp, Verifier, registry::Verta};
//!
//! let secret = Secret::new("It's a Secret to Everybody")?;
//! let verifier = Verifier::new(Scheme::github(), vec![secret], Verifier::DEFAULT_TOLERANCE)?;
//! let receiver = Receiver::new("verta", Registry::Verta(Verta::default()), verifier);
//!
//! # let body = br#"{"event_uuid":"6f1c","event_type":"READ"}"#.as_slice();
//! # let signature = receiver.verifier().sign(None, Timestamp::default(), body)?.remove(0).1;
//! let caller = Caller::new([("X-Hub-Signature-256", signature.as_bytes())]);
//! let delivery = receiver.verify_at(&caller, body.into(), Timestamp::default())?;
//! assert_eq!(delivery.event().kind.to_string(), "other(READ)");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # From where
//!
//! | sender | read and told by | signs by |
//! |---|---|---|
//! | Verta | [`registry::Verta`] | what its webhook was given; [`Scheme::github`] of ours |
//! | MLflow | [`registry::Mlflow`] | [`Scheme::mlflow`] |
//! | Comet | [`registry::Comet`] | [`Scheme::token`] in `Authorization` |
//! | Databricks | [`registry::Databricks`] | [`Scheme::databricks`] |
//! | Hugging Face | [`registry::HuggingFace`] | [`Scheme::token`] in `X-Webhook-Secret` |
//! | Weights & Biases | [`registry::Wandb`] | [`Scheme::wandb`] |
//! | GitHub | [`registry::GitHub`] | [`Scheme::github`] |
//! | anybody else | [`registry::Generic`] | [`Scheme::standard_webhooks`], [`Scheme::svix`], or your own [`HmacScheme`](signature::HmacScheme) |
//!
//! Where a registry has no event of its own for a promotion or a scan, [`Rules`](registry::Rules) say which of its changes is one:
//! [`Receiver::with_rules`]. Programs to begin with are in `examples/`: `receiver_actix.rs`, `receiver_axum.rs`, `plugin.rs`, and
//! `verify.rs`, which says why a saved request does not verify ([`diagnosis`]).
//!
//! # Features
//!
//! | feature | brings |
//! |---|---|
//! | none | this SDK: no runtime, no I/O, no global state |
//! | `actix` | `extract::Webhook`, a handler argument for actix-web that is a verified delivery |
//! | `daemon` | the `scanrelay` binary |
//! | `actions` | the `scanrelay-actions` binary: the action plugins that come along |
//! | `otel` | the binary, with spans for an OpenTelemetry collector |
#![warn(missing_docs, unreachable_pub, clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod body;
pub mod diagnosis;
pub mod event;
#[cfg(feature = "actix")]
pub mod extract;
pub mod plugin;
pub mod receiver;
pub mod registry;
pub mod secret;
pub mod signature;
pub mod trace;

pub use body::BodyError;
pub use event::{Event, EventKind, Stage, Timestamp};
pub use receiver::{DedupeKey, Delivery, ReceiveError, Receiver};
pub use registry::Registry;
pub use secret::{EmptySecret, Secret};
pub use signature::{Caller, Scheme, Verified, Verifier, VerifyError};
pub use trace::TraceParent;
