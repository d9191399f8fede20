//! What the operator wrote under `settings`: read strictly, so that a typo is told and not ignored.

use std::time::Duration;

use regex_lite::Regex;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// What is wrong with a setting, or with a value that it asks for: the key, the cause, the cure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("settings.{key}: {cause}")]
pub struct Fault {
    key: String,
    cause: String,
}

impl Fault {
    /// Of the key below `settings`.
    pub fn at(key: impl Into<String>, cause: impl Into<String>) -> Self {
        Self { key: key.into(), cause: cause.into() }
    }
}

/// Reads settings into a type that names them all (`deny_unknown_fields`).
pub fn read<T: DeserializeOwned>(settings: &Map<String, Value>) -> Result<T, Fault> {
    serde_path_to_error::deserialize(Value::Object(settings.clone())).map_err(|error| {
        let cause = error.inner().to_string();
        // At the top the path is a dot; what is unknown or missing is named by the cause.
        match error.path().to_string() {
            path if path == "." => Fault { key: "*".to_owned(), cause },
            path => Fault { key: path, cause },
        }
    })
}

/// A duration as the configuration writes it: `500ms`, `10s`, `5m`, `2h`, `1d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        span(&text).map(Self).ok_or_else(|| D::Error::custom("it is no duration: write it as 500ms, 10s, 5m, 2h or 1d"))
    }
}

fn span(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(millis).map(Duration::from_millis)
}

impl Span {
    /// The longest that is waited for anything but the run itself.
    const HOUR: Duration = Duration::from_hours(1);

    /// As it was given below `settings`, or `default` in seconds.
    pub fn within_an_hour(key: &str, given: Option<Self>, default: u64) -> Result<Duration, Fault> {
        match given {
            None => Ok(Duration::from_secs(default)),
            Some(Self(given)) if !given.is_zero() && given <= Self::HOUR => Ok(given),
            Some(_) => Err(Fault::at(key, "it is out of bounds: 1ms to 1h")),
        }
    }
}

/// What a value must match from its first to its last character.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    regex: Regex,
}

impl Pattern {
    /// Nothing that a shell, a pipeline or a path takes for more than a word.
    pub const DEFAULT: &str = "[A-Za-z0-9._:/@-]{1,256}";

    pub fn new(text: &str) -> Result<Self, String> {
        let bad = |error: regex_lite::Error| format!("it is no regular expression: {error}");
        // By itself first, so that it cannot close the group around it.
        Regex::new(text).map_err(bad)?;
        let regex = Regex::new(&format!(r"\A(?:{text})\z")).map_err(bad)?;
        Ok(Self { text: text.to_owned(), regex })
    }

    pub fn takes(&self, value: &str) -> bool {
        self.regex.is_match(value)
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its form matters")]
    struct Sample {
        job: String,
        #[serde(default)]
        poll: Option<Span>,
    }

    #[test]
    fn a_fault_names_the_key() {
        let check = |settings: &Value, words: &str| {
            let fault = read::<Sample>(settings.as_object().unwrap()).unwrap_err().to_string();
            assert!(fault.contains(words), "{fault}");
        };
        check(&json!({ "job": "a", "jobb": "b" }), "unknown field `jobb`, expected `job` or `poll`");
        check(&json!({}), "missing field `job`");
        check(&json!({ "job": 1 }), "settings.job: invalid type");
        check(&json!({ "job": "a", "poll": "10" }), "settings.poll: it is no duration");
    }

    #[test]
    fn spans_are_those_of_the_configuration() {
        let check =
            |text: &str, millis: Option<u64>| assert_eq!(span(text), millis.map(Duration::from_millis), "{text}");
        check("500ms", Some(500));
        check("10s", Some(10_000));
        check("5m", Some(300_000));
        check("2h", Some(7_200_000));
        check("1d", Some(86_400_000));
        for bad in ["", "s", "10", "-1s", "1.5s", "1 s", "99999999999999999999s", "99999999999999999d"] {
            check(bad, None);
        }
    }

    #[test]
    fn a_pattern_is_for_the_whole_value() {
        let plain = Pattern::new(Pattern::DEFAULT).unwrap();
        for good in ["fraud", "a/b:1@x_y.z-1"] {
            assert!(plain.takes(good), "{good}");
        }
        for bad in ["", "a b", "a\n", "$(id)", "`id`", "a;b", "ä", "'x", "\"", &"a".repeat(257)] {
            assert!(!plain.takes(bad), "{bad}");
        }
        assert!(!Pattern::new("(?m)^a$").unwrap().takes("a\nb"));
        assert!(Pattern::new("a)|(b").is_err() && Pattern::new("[").is_err());
    }
}
