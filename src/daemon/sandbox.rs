//! What of the plugins' cells this machine enforces: tried once, before the first of them runs.

use std::path::Path;

use super::config::{Config, Plugin, Sandbox};
use super::effects::cell::OWN_PROGRAM;
use super::runner::{Kernel, probe};

/// What was seen when it was tried, or why it could not be.
#[derive(Clone, Debug)]
pub struct Enforced(Result<Kernel, String>);

impl Enforced {
    /// Starts a process that confines itself and says how far it came.
    pub fn tried() -> Self {
        Self(probe(Path::new(OWN_PROGRAM)))
    }

    /// Puts what is missing among the configuration's warnings. An error: it may not be missing.
    pub fn meets(&self, mut config: Config) -> Result<Config, String> {
        let confined = |plugin: &&Plugin| plugin.cell.sandbox != Sandbox::Off;
        let required = if config.sandbox == Sandbox::Require {
            Some("sandbox".to_owned())
        } else {
            let strict = config.plugins.values().find(|plugin| plugin.cell.sandbox == Sandbox::Require);
            strict.map(|plugin| format!("plugins.{}.sandbox", plugin.name))
        };
        let missing = match &self.0 {
            Ok(kernel) => kernel.missing(),
            Err(_) if config.plugins.values().all(|plugin| !confined(&plugin)) => Vec::new(),
            Err(cause) => return Err(format!("sandbox: {cause}; with sandbox = \"off\" plugins run without")),
        };
        match required {
            _ if missing.is_empty() => {}
            Some(key) => {
                return Err(format!(
                    "{key} = \"require\", and this kernel cannot enforce all of it: of a plugin it is true that {}; take a newer kernel, or write sandbox = \"auto\"",
                    missing.join(", and ")
                ));
            }
            None if config.plugins.values().any(|plugin| confined(&plugin)) => config.warnings.push(format!(
                "sandbox = \"auto\" confines plugins in part only: of each it is true that {}",
                missing.join(", and ")
            )),
            None => {}
        }
        let free: Vec<&str> =
            config.plugins.values().filter(|plugin| !confined(plugin)).map(|p| p.name.as_str()).collect();
        if !free.is_empty() {
            let warning = format!("sandbox = \"off\" lets {} do whatever this user may", free.join(", "));
            config.warnings.push(warning);
        }
        Ok(config)
    }

    /// What a run gets. Nothing was enforced where it could not be tried.
    pub fn kernel(&self) -> Kernel {
        self.0.clone().unwrap_or_default()
    }

    /// In a few words, for `check`.
    pub fn in_words(&self) -> String {
        match &self.0 {
            Err(cause) => cause.clone(),
            Ok(kernel) if kernel.missing().is_empty() => {
                format!("fully enforced (Landlock {}, seccomp)", kernel.landlock)
            }
            Ok(kernel) => format!("partly enforced: of a plugin it is true that {}", kernel.missing().join(", and ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_a_warning_or_a_fault() {
        let check = |kernel: Result<Kernel, String>, sandbox, words: Result<&str, &str>| {
            let met = Enforced(kernel).meets(Config { sandbox, ..Config::default() });
            match (met, words) {
                (Ok(config), Ok(words)) => assert!(config.warnings.join("\n").contains(words), "{:?}", config.warnings),
                (Err(said), Err(words)) => assert!(said.contains(words), "{said}"),
                (met, words) => panic!("{words:?}: {:?}", met.map(|config| config.warnings)),
            }
        };
        let all = Ok(Kernel { landlock: 7, calls: true });
        let old = Ok(Kernel { landlock: 4, calls: true });
        check(all.clone(), Sandbox::Require, Ok(""));
        check(old.clone(), Sandbox::Require, Err("sandbox = \"require\", and this kernel cannot enforce all of it"));
        check(old.clone(), Sandbox::Require, Err("it can signal every process of its user (Landlock 6: Linux 6.12)"));
        check(old, Sandbox::Auto, Ok(""));
        // Without a plugin there is nobody to confine.
        check(Err("no launcher".to_owned()), Sandbox::Auto, Ok(""));
        check(all, Sandbox::Off, Ok(""));
    }
}
