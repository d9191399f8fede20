//! The time, and dates as the deployment API and MLflow write them.

use super::entity::Uint64;

pub fn now() -> Uint64 {
    Uint64(micros() / 1000)
}

/// Microseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "the registry is another machine as far as the daemon's clock goes")]
pub fn micros() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// `YYYY-MM-DDTHH:MM:SS.mmmZ`.
pub fn iso(at: Uint64) -> String {
    format!("{}.{:03}Z", to_the_second(at.0 / 1000), at.0 % 1000)
}

/// `YYYY-MM-DDTHH:MM:SS.mmmmmm+00:00`, of microseconds: as Python writes a time of UTC.
pub fn python_iso(micros: u64) -> String {
    format!("{}.{:06}+00:00", to_the_second(micros / 1_000_000), micros % 1_000_000)
}

fn to_the_second(seconds: u64) -> String {
    let (year, month, date) = civil(seconds / 86_400);
    let day = seconds % 86_400;
    format!("{year:04}-{month:02}-{date:02}T{:02}:{:02}:{:02}", day / 3600, day / 60 % 60, day % 60)
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
        assert_eq!(python_iso(1_795_410_621_017_821), "2026-11-23T05:10:21.017821+00:00");
    }
}
