//! x
#![warn(missing_docs, unreachable_pub, clippy::exhaustive_enums, clippy::exhaustive_structs)]

pub mod event;
pub mod plugin;
pub mod secret;
pub mod signature;

pub use event::{Event, EventKind, Stage, Timestamp};
pub use secret::{EmptySecret, Secret};
pub use signature::{Caller, Scheme, Verified, Verifier, VerifyError};
