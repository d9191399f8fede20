//! What is kept of a run's output: the first bytes up to a cap, and the runner's own remarks.

use tokio::sync::watch;

use super::mask::Mask;

/// A log of whole lines, secrets hidden.
pub(super) struct Log {
    /// Whoever wants to can look on.
    kept: watch::Sender<Vec<u8>>,
    cap: usize,
    /// Bytes that were read and not kept.
    dropped: u64,
    full: bool,
    remarks: Vec<String>,
}

impl Log {
    pub(super) fn new(cap: usize, kept: watch::Sender<Vec<u8>>) -> Self {
        Self { kept, cap, dropped: 0, full: false, remarks: Vec::new() }
    }

    /// A line of the plugin's, without its line feed, of which `lost` bytes were cut off.
    pub(super) fn line(&mut self, mask: &Mask, line: &[u8], lost: u64) {
        self.dropped += lost;
        if self.full {
            self.dropped += line.len() as u64 + 1;
            return;
        }
        let mut shown = mask.hide(line, lost > 0);
        shown.push(b'\n');
        let room = self.cap.saturating_sub(self.kept.borrow().len());
        if shown.len() > room {
            // What follows is dropped even where it would fit: a log has a beginning and no holes.
            self.full = true;
            self.dropped += (shown.len() - room) as u64;
            shown.truncate(room);
        }
        self.kept.send_modify(|kept| kept.extend_from_slice(&shown));
    }

    /// A word of the runner's at the end, beyond the cap.
    pub(super) fn remark(&mut self, remark: String) {
        self.remarks.push(remark);
    }

    /// The bytes, and how many are missing. What is missing is said in the last line.
    pub(super) fn end(mut self, mask: &Mask) -> (Vec<u8>, u64) {
        if self.dropped > 0 {
            self.remarks.push(format!("{} more bytes of output were not kept", self.dropped));
        }
        let mut kept = self.kept.borrow().clone();
        for remark in self.remarks {
            if kept.last().is_some_and(|last| *last != b'\n') {
                kept.push(b'\n');
            }
            kept.extend_from_slice(b"scanrelay: ");
            kept.extend_from_slice(&mask.hide(remark.as_bytes(), false));
            kept.push(b'\n');
        }
        (kept, self.dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cap: usize, lines: &[(&str, u64)], kept: &str, missing: u64) {
        let (mask, mut log) = (Mask::new(&[]), Log::new(cap, watch::Sender::new(Vec::new())));
        for (line, lost) in lines {
            log.line(&mask, line.as_bytes(), *lost);
        }
        let (bytes, dropped) = log.end(&mask);
        assert_eq!((String::from_utf8(bytes).unwrap().as_str(), dropped), (kept, missing));
    }

    #[test]
    fn a_log_has_a_beginning_and_no_holes() {
        check(10, &[], "", 0);
        check(10, &[("one", 0), ("two", 0)], "one\ntwo\n", 0);
        check(8, &[("one", 0), ("two", 0)], "one\ntwo\n", 0);
        check(6, &[("one", 0), ("three", 0), ("", 0)], "one\nth\nscanrelay: 5 more bytes of output were not kept\n", 5);
        check(0, &[("one", 0)], "scanrelay: 4 more bytes of output were not kept\n", 4);
        check(10, &[("one", 7)], "one\nscanrelay: 7 more bytes of output were not kept\n", 7);
    }
}
