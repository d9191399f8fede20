//! Durations and sizes as people write them.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

/// `500ms`, `10s`, `5m`, `1h`, `3d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

/// `1MiB`, `64KiB`, `10GB`, or bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

fn split(text: &str) -> Option<(u64, &str)> {
    let unit = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..unit].parse().ok()?, text[unit..].trim_start()))
}

impl Span {
    pub fn parse(text: &str) -> Option<Self> {
        let (number, unit) = split(text.trim())?;
        let millis = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        Some(Self(Duration::from_millis(number.checked_mul(millis)?)))
    }
}

impl Size {
    pub fn parse(text: &str) -> Option<Self> {
        let (number, unit) = split(text.trim())?;
        let factor = match unit {
            "" | "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "KB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            _ => return None,
        };
        Some(Self(number.checked_mul(factor)?))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| de::Error::custom(format!("{text:?} is no duration: write 500ms, 10s, 5m, 1h or 3d")))
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Size;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a size such as 1MiB, 64KiB or 10GB")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Size, E> {
                Size::parse(text).ok_or_else(|| E::custom(format!("{text:?} is no size: write 1MiB, 64KiB or 10GB")))
            }
            fn visit_u64<E: de::Error>(self, bytes: u64) -> Result<Size, E> {
                Ok(Size(bytes))
            }
            fn visit_i64<E: de::Error>(self, bytes: i64) -> Result<Size, E> {
                u64::try_from(bytes).map(Size).map_err(|_| E::custom("a size is not negative"))
            }
        }
        deserializer.deserialize_any(Bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let check = |text, millis: Option<u64>| {
            assert_eq!(Span::parse(text), millis.map(|ms| Span(Duration::from_millis(ms))), "{text}");
        };
        check("500ms", Some(500));
        check("10 s", Some(10_000));
        check("5m", Some(300_000));
        check("3d", Some(259_200_000));
        for none in ["", "10", "s", "-1s", "1h30m", "1.5s", "10S", "99999999999999999d"] {
            check(none, None);
        }
    }

    #[test]
    fn sizes() {
        let check = |text, bytes: Option<u64>| assert_eq!(Size::parse(text), bytes.map(Size), "{text}");
        check("1MiB", Some(1_048_576));
        check("64KiB", Some(65_536));
        check("10 GB", Some(10_000_000_000));
        check("17", Some(17));
        for none in ["", "MiB", "1mib", "-1", "1.5MiB", "99999999999999999999", "18446744073709551615KiB"] {
            check(none, None);
        }
    }
}
