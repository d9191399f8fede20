//! What a plugin may say: one JSON object with a `type` per line.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{MAX_CHECKPOINT, MAX_NAME, MAX_TEXT, MAX_URL, Severity, Status, Verdict};

/// One line of a plugin's output that counts.
///
/// ```
/// use scanrelay::plugin::{Line, Verdict};
///
/// let line = Line::result_of_scan(Verdict::Safe).to_string();
/// assert_eq!(line, r#"{"type":"result","verdict":"safe"}"#);
/// assert!(matches!(Line::parse(line.as_bytes()), Some(Ok(Line::Result { .. }))));
/// assert!(Line::parse(b"loading model ...").is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
#[non_exhaustive]
pub enum Line {
    /// How far it is.
    Progress {
        /// In words, cut at 4 KiB.
        message: String,
        /// From 0 to 100; what lies outside is drawn to the nearer end.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        percent: Option<f64>,
    },
    /// What the next attempt is to be given, should this one not end.
    Checkpoint {
        /// Any JSON of up to 64 KiB; more is a [`LineError::Checkpoint`].
        data: Value,
    },
    /// Something found.
    Finding(Finding),
    /// What came of it: the last line.
    Result {
        /// A scanner's word; [`Verdict::Error`] is not one it can say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        verdict: Option<Verdict>,
        /// An action's word.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<Status>,
        /// In one sentence, cut at 4 KiB.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        summary: Option<String>,
        /// Where to read more, or where the promoted model is now: http or https, no user part, visible ASCII, at most 2 KiB.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        url: Option<String>,
        /// What has looked: the scanner's version and that of what it knows, in its own words, cut at 1 KiB. It is kept with the
        /// vote, and decides nothing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<String>,
    },
}

/// Something that a scanner found. When it is read its message is cut at 4 KiB, id and location at 1 KiB.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Finding {
    /// The scanner's name for the kind of thing, the same every time.
    pub id: String,
    /// How bad it is.
    pub severity: Severity,
    /// In words.
    pub message: String,
    /// Where in the artifact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
}

impl Finding {
    /// A finding without a location.
    pub fn new(id: impl Into<String>, severity: Severity, message: impl Into<String>) -> Self {
        Self { id: id.into(), severity, message: message.into(), location: None }
    }
}

/// A line that claims to be one of the contract's and is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// Fields are missing, of the wrong type, or given twice.
    #[error("a {0} line does not have the contract's form")]
    Form(&'static str),
    /// It begins as an object and names a `type`, and is no JSON: a finding may be in it.
    #[error("a line that begins like one of the contract's is no JSON")]
    NoJson,
    /// A result must have `verdict` (of a scanner) or `status` (of an action), and not both.
    #[error("a result has either a verdict (safe, unsafe, inconclusive) or a status (complete, failed)")]
    Result,
    /// The data of a checkpoint is too long: so many bytes of JSON.
    #[error("a checkpoint of {0} bytes, at most {MAX_CHECKPOINT} can be kept")]
    Checkpoint(usize),
    /// The URL is not one that can be shown.
    #[error("a result's url must be http or https, without user part, of at most {MAX_URL} bytes")]
    Url,
}

/// The types of line there are, as `type` names them.
const TYPES: [&str; 4] = ["progress", "checkpoint", "finding", "result"];

/// What a line of the contract has in it.
const TYPE: &[u8] = b"\"type\"";

/// Whether an object begins the line. A byte order mark before it is no JSON, and does not make it log.
pub(super) fn begins_object(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).starts_with(b"{")
}

/// The first `type` of an object that we know. Every `type` is looked at, so that one given twice hides no finding.
struct Typed(Option<&'static str>);

impl<'de> Deserialize<'de> for Typed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Types;
        impl<'de> Visitor<'de> for Types {
            type Value = Typed;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Typed, A::Error> {
                let mut known = None;
                while let Some(key) = map.next_key::<Cow<'de, str>>()? {
                    if key != "type" {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    }
                    let word: Option<String> = serde_json::from_str(map.next_value::<&RawValue>()?.get()).ok();
                    known = known.or_else(|| TYPES.into_iter().find(|name| word.as_deref() == Some(name)));
                }
                Ok(Typed(known))
            }
        }
        deserializer.deserialize_map(Types)
    }
}

impl Line {
    /// A scanner's result, the word alone.
    pub fn result_of_scan(verdict: Verdict) -> Self {
        Self::Result { verdict: Some(verdict), status: None, summary: None, url: None, version: None }
    }

    /// An action's result, the word alone.
    pub fn result_of_action(status: Status) -> Self {
        Self::Result { verdict: None, status: Some(status), summary: None, url: None, version: None }
    }

    /// Reads a line. `None`: it is log, not a line of the contract (no object, or without a `type` that we know). What begins
    /// as an object, names a `type` and is no JSON is no log: a finding with NaN in it, or the first half of one.
    ///
    /// Texts longer than 4 KiB are cut, a finding's id and location at 1 KiB.
    pub fn parse(line: &[u8]) -> Option<Result<Self, LineError>> {
        let line = line.trim_ascii();
        if !begins_object(line) {
            return None;
        }
        let Ok(Typed(kind)) = serde_json::from_slice(line) else {
            let is_named = line.windows(TYPE.len()).any(|part| part == TYPE);
            return is_named.then_some(Err(LineError::NoJson));
        };
        let kind = kind?;
        let parsed = serde_json::from_slice::<Self>(line).map_err(|_| LineError::Form(kind));
        Some(parsed.and_then(Self::bounded))
    }

    fn bounded(self) -> Result<Self, LineError> {
        match self {
            Self::Progress { message, percent } => {
                Ok(Self::Progress { message: cut(message), percent: percent.map(|percent| percent.clamp(0.0, 100.0)) })
            }
            Self::Checkpoint { data } => match data.to_string().len() {
                0..=MAX_CHECKPOINT => Ok(Self::Checkpoint { data }),
                long => Err(LineError::Checkpoint(long)),
            },
            Self::Finding(Finding { id, severity, message, location }) => {
                let location = location.map(|location| cut_to(location, MAX_NAME));
                Ok(Self::Finding(Finding { id: cut_to(id, MAX_NAME), severity, message: cut(message), location }))
            }
            Self::Result { verdict, status, summary, url, version } => {
                if verdict.is_some() == status.is_some() || verdict == Some(Verdict::Error) {
                    return Err(LineError::Result);
                }
                match url {
                    Some(url) if !is_url(&url) => Err(LineError::Url),
                    url => {
                        let version = version.map(|version| cut_to(version, MAX_NAME));
                        Ok(Self::Result { verdict, status, summary: summary.map(cut), url, version })
                    }
                }
            }
        }
    }
}

impl fmt::Display for Line {
    /// The line as a plugin prints it, without the line feed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

fn cut(text: String) -> String {
    cut_to(text, MAX_TEXT)
}

fn cut_to(mut text: String, most: usize) -> String {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most - '…'.len_utf8()));
        text.push('…');
    }
    text
}

/// RFC 3986 as far as it matters to whoever clicks: http or https, a host, no user part, nothing that is not visible ASCII.
fn is_url(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")) else { return false };
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    url.len() <= MAX_URL
        && !authority.is_empty()
        && !authority.starts_with(':')
        && !authority.contains('@')
        && url.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte))
}

/// The text as it may be shown: control characters, and those that turn the writing direction, stand as `\u{…}`.
///
/// ```
/// use scanrelay::plugin::printable;
///
/// assert_eq!(printable("pass\u{1b}[2K"), r"pass\u{1b}[2K");
/// ```
pub fn printable(text: &str) -> Cow<'_, str> {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    if !text.contains(hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if hidden(c) {
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}
