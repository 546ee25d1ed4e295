use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// One reading of the phone's clocks, taken by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Clock {
    /// Wall clock: milliseconds since 1970-01-01T00:00:00Z. Can be set to anything.
    pub wall_ms: i64,
    /// Milliseconds since the phone started, sleep included. Never runs backwards.
    pub boot_ms: u64,
    /// Names one run of the phone, from start to restart.
    #[serde(with = "crate::hex")]
    pub boot_id: [u8; 16],
}

/// How long the owner wants a grant to last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Term {
    /// Until it is revoked.
    Forever,
    /// For this long.
    For(Duration),
    /// Until the phone restarts.
    UntilRestart,
}

/// A term that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TermError {
    /// Not a number with a unit, nor `restart`.
    #[error("'{0}' is not a length of time: write a number and s, m, h or d (6s, 15m, 1h, 2d), or 'restart'")]
    Unreadable(String),
    /// Nothing would be granted.
    #[error("'{0}' is no time at all: a grant lasts at least one second")]
    Zero(String),
    /// Longer than ten years.
    #[error("'{0}' is more than ten years: leave the time out to grant until you revoke")]
    TooLong(String),
}

/// When a grant ends by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// Never.
    #[default]
    Never,
    /// At the phone's next restart.
    Restart,
    /// At the earlier of two clocks.
    At {
        /// Wall clock, milliseconds since 1970-01-01T00:00:00Z.
        wall_ms: i64,
        /// Milliseconds since the start of the phone's run in which it was given; means nothing in another run.
        boot_ms: u64,
    },
}

impl Term {
    /// Ten years: anything longer is a slip of the finger.
    const LONGEST_SECONDS: u64 = 10 * 365 * 86_400;

    /// The end of a grant given now.
    pub fn end(self, now: &Clock) -> End {
        match self {
            Self::Forever => End::Never,
            Self::UntilRestart => End::Restart,
            Self::For(length) => {
                let ms = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
                End::At {
                    wall_ms: now.wall_ms.saturating_add_unsigned(ms),
                    boot_ms: now.boot_ms.saturating_add(ms),
                }
            }
        }
    }
}

impl FromStr for Term {
    type Err = TermError;

    /// Reads `6s`, `15m`, `1h`, `2d` or `restart`.
    fn from_str(text: &str) -> Result<Self, TermError> {
        if text == "restart" {
            return Ok(Self::UntilRestart);
        }
        let unreadable = || TermError::Unreadable(text.to_owned());
        let too_long = || TermError::TooLong(text.to_owned());
        let unit = text.chars().last().ok_or_else(unreadable)?;
        let seconds_each = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            _ => return Err(unreadable()),
        };
        let digits = &text[..text.len() - 1];
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(unreadable());
        }
        let number: u64 = digits.parse().map_err(|_| too_long())?;
        match number.checked_mul(seconds_each) {
            Some(0) => Err(TermError::Zero(text.to_owned())),
            Some(seconds) if seconds <= Self::LONGEST_SECONDS => Ok(Self::For(Duration::from_secs(seconds))),
            _ => Err(too_long()),
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forever => f.write_str("for ever"),
            Self::UntilRestart => f.write_str("until restart"),
            Self::For(length) => {
                let seconds = length.as_secs();
                let (number, unit) = match seconds {
                    s if s % 86_400 == 0 => (s / 86_400, 'd'),
                    s if s % 3600 == 0 => (s / 3600, 'h'),
                    s if s % 60 == 0 => (s / 60, 'm'),
                    s => (s, 's'),
                };
                write!(f, "for {number}{unit}")
            }
        }
    }
}

impl End {
    /// Whether a grant given at `given` is over.
    ///
    /// A clock that shows less than when the grant was given was set back or belongs to something else: it ends a grant
    /// that has an end, because nobody can tell any more when that would be. A grant without an end needs no clock.
    pub fn is_over(&self, given: &Clock, now: &Clock) -> bool {
        self.remaining(given, now).is_some_and(|left| left.is_zero())
    }

    /// How long until a grant given at `given` may be over by itself; `None` when no passing of time ends it, zero when
    /// it is over.
    pub fn remaining(&self, given: &Clock, now: &Clock) -> Option<Duration> {
        let same_run = given.boot_id == now.boot_id;
        let set_back = now.wall_ms < given.wall_ms || (same_run && now.boot_ms < given.boot_ms);
        match *self {
            Self::Never => None,
            Self::Restart if same_run && now.boot_ms >= given.boot_ms => None,
            Self::Restart => Some(Duration::ZERO),
            Self::At { .. } if set_back => Some(Duration::ZERO),
            Self::At { wall_ms, boot_ms } => {
                let by_wall = u64::try_from(wall_ms.saturating_sub(now.wall_ms)).unwrap_or(0);
                let by_boot = if same_run { boot_ms.saturating_sub(now.boot_ms) } else { u64::MAX };
                Some(Duration::from_millis(by_wall.min(by_boot)))
            }
        }
    }
}
