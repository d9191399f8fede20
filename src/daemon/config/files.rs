//! Files that decide what runs must not be writable by whoever happens to be on the machine.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// A file longer than this is no configuration, no manifest and no secret.
const LONGEST: u64 = 1024 * 1024;

/// Refuses a file that its group or others may write to.
pub fn check_writers(path: &Path) -> Result<(), String> {
    let metadata = path.metadata().map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    let mode = metadata.permissions().mode();
    if mode & 0o022 != 0 {
        return Err(format!("{0} may be written by others than its owner: chmod go-w {0}", path.display()));
    }
    Ok(())
}

/// Reads a file that only its owner may write to.
pub fn read_private(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
    let metadata = path.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(format!("{} is no file", path.display()));
    }
    if metadata.len() > LONGEST {
        return Err(format!("{} is larger than 1 MiB", path.display()));
    }
    check_writers(path)?;
    std::fs::read(path).map_err(unreadable)
}

/// Whether others than its owner may read it.
pub fn read_by_others(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o044 != 0)
}

/// Whether it is a program that somebody may start.
pub fn check_program(path: &Path) -> Result<(), String> {
    let metadata = path.metadata().map_err(|error| format!("{} cannot be found: {error}", path.display()))?;
    if !metadata.is_file() {
        return Err(format!("{} is no file", path.display()));
    }
    if metadata.permissions().mode() & 0o111 == 0 {
        return Err(format!("{0} is not executable: chmod +x {0}", path.display()));
    }
    check_writers(path)
}
