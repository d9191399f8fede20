//! A registry's weather over the months: what becomes of a request at which moment.

use std::time::Duration;

/// What meets a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weather {
    Fine,
    /// No connection, or 503.
    Down,
    /// 401: the credentials were changed.
    Refuses,
    /// 429, with the time after which to come again.
    Limits(Duration),
    /// It takes what it is told, and the answer is lost.
    Mute,
}

/// Bad times, one after the other.
pub(super) struct Forecast(Vec<(Duration, Duration, Weather)>);

impl Forecast {
    /// For a year. Most bad times are of minutes or hours; some outlast the retry schedule.
    pub(super) fn new(roll: &mut impl FnMut(u64) -> u64) -> Self {
        let mut times = Vec::new();
        let mut at = Duration::ZERO;
        while at < Duration::from_hours(24 * 365) {
            let begins = at + Duration::from_mins(roll(4 * 24 * 60));
            let length = match roll(6) {
                0 => Duration::from_hours(roll(24 * 5)),
                1 | 2 => Duration::from_hours(roll(20)),
                _ => Duration::from_mins(roll(60)),
            };
            let weather = match roll(4) {
                0 => Weather::Down,
                1 => Weather::Refuses,
                2 => Weather::Limits(Duration::from_secs(1 + roll(3600))),
                _ => Weather::Mute,
            };
            at = begins + length;
            times.push((begins, at, weather));
        }
        Self(times)
    }

    pub(super) fn at(&self, since_the_start: Duration) -> Weather {
        let now = |(begins, ends, _): &&(Duration, Duration, Weather)| (*begins..*ends).contains(&since_the_start);
        self.0.iter().find(now).map_or(Weather::Fine, |(_, _, weather)| *weather)
    }
}
