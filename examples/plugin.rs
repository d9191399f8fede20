//! A scanner in Rust, on the types of the plugin contract: `safe` is a model of nothing but whole safetensors files, which hold
//! numbers and no code. What is anything else it does not know, and so it says `inconclusive`.
//!
//! ```toml
//! # plugins/safetensors/plugin.toml, beside the program
//! kind = "scanner"
//! command = ["safetensors"]
//! artifact = true
//! ```
#![expect(clippy::print_stdout, reason = "a program of its own, whose output is its lines")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::{Read, stdin};

use scanrelay::plugin::{Finding, Invocation, Line, Severity, Verdict};
use serde_json::Value;

/// What is kept of it with each vote.
const VERSION: &str = concat!("safetensors ", env!("CARGO_PKG_VERSION"));
/// What the format itself allows.
const LONGEST_HEADER: u64 = 100_000_000;

/// An error is exit code 1: a failed attempt, which is tried again. No result is better than a wrong one.
fn main() -> Result<(), Box<dyn Error>> {
    let input: Invocation = serde_json::from_reader(stdin())?;
    let files = input.artifact.map(|artifact| artifact.files).unwrap_or_default();
    let mut unknown = 0;
    for file in &files {
        if let Some(reason) = look(File::open(&file.path)?, file.size)? {
            unknown += 1;
            // The original name stands in the finding alone: it may be hostile.
            let mut finding = Finding::new("not-safetensors", Severity::Informational, reason);
            finding.location = Some(file.name.clone());
            println!("{}", Line::Finding(finding));
        }
    }
    let verdict = if files.is_empty() || unknown > 0 { Verdict::Inconclusive } else { Verdict::Safe };
    let summary = Some(format!("{} of {} files are safetensors", files.len() - unknown, files.len()));
    let version = Some(VERSION.to_owned());
    println!("{}", Line::Result { verdict: Some(verdict), status: None, summary, url: None, version });
    Ok(())
}

/// Why a file is not a whole safetensors file: eight bytes of length, so much JSON, and then the tensors, without a gap.
fn look(mut file: impl Read, size: u64) -> Result<Option<&'static str>, std::io::Error> {
    let mut length = [0; 8];
    if size < 8 {
        return Ok(Some("it is shorter than a header"));
    }
    file.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    if length > LONGEST_HEADER || length > size - 8 {
        return Ok(Some("it does not begin with the length of a header"));
    }
    let mut header = Vec::new();
    file.take(length).read_to_end(&mut header)?;
    let Ok(header) = serde_json::from_slice::<BTreeMap<String, Value>>(&header) else {
        return Ok(Some("its header is no JSON object"));
    };
    let tensors = header.iter().filter(|(name, _)| *name != "__metadata__");
    let spans: Option<Vec<(u64, u64)>> =
        tensors.map(|(_, tensor)| serde_json::from_value(tensor.get("data_offsets")?.clone()).ok()).collect();
    let Some(mut spans) = spans else { return Ok(Some("a tensor has no place")) };
    spans.sort_unstable();
    let end = spans.iter().try_fold(0, |end, (from, to)| (*from == end && to >= from).then_some(*to));
    Ok((end != Some(size - 8 - length)).then_some("its tensors are not all there is in it"))
}
