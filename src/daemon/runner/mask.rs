//! Hides the secrets that a plugin was given from what it prints.

use scanrelay::Secret;
use zeroize::Zeroizing;

/// What stands where a secret stood.
const HIDDEN: &[u8] = b"***";
/// Shorter secrets are found in too much innocent text.
const SHORTEST: usize = 4;

/// The texts to hide, the longest first.
pub(super) struct Mask {
    texts: Vec<Zeroizing<Vec<u8>>>,
    /// Which bytes a text begins with.
    first: [bool; 256],
}

impl Mask {
    /// A secret of several lines is hidden line by line as well, since a log is made of lines, and each also as it stands
    /// in JSON.
    pub(super) fn new(secrets: &[(String, Secret)]) -> Self {
        let mut texts: Vec<Zeroizing<Vec<u8>>> = Vec::new();
        for (_, secret) in secrets {
            let lines = secret.expose().split(|byte| matches!(byte, b'\n')).map(<[u8]>::trim_ascii);
            for text in lines.chain([secret.expose()]) {
                texts.push(Zeroizing::new(text.to_vec()));
                if let Some(quoted) = std::str::from_utf8(text).ok().and_then(|text| serde_json::to_vec(text).ok()) {
                    let quoted = Zeroizing::new(quoted);
                    texts.push(Zeroizing::new(quoted[1..quoted.len() - 1].to_vec()));
                }
            }
        }
        texts.retain(|text| text.len() >= SHORTEST);
        texts.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        texts.dedup();
        let mut first = [false; 256];
        for text in &texts {
            first[usize::from(text[0])] = true;
        }
        Self { texts, first }
    }

    /// The bytes without secrets. Where they were `cut` short, what may be the beginning of one is hidden too.
    pub(super) fn hide(&self, bytes: &[u8], cut: bool) -> Vec<u8> {
        let mut shown = Vec::with_capacity(bytes.len());
        let mut hidden_to = 0;
        for (at, byte) in bytes.iter().enumerate() {
            if let Some(end) = self.secret_at(bytes, at, cut) {
                if at >= hidden_to {
                    shown.extend_from_slice(HIDDEN);
                }
                // Overlapping secrets are one: the tail of the second must not show behind the first.
                hidden_to = hidden_to.max(end);
            } else if at >= hidden_to {
                shown.push(*byte);
            }
        }
        shown
    }

    /// The text without secrets. The contract marks a text that it cut with `…`.
    pub(super) fn hide_text(&self, text: String) -> String {
        if self.texts.is_empty() {
            return text;
        }
        let hidden = match text.strip_suffix('…') {
            Some(body) => [self.hide(body.as_bytes(), true).as_slice(), "…".as_bytes()].concat(),
            None => self.hide(text.as_bytes(), false),
        };
        String::from_utf8(hidden).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }

    fn secret_at(&self, bytes: &[u8], at: usize, cut: bool) -> Option<usize> {
        if !self.first[usize::from(bytes[at])] {
            return None;
        }
        let rest = &bytes[at..];
        let starts = |text: &&Zeroizing<Vec<u8>>| {
            rest.starts_with(text.as_slice()) || (cut && rest.len() < text.len() && text.starts_with(rest))
        };
        self.texts.iter().find(starts).map(|text| bytes.len().min(at + text.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(secrets: &[&str], text: &str, shown: &str) {
        let secrets: Vec<_> = secrets.iter().map(|text| (String::new(), Secret::new(*text).unwrap())).collect();
        assert_eq!(Mask::new(&secrets).hide_text(text.to_owned()), shown, "{text}");
    }

    #[test]
    fn secrets_are_hidden_wherever_they_stand() {
        check(&[], "hunter2", "hunter2");
        check(&["hunter2"], "hunter2", "***");
        check(&["hunter2"], "a hunter2hunter2 b hunter", "a ****** b hunter");
        check(&["abc"], "abc", "abc");
        check(&["abcd"], "abcd", "***");
        check(&["hunter", "hunter2"], "hunter2", "***");
        check(&["abcdef", "defghi"], "xabcdefghix", "x***x");
        check(&["aaaa"], "aaaaaaa", "***");
        check(&["pass\"word"], r#"{"x":"pass\"word"}"#, r#"{"x":"***"}"#);
    }

    #[test]
    fn a_secret_of_lines_is_hidden_line_by_line() {
        check(&["-----BEGIN-----\nMIIabc\n-----END-----\n"], "log MIIabc", "log ***");
        check(&["first\nsecond"], "first\nsecond", "***");
        check(&["first\nsecond"], r"first\nsecond", "***");
    }

    #[test]
    fn where_a_text_was_cut_a_begun_secret_is_hidden() {
        check(&["hunter2"], "by hunt…", "by ***…");
        check(&["hunter2"], "by hunt", "by hunt");
    }

    #[test]
    fn a_secret_need_not_be_text() {
        let mask = Mask::new(&[(String::new(), Secret::new([0xff, 0xfe, 0, 7]).unwrap())]);
        assert_eq!(mask.hide(&[1, 0xff, 0xfe, 0, 7, 2], false), b"\x01***\x02");
        assert_eq!(mask.hide(&[1, 0xff, 0xfe], true), b"\x01***");
    }
}
