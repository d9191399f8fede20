//! What this kernel can enforce: tried, not guessed, in a process of its own.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::orders::Orders;
use super::{Bounds, LAUNCH};

/// Truncating a file by its path is checked from this version of Landlock on.
const WRITES: u8 = 3;
/// Signals and abstract sockets are checked from this one on.
const SIGNALS: u8 = 6;

/// What was enforced when it was tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kernel {
    /// The version of Landlock; 0: there is none.
    pub landlock: u8,
    /// Whether system calls can be filtered.
    pub calls: bool,
}

impl Kernel {
    /// What a plugin could do that it should not. Empty: all is enforced.
    pub fn missing(self) -> Vec<String> {
        let mut missing = Vec::new();
        let version = self.landlock;
        if version == 0 {
            missing.push("it can open every file that its user can (no Landlock: Linux 5.13, and lsm=landlock)");
        } else if version < WRITES {
            missing.push("it can truncate every file that its user can write (Landlock 3: Linux 6.2)");
        }
        if version < SIGNALS {
            missing.push("it can signal every process of its user (Landlock 6: Linux 6.12)");
        }
        if !self.calls {
            missing.push("it can use the network and every system call (no seccomp filter)");
        }
        missing.into_iter().map(str::to_owned).collect()
    }
}

/// Tries it with the launcher. `Err`: the launcher does not even start; why, in one line.
pub fn probe(launcher: &Path) -> Result<Kernel, String> {
    let orders = Orders {
        marker: String::new(),
        kernel: Kernel::default(),
        bounds: Bounds {
            memory: u64::MAX,
            cpu: Duration::from_mins(1),
            file_size: u64::MAX,
            disk: u64::MAX,
            open_files: 1024,
            processes: 1024,
        },
        mark: u64::MAX,
        read: Vec::new(),
        write: Vec::new(),
        own: Vec::new(),
        network: false,
        local_sockets: false,
        user: None,
    };
    let failed = |why: &str| format!("the cell could not be tried with {}: {why}", launcher.display());
    #[expect(clippy::disallowed_methods, reason = "a process that only looks at itself")]
    let mut command = Command::new(launcher);
    command.arg(LAUNCH).arg(orders.write()?).env_clear().stdin(Stdio::null());
    let output = command.output().map_err(|error| failed(&error.to_string()))?;
    let said = String::from_utf8_lossy(if output.status.success() { &output.stdout } else { &output.stderr });
    if !output.status.success() {
        return Err(failed(said.trim()));
    }
    serde_json::from_str(&said).map_err(|error| failed(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_old_kernel_lacks_is_said() {
        let check = |landlock, calls, words: &[&str]| {
            let missing = Kernel { landlock, calls }.missing();
            assert_eq!(missing.len(), words.len(), "{missing:?}");
            for (said, word) in missing.iter().zip(words) {
                assert!(said.contains(word), "{said}");
            }
        };
        check(7, true, &[]);
        check(6, true, &[]);
        check(5, true, &["signal"]);
        check(3, true, &["signal"]);
        check(2, true, &["truncate", "signal"]);
        check(0, true, &["open every file", "signal"]);
        check(6, false, &["network"]);
        check(0, false, &["open every file", "signal", "network"]);
    }
}
