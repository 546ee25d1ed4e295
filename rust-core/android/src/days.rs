//! The last seven days, as the phone's clock and time zone have them.
#![allow(unsafe_code, reason = "the C library knows the time zone")]
use std::fmt;

/// How many days are told.
pub(crate) const DAYS: usize = 7;
/// The most days that are told one by one.
const MOST_DAYS: usize = 400;

/// A day of the calendar, in local time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Day {
    /// When it begins: milliseconds since 1970-01-01T00:00:00Z.
    pub(crate) from_ms: i64,
    date: Date,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Date {
    year: i32,
    month: i32,
    day: i32,
}

impl fmt::Display for Day {
    /// As RFC 3339 writes dates: `2026-11-22`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Date { year, month, day } = self.date;
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// The last seven days, oldest first: the last is the one that `now_ms` lies in.
pub(crate) fn last_days(now_ms: i64) -> [Day; DAYS] {
    let today = local_date(now_ms);
    std::array::from_fn(|at| before(today, DAYS - 1 - at))
}

/// The days from the one that `from_ms` lies in to the one that `until_ms` lies in, oldest first: the last [`MOST_DAYS`] of
/// them.
pub(crate) fn days_between(from_ms: i64, until_ms: i64) -> Vec<Day> {
    let last = local_date(until_ms);
    let mut days = Vec::new();
    for ago in 0..MOST_DAYS {
        let day = before(last, ago);
        days.push(day);
        if day.from_ms <= from_ms {
            break;
        }
    }
    days.reverse();
    days
}

/// The day so many days before a date.
fn before(date: Date, ago: usize) -> Day {
    day(Date { day: date.day - ago as i32, ..date })
}

/// Which of some days, oldest first, a time lies in; later times count as the last.
pub(crate) fn index_of(days: &[Day], ms: i64) -> Option<usize> {
    days.iter().rposition(|day| day.from_ms <= ms)
}

/// The day of a date; days of the month below 1 count back into the months before (mktime(3)).
fn day(date: Date) -> Day {
    // SAFETY: tm is plain data of integers and one pointer, for all of which zero bytes are a valid value.
    let mut parts: libc::tm = unsafe { std::mem::zeroed() };
    parts.tm_year = date.year.saturating_sub(1900);
    parts.tm_mon = date.month - 1;
    parts.tm_mday = date.day;
    // Whether summer time holds at that midnight is for the library to say.
    parts.tm_isdst = -1;
    // SAFETY: the reference is valid for the call, and the call sets every member that is read below.
    let seconds = unsafe { libc::mktime(&raw mut parts) };
    let date = Date { year: parts.tm_year.saturating_add(1900), month: parts.tm_mon + 1, day: parts.tm_mday };
    #[allow(clippy::useless_conversion, reason = "the C library's seconds have 32 bits on 32-bit phones")]
    let seconds = i64::from(seconds);
    Day { from_ms: seconds.saturating_mul(1000), date }
}

fn local_date(ms: i64) -> Date {
    // mktime(3) reads the time zone anew, in case the owner has travelled; localtime_r(3) need not.
    day(Date { year: 1970, month: 1, day: 1 });
    let seconds = ms.div_euclid(1000) as libc::time_t;
    // SAFETY: as above.
    let mut parts: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both references are valid for the call.
    if unsafe { libc::localtime_r(&raw const seconds, &raw mut parts) }.is_null() {
        // A year that does not fit an int: no clock shows that, and no attempt lies there.
        return Date { year: 1970, month: 1, day: 1 };
    }
    Date { year: parts.tm_year.saturating_add(1900), month: parts.tm_mon + 1, day: parts.tm_mday }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    #[test]
    fn seven_days_follow_one_another_and_the_last_is_today() {
        let start = 1_700_000_000_000;
        // Two years in odd steps: every month, and where the machine has summer time, both changes.
        for step in 0..2_000 {
            let now = start + step * 9 * HOUR_MS;
            let days = last_days(now);
            assert_eq!(index_of(&days, now), Some(DAYS - 1));
            assert!((0..25 * HOUR_MS).contains(&(now - days[DAYS - 1].from_ms)), "{now}");
            for pair in days.windows(2) {
                let length = pair[1].from_ms - pair[0].from_ms;
                assert!((23 * HOUR_MS..=25 * HOUR_MS).contains(&length), "{pair:?}");
                assert_ne!(pair[0].to_string(), pair[1].to_string());
            }
        }
    }

    #[test]
    fn a_day_ends_where_the_next_begins() {
        let days = last_days(1_700_000_000_000);
        assert_eq!(index_of(&days, days[0].from_ms - 1), None);
        assert_eq!(index_of(&days, days[0].from_ms), Some(0));
        assert_eq!(index_of(&days, days[1].from_ms - 1), Some(0));
        assert_eq!(index_of(&days, i64::MAX), Some(DAYS - 1));
    }

    #[test]
    fn days_between_two_times_hold_both() {
        let now = 1_700_000_000_000;
        let days = days_between(now - 30 * 24 * HOUR_MS, now);
        assert!((30..=32).contains(&days.len()));
        assert_eq!(index_of(&days, now - 30 * 24 * HOUR_MS), Some(0));
        assert_eq!(days.last(), last_days(now).last());
        assert_eq!(days_between(now, now), [last_days(now)[DAYS - 1]]);
        assert_eq!(days_between(i64::MIN, now).len(), MOST_DAYS);
        assert_eq!(days_between(now, now - 48 * HOUR_MS).len(), 1);
    }

    #[test]
    fn dates_are_written_as_usual() {
        let date = Date { year: 2026, month: 3, day: 1 };
        assert_eq!(day(date).to_string(), "2026-03-01");
        assert_eq!(day(Date { day: 0, ..date }).to_string(), "2026-02-28");
    }

    #[test]
    fn clocks_that_are_far_off_do_no_harm() {
        for ms in [i64::MIN, -1, 0, 253_402_300_800_000, i64::MAX] {
            assert_eq!(last_days(ms).len(), DAYS);
        }
    }

    #[test]
    fn days_begin_at_local_midnight() {
        // POSIX counts westward: the sign is the other way round.
        for (zone, minutes) in [("UTC0", "0"), ("IST-5:30", "330"), ("NPT-5:45", "345"), ("PST8", "-480")] {
            let status = std::process::Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "days::tests::in_a_time_zone", "--ignored"])
                .envs([("TZ", zone), ("MINUTES_EAST", minutes)])
                .stdout(std::process::Stdio::null())
                .status();
            assert!(status.unwrap().success(), "{zone}");
        }
    }

    #[test]
    #[ignore = "run by the test above, in several time zones"]
    fn in_a_time_zone() {
        let minutes_east: i64 = std::env::var("MINUTES_EAST").unwrap().parse().unwrap();
        for step in 0..100 {
            let now = 1_700_000_000_000 + step * HOUR_MS;
            for day in last_days(now) {
                assert_eq!((day.from_ms + minutes_east * 60_000) % (24 * HOUR_MS), 0);
            }
            let local_ms = now + minutes_east * 60_000;
            let utc = consentry_consent::rfc3339::format(local_ms);
            assert_eq!(last_days(now)[DAYS - 1].to_string(), utc[..10]);
        }
    }
}
