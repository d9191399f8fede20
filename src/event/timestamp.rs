//! Moments.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A moment in milliseconds since 1970-01-01T00:00:00Z. Its JSON form is that number.
///
/// ```
/// use std::time::Duration;
/// use scanrelay::Timestamp;
///
/// let then = Timestamp::from_millis(1_669_852_800_000);
/// assert_eq!(then.as_secs(), 1_669_852_800);
/// assert_eq!(then.after(Duration::from_secs(60)).since(then), Duration::from_secs(60));
/// assert_eq!(then.since(then.after(Duration::from_secs(60))), Duration::ZERO);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Reads RFC 3339 (section 5.6) with a `T`: `2026-11-23T05:10:21.017821+00:00`. Fractions finer than milliseconds are cut
    /// off, a leap second counts as the one before it; `None` for anything else, times without an offset included.
    ///
    /// ```
    /// use scanrelay::Timestamp;
    ///
    /// let moment = Timestamp::from_rfc3339("2022-12-01T01:00:00.5+01:00").unwrap();
    /// assert_eq!(moment.as_millis(), 1_669_852_800_500);
    /// assert_eq!(Timestamp::from_rfc3339("2022-12-01 00:00:00"), None);
    /// ```
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let (date, rest) = text.split_at_checked(10)?;
        let (time, rest) = rest.strip_prefix(['T', 't'])?.split_at_checked(8)?;
        let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
        let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
        let (millis, zone) = match rest.strip_prefix('.') {
            Some(fraction) => {
                let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
                let (fraction, zone) = fraction.split_at(digits);
                (format!("{fraction:0<3}").get(..3).filter(|_| digits > 0)?.parse().ok()?, zone)
            }
            None => (0, rest),
        };
        let offset = match zone.split_at_checked(1)? {
            ("Z" | "z", "") => 0,
            (sign @ ("+" | "-"), zone) => {
                let [hours, minutes] = numbers(zone, ':', [2, 2])?;
                let offset = (hours * 60 + minutes).checked_mul(if sign == "-" { -1 } else { 1 })?;
                (hours < 24 && minutes < 60).then_some(offset)?
            }
            _ => return None,
        };
        let valid = (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
        (valid && hour < 24 && minute < 60 && second <= 60).then_some(())?;
        let minutes = days_before(year, month, day) * 1440 + hour * 60 + minute - offset;
        Some(Self(minutes * 60_000 + second.min(59) * 1000 + millis))
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The moment `wait` later.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long it is from `earlier` until this moment; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(since) => Self::default().after(since),
            Err(before) => Self(i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |millis| -millis)),
        }
    }
}

/// Numbers of so many digits each, and nothing else.
fn numbers<const N: usize>(text: &str, separator: char, digits: [usize; N]) -> Option<[i64; N]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; N];
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part =
            parts.next().filter(|part| part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit()))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from the epoch to that day, in the Gregorian calendar. Years begin in March here, so that the leap day is the last.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (month * 153 + 2) / 5 + day
        - 719_469
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_before_the_epoch_is_no_panic() {
        let early = UNIX_EPOCH - Duration::from_millis(1500);
        assert_eq!(Timestamp::from(early).as_millis(), -1500);
        assert_eq!(Timestamp::from(early).as_secs(), -2);
    }

    #[test]
    fn a_written_moment_is_read() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("1969-12-31T23:59:59.999Z", Some(-1)),
            ("2026-11-23T05:10:21.017821+00:00", Some(1_795_410_621_017)),
            ("2000-02-29T12:00:00-05:30", Some(951_845_400_000)),
            ("2016-12-31T23:59:60Z", Some(1_483_228_799_000)),
            ("0000-01-01T00:00:00Z", Some(-62_167_219_200_000)),
            ("9999-12-31T23:59:59Z", Some(253_402_300_799_000)),
            ("2100-02-29T00:00:00Z", None),
            ("2026-13-01T00:00:00Z", None),
            ("2026-11-23T24:00:00Z", None),
            ("2026-11-23T05:10:21", None),
            ("2026-11-23T05:10:21.Z", None),
            ("2026-11-23T05:10:21+0000", None),
            ("2026-11-23T05:10:21+24:00", None),
            ("2026-11-23T05:10:21Z ", None),
            ("+026-11-23T05:10:21Z", None),
            ("2026-11-2éT05:10:21Z", None),
            ("", None),
        ] {
            assert_eq!(Timestamp::from_rfc3339(text).map(Timestamp::as_millis), millis, "{text}");
        }
    }
}
