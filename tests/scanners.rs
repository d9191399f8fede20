//! The scanners that have a plugin, as `tests/install` has them: each is run by `scanrelay plugin test`, as the daemon would.
#![expect(clippy::disallowed_methods, reason = "tests start the program that they test")]
#![expect(clippy::print_stderr, reason = "tests say what they ran")]

#[path = "scanners/bench.rs"]
mod bench;
#[path = "scanners/clamd.rs"]
mod clamd;
#[path = "scanners/faults.rs"]
mod faults;
#[path = "scanners/golden.rs"]
mod golden;
#[path = "scanners/matrix.rs"]
mod matrix;
#[path = "scanners/trivy.rs"]
mod trivy;
