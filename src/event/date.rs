//! Dates as people read them: RFC 3339 in UTC, to the second.

use super::Timestamp;

const DAY: i64 = 86_400;

impl Timestamp {
    /// As RFC 3339 (section 5.6) writes it, in UTC and to the second.
    ///
    /// ```
    /// use scanrelay::Timestamp;
    ///
    /// assert_eq!(Timestamp::from_millis(1_669_852_800_999).to_rfc3339(), "2022-12-01T00:00:00Z");
    /// ```
    pub fn to_rfc3339(self) -> String {
        let seconds = self.as_secs();
        let (year, month, date) = civil(seconds.div_euclid(DAY));
        let day = seconds.rem_euclid(DAY);
        format!("{year:04}-{month:02}-{date:02}T{:02}:{:02}:{:02}Z", day / 3600, day / 60 % 60, day % 60)
    }
}

/// Days since 1970 as a Gregorian date. Years begin in March here, so that the leap day is a year's last.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468; // since 0000-03-01
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let shifted = (5 * day + 2) / 153;
    let date = day - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year + i64::from(month <= 2), month, date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leap_days_and_centuries_are_where_they_are() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_669_852_800, "2022-12-01T00:00:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(Timestamp::from_millis(seconds * 1000 + 999).to_rfc3339(), expected);
        }
    }
}
