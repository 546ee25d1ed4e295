//! Times as people write and read them.

use crate::failure::Failure;
use consentry_consent::{Clock, End, Term, rfc3339};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Nanoseconds since 1970 as RFC 3339 in UTC, with as many digits as there are; the year is kept within what RFC 3339 can
/// write.
pub(crate) fn rfc3339_nanos(nanos: i64) -> String {
    Timestamp::from_nanosecond(i128::from(nanos))
        .map_or_else(|_| rfc3339::format(nanos / 1_000_000), |t| t.to_string())
}

/// Milliseconds since 1970 as a person reads them: UTC, to the second.
pub(crate) fn readable(time_ms: i64) -> String {
    let text = rfc3339::format(time_ms);
    text[..19].replace('T', " ")
}

/// When a grant ends, in words.
pub(crate) fn end_in_words(end: &End) -> String {
    match end {
        End::Never => "when revoked".to_owned(),
        End::Restart => "at the next restart".to_owned(),
        End::At { wall_ms, .. } => readable(*wall_ms),
    }
}

/// Reads a moment in the past: an RFC 3339 time, a date (UTC), or how long ago (`15m`, `2h`, `3d`). Milliseconds since 1970.
pub(crate) fn parse_since(text: &str, now: &Clock) -> Result<i64, Failure> {
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Ok(timestamp.as_millisecond());
    }
    if let Ok(zoned) = text.parse::<Date>().and_then(|date| date.to_zoned(TimeZone::UTC)) {
        return Ok(zoned.timestamp().as_millisecond());
    }
    if let Ok(Term::For(length)) = text.parse::<Term>() {
        let ago = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
        return Ok(now.wall_ms.saturating_sub(ago));
    }
    Err(Failure::BadInput(format!(
        "'{text}' is not a time: write 2014-08-07T09:30:00Z, 2014-08-07, or how long ago, for example 15m, 2h or 3d"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Clock = Clock { wall_ms: 1_407_400_200_000, boot_ms: 5_000, boot_id: [7; 16] };

    #[test]
    fn since_takes_a_time_a_date_or_a_length() {
        assert_eq!(parse_since("2014-08-07T08:30:00Z", &NOW).unwrap(), NOW.wall_ms);
        assert_eq!(parse_since("2014-08-07T10:30:00+02:00", &NOW).unwrap(), NOW.wall_ms);
        assert_eq!(parse_since("2014-08-07", &NOW).unwrap(), NOW.wall_ms - (8 * 3600 + 1800) * 1000);
        assert_eq!(parse_since("15m", &NOW).unwrap(), NOW.wall_ms - 900_000);
        for wrong in ["", "yesterday", "15", "restart", "2014-13-01"] {
            assert!(parse_since(wrong, &NOW).is_err(), "{wrong}");
        }
    }

    #[test]
    fn capture_times_keep_their_digits() {
        assert_eq!(rfc3339_nanos(1_407_400_200_123_456_000), "2014-08-07T08:30:00.123456Z");
        assert_eq!(rfc3339_nanos(0), "1970-01-01T00:00:00Z");
        assert!(rfc3339_nanos(i64::MAX).starts_with("2262-"));
        assert!(rfc3339_nanos(i64::MIN).starts_with("1677-"));
    }
}
