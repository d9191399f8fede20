//! What the plugin was given: the document on stdin, and what the environment says beside it.

use std::io::Read as _;
use std::os::unix::ffi::OsStringExt as _;

use scanrelay::plugin::{Invocation, PROTOCOL};
use scanrelay::{Secret, TraceParent};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::fields::Facts;
use super::settings::{self, Fault};

/// Longer than any input: the longest body is below it, and an artifact lists some thousand files.
const LONGEST: u64 = 64 * 1024 * 1024;

/// One run of an action.
pub struct Call {
    invocation: Invocation,
}

impl Call {
    /// Reads stdin to its end.
    pub fn read() -> Result<Self, String> {
        let mut text = Vec::new();
        std::io::stdin().take(LONGEST + 1).read_to_end(&mut text).map_err(|error| format!("stdin: {error}"))?;
        if text.len() as u64 > LONGEST {
            return Err(format!("the input is longer than {LONGEST} bytes"));
        }
        let invocation: Invocation = serde_json::from_slice(&text)
            .map_err(|error| format!("stdin has no input of the plugin contract ({:?} error)", error.classify()))?;
        if invocation.protocol != PROTOCOL {
            let other = invocation.protocol;
            return Err(format!(
                "the input is of protocol {other}, and this program speaks {PROTOCOL}: use the two of one package"
            ));
        }
        Ok(Self { invocation })
    }

    /// The same on every attempt: what makes a trigger idempotent.
    pub fn run_id(&self) -> &str {
        &self.invocation.run.id
    }

    /// What an earlier attempt saved last.
    pub fn checkpoint(&self) -> Option<&Value> {
        self.invocation.checkpoint.as_ref()
    }

    /// The settings, read strictly.
    pub fn settings<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        settings::read(&self.invocation.settings)
    }

    /// What the event says, by name.
    pub fn facts(&self) -> Facts {
        Facts::of(&self.invocation)
    }

    /// What `secrets` of the plugin put into the environment under that name.
    pub fn secret(name: &str) -> Option<Secret> {
        Secret::new(std::env::var_os(name)?.into_vec()).ok()
    }

    /// The trace that this attempt belongs to, for what it calls.
    pub fn trace() -> Option<TraceParent> {
        TraceParent::parse(&std::env::var_os("TRACEPARENT")?.into_vec())
    }
}
