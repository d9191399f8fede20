//! What the operator says about a program of their own.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;

use crate::call::Call;
use crate::fields::Fields;
use crate::settings::Fault;
use crate::template::Template;

/// The value that every program is given.
pub const RUN_ID: &str = "run_id";

/// As written. plugins/command/README.md says what each is for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    run: Vec<String>,
    #[serde(default)]
    values: Fields,
    #[serde(default = "zero")]
    complete: BTreeSet<i32>,
    #[serde(default)]
    failed: BTreeSet<i32>,
    #[serde(default)]
    later: BTreeSet<i32>,
    #[serde(default)]
    repeat: bool,
    #[serde(default)]
    forward: Forward,
}

fn zero() -> BTreeSet<i32> {
    [0].into()
}

/// Where the promoted model is, once the program has ended well.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Forward {
    #[default]
    Nowhere,
    /// At the address that is the last line of its output.
    LastLine,
    /// At this address.
    Url(Template),
}

/// What an exit code means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    Complete,
    Failed,
    Later,
}

/// The settings of one program, checked.
pub struct Settings {
    pub program: String,
    pub arguments: Vec<String>,
    pub values: Fields,
    complete: BTreeSet<i32>,
    failed: BTreeSet<i32>,
    later: BTreeSet<i32>,
    /// Whether it may be run again when nobody knows how it ended.
    pub repeat: bool,
    pub forward: Forward,
}

impl Settings {
    pub fn of(call: &Call) -> Result<Self, Fault> {
        let written: Written = call.settings()?;
        let Some((program, arguments)) = written.run.split_first() else {
            return Err(Fault::at("run", "it names no program: write run = [\"/usr/local/bin/deploy\", \"ARGUMENT\"]"));
        };
        // Found elsewhere by a bare name, it would be another one when somebody changes PATH.
        if !Path::new(program).is_absolute() {
            return Err(Fault::at("run", format!("{program} is no absolute path")));
        }
        if written.values.names().any(|name| name == RUN_ID) {
            return Err(Fault::at(format!("values.{RUN_ID}"), "the run's own id stands there: give it another name"));
        }
        let named = [("failed", &written.failed), ("later", &written.later)];
        for (key, codes) in named {
            if let Some(code) = codes.iter().find(|code| written.complete.contains(code)) {
                return Err(Fault::at(key, format!("{code} means complete already")));
            }
        }
        if let Some(code) = written.later.iter().find(|code| written.failed.contains(code)) {
            return Err(Fault::at("later", format!("{code} means failed already")));
        }
        Ok(Self {
            program: program.clone(),
            arguments: arguments.to_vec(),
            values: written.values,
            complete: written.complete,
            failed: written.failed,
            later: written.later,
            repeat: written.repeat,
            forward: written.forward,
        })
    }

    /// Of a code that is not named nobody knows.
    pub fn meaning(&self, code: i32) -> Option<Meaning> {
        let of = |codes: &BTreeSet<i32>, meaning| codes.contains(&code).then_some(meaning);
        of(&self.complete, Meaning::Complete)
            .or_else(|| of(&self.failed, Meaning::Failed))
            .or_else(|| of(&self.later, Meaning::Later))
    }
}
