//! The time, and dates as the deployment API writes them.

use scanrelay::Timestamp;

use super::entity::Uint64;

#[expect(clippy::disallowed_methods, reason = "the registry is another machine as far as the daemon's clock goes")]
pub fn now() -> Uint64 {
    let now = Timestamp::from(std::time::SystemTime::now());
    Uint64(u64::try_from(now.as_millis()).unwrap_or_default())
}

/// `YYYY-MM-DDTHH:MM:SS.mmmZ`.
pub fn iso(at: Uint64) -> String {
    let Uint64(millis) = at;
    let (days, day) = (millis / 86_400_000, millis % 86_400_000);
    let (year, month, date) = civil(days);
    let (hour, minute, second) = (day / 3_600_000, day / 60_000 % 60, day / 1000 % 60);
    format!("{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", day % 1000)
}

/// Days since 1970 as a Gregorian date. Years begin in March here, so that the leap day is a year's last.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468; // since 0000-03-01
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let shifted = (5 * day + 2) / 153;
    let date = day - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year + u64::from(month <= 2), month, date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_the_deployment_api_does() {
        for (millis, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_669_852_800_000, "2022-12-01T00:00:00.000Z"),
            (4_107_542_399_001, "2100-02-28T23:59:59.001Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(iso(Uint64(millis)), expected);
        }
    }
}
