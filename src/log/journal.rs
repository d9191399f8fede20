//! systemd's journal, when stderr is connected to it.

use std::io::{self, stderr};

use rustix::fs::fstat;
use tracing_journald::{Layer, Priority, PriorityMappings};

/// Whether that is the file which `JOURNAL_STREAM` names: stderr may have been sent elsewhere since.
pub fn is_stderr(stream: &str) -> bool {
    fstat(stderr()).is_ok_and(|stderr| named(stream) == Some((stderr.st_dev, stderr.st_ino)))
}

/// Device and inode.
fn named(stream: &str) -> Option<(u64, u64)> {
    let (device, inode) = stream.split_once(':')?;
    Some((device.parse().ok()?, inode.parse().ok()?))
}

/// `DELIVERY`, `REGISTRY`, `PLUGIN`, …, with the priorities that `journalctl -p` knows.
pub fn layer() -> io::Result<Layer> {
    let priorities =
        PriorityMappings { info: Priority::Informational, debug: Priority::Debug, ..PriorityMappings::new() };
    Ok(tracing_journald::layer()?.with_field_prefix(None).with_priority_mappings(priorities))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_a_device_and_an_inode() {
        let check = |stream: &str, read: Option<(u64, u64)>| assert_eq!(named(stream), read, "{stream:?}");
        check("8:12345", Some((8, 12345)));
        check("0:0", Some((0, 0)));
        for wrong in ["", ":", "8", "8:", ":1", "8:1:2", "a:b", "-1:2", " 8:1"] {
            check(wrong, None);
        }
        assert!(!is_stderr("0:0"));
        let stat = fstat(stderr()).unwrap();
        assert!(is_stderr(&format!("{}:{}", stat.st_dev, stat.st_ino)));
    }
}
