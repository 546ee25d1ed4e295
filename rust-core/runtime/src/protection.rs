//! When the firewall held back, and when it could not: protection gaps.
//!
//! A [`Run`] is one time that a firewall ran, from its start to its end, or, where it was killed, to its last sign of life.
//! What lies between two runs is a gap. Within one run of the phone every time is reckoned by the clock that counts since
//! the phone's start, and shown by the latest wall clock known for it, so that a wall clock that was set neither makes a
//! gap nor hides one.
use consentry_consent::Clock;
use serde::{Deserialize, Serialize};

/// A firewall that was ended in good order and started again within this time, in milliseconds, only changed over: the
/// tunnel was kept, and closed, in between.
const CHANGE_OVER_MS: i64 = 2_000;

/// Why a firewall ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The system ended the process.
    Killed,
    /// The owner turned protection off.
    TurnedOff,
    /// Another VPN took the tunnel over.
    OtherVpn,
    /// The phone was off, or not unlocked yet.
    PhoneOff,
    /// A new version was installed.
    Updated,
    /// The process failed.
    Crashed,
    /// Nobody can tell.
    Unknown,
}

/// One time that a firewall ran. All its clocks are of one run of the phone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// When it began.
    pub(crate) from: Clock,
    /// Its last sign of life.
    pub(crate) alive: Clock,
    /// When it ended, where that is known for certain: milliseconds since the phone started.
    pub(crate) ended_boot_ms: Option<u64>,
    /// Whether it was ended by us, rather than with its process.
    #[serde(default)]
    pub(crate) orderly: bool,
    /// Why it ended, where somebody said so.
    pub(crate) cause: Option<Cause>,
}

/// A time in which nothing was held back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// When it began: milliseconds since 1970-01-01T00:00:00Z.
    pub from_ms: i64,
    /// When it ended; `None` while it lasts.
    pub until_ms: Option<i64>,
    /// Whether it began just then. Otherwise that was the last sign of life: it began then or later.
    pub certain_from: bool,
    /// Why.
    pub cause: Cause,
}

/// How a time was protected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Protection {
    /// The gaps in it, oldest first. The first may have begun before.
    pub gaps: Vec<Gap>,
    /// How much of it was protected, in percent, counted from the first start ever: 100 only without any gap. `None` when
    /// no firewall ever ran in it.
    pub protected_percent: Option<u8>,
    /// From when on that is counted: milliseconds since 1970-01-01T00:00:00Z.
    pub counted_from_ms: Option<i64>,
}

impl Run {
    /// One that begins now.
    pub(crate) fn new(now: &Clock) -> Self {
        Self { from: *now, alive: *now, ended_boot_ms: None, orderly: false, cause: None }
    }

    /// Whether it has the end that a process noted down itself, or that was reported.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended_boot_ms.is_some()
    }

    /// Takes a report that it ended at a time of the wall clock, which cannot lie before its last sign of life.
    pub(crate) fn end_at(&mut self, at_ms: i64, cause: Cause) {
        let later = u64::try_from(at_ms.saturating_sub(self.alive.wall_ms)).unwrap_or(0);
        self.ended_boot_ms = Some(self.alive.boot_ms.saturating_add(later));
        self.cause = Some(cause);
    }

    /// The last that is known of it, in milliseconds since the phone started.
    fn last_boot_ms(&self) -> u64 {
        self.ended_boot_ms.unwrap_or(self.alive.boot_ms).max(self.alive.boot_ms)
    }
}

/// What the wall clock showed, or would have shown, when the phone started.
fn phone_start_ms(clock: &Clock) -> i64 {
    clock.wall_ms.saturating_sub_unsigned(clock.boot_ms)
}

/// A run with its place in time: milliseconds since 1970-01-01T00:00:00Z.
struct Placed<'r> {
    run: &'r Run,
    from_ms: i64,
    to_ms: i64,
}

/// Places runs, oldest first, in time. Where the clocks of two runs of the phone contradict each other, the later one is
/// right and the earlier one ended before it.
fn place<'r>(runs: &'r [Run], is_running: bool, now: &Clock) -> Vec<Placed<'r>> {
    let mut placed: Vec<Placed<'r>> = Vec::with_capacity(runs.len());
    let (mut boot_id, mut start_ms, mut latest_ms) = (now.boot_id, phone_start_ms(now), now.wall_ms);
    for (at, run) in runs.iter().enumerate().rev() {
        if run.from.boot_id != boot_id {
            boot_id = run.from.boot_id;
            start_ms = phone_start_ms(&run.alive);
            let late_ms = start_ms.saturating_add_unsigned(run.last_boot_ms()).saturating_sub(latest_ms);
            start_ms = start_ms.saturating_sub(late_ms.max(0));
        }
        let is_last = at + 1 == runs.len();
        let last_ms = start_ms.saturating_add_unsigned(run.last_boot_ms());
        let to_ms = if is_last && is_running { now.wall_ms } else { last_ms.min(latest_ms) };
        let from_ms = start_ms.saturating_add_unsigned(run.from.boot_ms).min(to_ms);
        latest_ms = from_ms;
        placed.push(Placed { run, from_ms, to_ms });
    }
    placed.reverse();
    placed
}

/// The gaps between runs, oldest first, as far as they reach beyond `since_ms` (milliseconds since 1970-01-01T00:00:00Z).
/// `is_running`: the last of them is not over.
pub(crate) fn protection(runs: &[Run], is_running: bool, now: &Clock, since_ms: i64) -> Protection {
    let placed = place(runs, is_running, now);
    let mut gaps = Vec::new();
    let mut open_ms: i64 = 0;
    let first_ms = placed.first().map(|first| first.from_ms.max(since_ms));
    for (at, before) in placed.iter().enumerate() {
        let next = placed.get(at + 1);
        if next.is_none() && is_running {
            break;
        }
        let until_ms = next.map_or(now.wall_ms, |next| next.from_ms);
        let next_boot = next.map_or(now.boot_id, |next| next.run.from.boot_id);
        let same_boot = next_boot == before.run.from.boot_id;
        let length_ms = until_ms.saturating_sub(before.to_ms);
        let changed_over = next.is_some() && same_boot && before.run.orderly && length_ms < CHANGE_OVER_MS;
        if changed_over || (until_ms <= since_ms && next.is_some()) {
            continue;
        }
        let guess = if same_boot { Cause::Unknown } else { Cause::PhoneOff };
        open_ms = open_ms.saturating_add(until_ms.saturating_sub(before.to_ms.max(since_ms)).max(0));
        gaps.push(Gap {
            from_ms: before.to_ms,
            until_ms: next.map(|next| next.from_ms),
            certain_from: before.run.has_ended(),
            cause: before.run.cause.unwrap_or(guess),
        });
    }
    let whole_ms = first_ms.map(|first_ms| now.wall_ms.saturating_sub(first_ms)).filter(|whole| *whole >= 0);
    let protected_percent = whole_ms.map(|whole_ms| percent(whole_ms, open_ms, gaps.is_empty()));
    Protection { gaps, protected_percent, counted_from_ms: first_ms }
}

fn percent(whole_ms: i64, open_ms: i64, no_gap: bool) -> u8 {
    if no_gap {
        return 100;
    }
    let held = i128::from(whole_ms.saturating_sub(open_ms).max(0));
    let percent = held * 100 / i128::from(whole_ms.max(1));
    u8::try_from(percent.min(99)).unwrap_or(99)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: u64 = 3_600_000;
    /// The wall clock when the phone of these tests started.
    const START_MS: i64 = 1_700_000_000_000;

    /// A reading so many milliseconds after the phone's start, with the wall clock off by some.
    fn at(boot: u8, boot_ms: u64, off_ms: i64) -> Clock {
        Clock { wall_ms: START_MS + boot_ms as i64 + off_ms, boot_ms, boot_id: [boot; 16] }
    }

    fn run(from: Clock, alive: Clock) -> Run {
        Run { alive, ..Run::new(&from) }
    }

    fn ended(from: Clock, end: Clock, cause: Cause) -> Run {
        Run { from, alive: end, ended_boot_ms: Some(end.boot_ms), orderly: true, cause: Some(cause) }
    }

    #[test]
    fn nothing_ever_ran_is_no_gap_and_no_percentage() {
        let nothing = protection(&[], false, &at(1, HOUR, 0), 0);
        assert_eq!(nothing, Protection { gaps: Vec::new(), protected_percent: None, counted_from_ms: None });
    }

    #[test]
    fn one_that_still_runs_has_no_gap() {
        let all = protection(&[run(at(1, 0, 0), at(1, HOUR, 0))], true, &at(1, 9 * HOUR, 0), 0);
        assert_eq!(
            (all.gaps.len(), all.protected_percent, all.counted_from_ms),
            (0, Some(100), Some(START_MS))
        );
    }

    #[test]
    fn a_killed_one_leaves_a_gap_from_its_last_sign_of_life() {
        let runs = [run(at(1, 0, 0), at(1, HOUR, 0)), run(at(1, 2 * HOUR, 0), at(1, 2 * HOUR, 0))];
        let found = protection(&runs, true, &at(1, 4 * HOUR, 0), 0);
        let gap = Gap {
            from_ms: START_MS + HOUR as i64,
            until_ms: Some(START_MS + 2 * HOUR as i64),
            certain_from: false,
            cause: Cause::Unknown,
        };
        assert_eq!((found.gaps, found.protected_percent), (vec![gap], Some(75)));
    }

    #[test]
    fn a_gap_lasts_until_the_next_start() {
        let runs = [ended(at(1, 0, 0), at(1, HOUR, 0), Cause::OtherVpn)];
        let found = protection(&runs, false, &at(1, 2 * HOUR, 0), 0);
        let gap = Gap {
            from_ms: START_MS + HOUR as i64,
            until_ms: None,
            certain_from: true,
            cause: Cause::OtherVpn,
        };
        assert_eq!((found.gaps, found.protected_percent), (vec![gap], Some(50)));
    }

    #[test]
    fn a_change_over_is_no_gap_and_a_second_kill_is_one() {
        let next = || run(at(1, HOUR + 1_999, 0), at(1, HOUR + 1_999, 0));
        let orderly = [ended(at(1, 0, 0), at(1, HOUR, 0), Cause::TurnedOff), next()];
        assert_eq!(protection(&orderly, true, &at(1, 2 * HOUR, 0), 0).gaps, []);
        let killed = [run(at(1, 0, 0), at(1, HOUR, 0)), next()];
        let found = protection(&killed, true, &at(1, 2 * HOUR, 0), 0);
        assert_eq!((found.gaps.len(), found.protected_percent), (1, Some(99)));
    }

    #[test]
    fn between_two_runs_of_the_phone_it_was_off() {
        let restarted = Clock { wall_ms: START_MS + 2 * HOUR as i64, boot_ms: 60_000, boot_id: [2; 16] };
        let runs = [run(at(1, 0, 0), at(1, HOUR, 0)), run(restarted, restarted)];
        let gaps = protection(&runs, true, &restarted, 0).gaps;
        assert_eq!((gaps[0].cause, gaps[0].until_ms), (Cause::PhoneOff, Some(restarted.wall_ms)));
    }

    #[test]
    fn a_clock_that_was_set_neither_makes_nor_hides_a_gap() {
        let year = 365 * 24 * HOUR as i64;
        for off in [-year, year] {
            // Set for an hour of the first run, in the gap, and during the second run.
            let runs = [
                run(at(1, 0, 0), at(1, HOUR, off)),
                run(at(1, 2 * HOUR, off), at(1, 3 * HOUR, off)),
                run(at(1, 3 * HOUR + 10, 0), at(1, 4 * HOUR, 0)),
            ];
            let found = protection(&runs, true, &at(1, 5 * HOUR, 0), 0);
            let bounds: Vec<_> = found.gaps.iter().map(|gap| (gap.from_ms, gap.until_ms)).collect();
            let ms = |boot_ms: u64| START_MS + boot_ms as i64;
            assert_eq!(
                bounds,
                [(ms(HOUR), Some(ms(2 * HOUR))), (ms(3 * HOUR), Some(ms(3 * HOUR + 10)))],
                "{off}"
            );
            assert_eq!(found.protected_percent, Some(79), "{off}");
        }
    }

    #[test]
    fn a_phone_that_forgets_the_time_still_shows_that_it_was_off() {
        // It starts in 1970, and learns the time later.
        let lost = Clock { wall_ms: 60_000, boot_ms: 60_000, boot_id: [2; 16] };
        let runs = [run(at(1, 0, 0), at(1, HOUR, 0)), run(lost, lost)];
        let early = protection(&runs, true, &lost, i64::MIN);
        assert_eq!(early.gaps.len(), 1);
        let learnt = Clock { wall_ms: START_MS + 3 * HOUR as i64, boot_ms: 60_000 + HOUR, boot_id: [2; 16] };
        let gaps = protection(&runs, true, &learnt, 0).gaps;
        let ms = |hours: u64| START_MS + (hours * HOUR) as i64;
        assert_eq!((gaps[0].from_ms, gaps[0].until_ms), (ms(1), Some(ms(2))));
    }

    #[test]
    fn a_reported_end_is_certain_and_never_before_the_last_sign_of_life() {
        let mut one = run(at(1, 0, 0), at(1, HOUR, 0));
        one.end_at(START_MS + 2 * HOUR as i64, Cause::Killed);
        let next = run(at(1, 4 * HOUR, 0), at(1, 4 * HOUR, 0));
        let found = protection(&[one.clone(), next.clone()], true, &at(1, 5 * HOUR, 0), 0);
        assert_eq!(found.gaps[0].from_ms, START_MS + 2 * HOUR as i64);
        assert!(found.gaps[0].certain_from);
        one.end_at(0, Cause::Killed);
        let found = protection(&[one.clone(), next.clone()], true, &at(1, 5 * HOUR, 0), 0);
        assert_eq!(found.gaps[0].from_ms, START_MS + HOUR as i64);
        // Nor behind the next start.
        one.end_at(i64::MAX, Cause::Killed);
        let found = protection(&[one, next], true, &at(1, 5 * HOUR, 0), 0);
        assert_eq!(found.gaps[0].from_ms, START_MS + 4 * HOUR as i64);
    }

    #[test]
    fn only_what_reaches_into_the_time_asked_for_is_told() {
        let runs = [
            ended(at(1, 0, 0), at(1, HOUR, 0), Cause::TurnedOff),
            run(at(1, 2 * HOUR, 0), at(1, 9 * HOUR, 0)),
        ];
        let since =
            |hours: u64| protection(&runs, true, &at(1, 10 * HOUR, 0), START_MS + (hours * HOUR) as i64);
        assert_eq!(since(1).gaps.len(), 1);
        assert_eq!((since(2).gaps, since(2).protected_percent), (Vec::new(), Some(100)));
        assert_eq!(since(20).protected_percent, None);
    }

    fn any_clock() -> impl Strategy<Value = Clock> {
        (-1i64 << 50..1 << 50, 0u64..1 << 45, 0u8..3).prop_map(|(wall_ms, boot_ms, boot)| Clock {
            wall_ms,
            boot_ms,
            boot_id: [boot; 16],
        })
    }

    proptest! {
        /// Whatever the clocks say, gaps follow one another, and a killed run is never hidden.
        #[test]
        fn any_clocks_give_an_orderly_answer(
            clocks in proptest::collection::vec((any_clock(), any_clock()), 0..6),
            now in any_clock(),
            is_running: bool,
            since_ms: i64,
        ) {
            let runs: Vec<Run> = clocks.into_iter().map(|(from, alive)| run(from, alive)).collect();
            let found = protection(&runs, is_running, &now, since_ms);
            for gap in &found.gaps {
                prop_assert!(gap.until_ms.is_none_or(|until| until >= gap.from_ms));
            }
            for pair in found.gaps.windows(2) {
                prop_assert!(pair[0].until_ms.is_some_and(|until| until <= pair[1].from_ms));
            }
            prop_assert!(found.protected_percent.is_none_or(|percent| percent <= 100));
            let all = protection(&runs, is_running, &now, i64::MIN).gaps.len();
            prop_assert_eq!(all, runs.len() - usize::from(is_running && !runs.is_empty()));
        }
    }
}
