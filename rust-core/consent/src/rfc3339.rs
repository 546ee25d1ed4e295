//! Wall-clock times as text: RFC 3339, in UTC, with milliseconds, for example `2014-08-07T09:30:00.000Z`.
//!
//! The times of a log row and of a receipt have this form. [`serialize`] and [`deserialize`] are for serde's `with`.
use serde::{Deserialize, Deserializer, Serializer, de::Error};

const DAY_MS: i64 = 86_400_000;
/// Days from 0000-03-01 to 1970-01-01 in the Gregorian calendar.
const EPOCH_DAYS: i64 = 719_468;
/// Days in 400 years of the Gregorian calendar, after which it repeats.
const CYCLE_DAYS: i64 = 146_097;
/// 0000-01-01T00:00:00.000Z and 9999-12-31T23:59:59.999Z: RFC 3339 has four digits for the year.
const RANGE_MS: std::ops::RangeInclusive<i64> = -62_167_219_200_000..=253_402_300_799_999;

/// The nearest time that has a text: one of the years 0 to 9999.
pub fn nearest(time_ms: i64) -> i64 {
    time_ms.clamp(*RANGE_MS.start(), *RANGE_MS.end())
}

/// Milliseconds since 1970-01-01T00:00:00Z as text. Times outside the years 0 to 9999 are shown as the [`nearest`] inside.
pub fn format(time_ms: i64) -> String {
    let time_ms = nearest(time_ms);
    let (year, month, day) = date(time_ms.div_euclid(DAY_MS));
    let ms = time_ms.rem_euclid(DAY_MS);
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", ms % 1000)
}

/// Reads what [`format()`] writes, with no or any number of digits behind the second (those beyond the millisecond are
/// dropped); `None` for anything else.
pub fn parse(text: &str) -> Option<i64> {
    let text = text.strip_suffix('Z')?;
    let (text, fraction) =
        text.split_once('.').map_or((text, None), |(text, fraction)| (text, Some(fraction)));
    let bytes = text.as_bytes();
    if bytes.len() != 19 || [4, 7, 10, 13, 16].map(|place| bytes[place]) != *b"--T::" {
        return None;
    }
    let number = |from: usize, to: usize| {
        bytes[from..to]
            .iter()
            .try_fold(0, |sum: i64, b| b.is_ascii_digit().then(|| sum * 10 + i64::from(b - b'0')))
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let ms = match fraction {
        None => 0,
        Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
            let first_three: String = digits.chars().chain("00".chars()).take(3).collect();
            first_three.parse().ok()?
        }
        Some(_) => return None,
    };
    let days = days(year, month, day)?;
    if hour > 23 || minute > 59 || second > 59 || date(days) != (year, month, day) {
        return None;
    }
    Some(days * DAY_MS + hour * 3_600_000 + minute * 60_000 + second * 1000 + ms)
}

/// Writes milliseconds since 1970-01-01T00:00:00Z.
///
/// # Errors
/// Those of the serialiser.
pub fn serialize<S: Serializer>(time_ms: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format(*time_ms))
}

/// Reads milliseconds since 1970-01-01T00:00:00Z.
///
/// # Errors
/// Not an RFC 3339 time in UTC.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).ok_or_else(|| D::Error::custom("not an RFC 3339 time in UTC"))
}

/// Year, month and day of a day counted from 1970-01-01. Years are counted from March, so that leap days come last.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + EPOCH_DAYS;
    let cycle = days.div_euclid(CYCLE_DAYS);
    let day_of_cycle = days.rem_euclid(CYCLE_DAYS);
    let year_of_cycle =
        (day_of_cycle - day_of_cycle / 1460 + day_of_cycle / 36_524 - day_of_cycle / (CYCLE_DAYS - 1)) / 365;
    let day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (cycle * 400 + year_of_cycle + i64::from(month <= 2), month, day)
}

/// The day counted from 1970-01-01, for a year of four digits.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) {
        return None;
    }
    let year = year - i64::from(month <= 2);
    let year_of_cycle = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_cycle = year_of_cycle * 365 + year_of_cycle / 4 - year_of_cycle / 100 + day_of_year;
    Some(year.div_euclid(400) * CYCLE_DAYS + day_of_cycle - EPOCH_DAYS)
}
