//! Who was contacted when: counts in spans of time whose length grows with the capture, so that memory does not.

use consentry_inspect::capture::Timestamp;

/// Spans of time that are told apart.
pub(super) const SPANS: usize = 120;
/// Length of a span at first, in nanoseconds.
const FIRST_LENGTH: i64 = 1_000_000_000;

/// The time axis, which all rows share.
#[derive(Debug, Default)]
pub(super) struct Axis {
    start: Option<i64>,
    length: i64,
    /// How often the spans were joined in pairs.
    joined: u32,
    first: i64,
    last: i64,
}

/// How often somebody was contacted in each span.
#[derive(Debug, Clone)]
pub(super) struct Row {
    joined: u32,
    /// Records held back and allowed.
    spans: Vec<(u32, u32)>,
}

impl Axis {
    /// Takes note of a time.
    fn cover(&mut self, time: i64) {
        if self.start.is_none() {
            (self.start, self.length, self.first, self.last) = (Some(time), FIRST_LENGTH, time, time);
        }
        self.first = self.first.min(time);
        self.last = self.last.max(time);
        while self.span_of(time) >= SPANS && self.joined < 60 {
            self.length = self.length.saturating_mul(2);
            self.joined += 1;
        }
    }

    /// The span that a time lies in; what is earlier than the start counts for the first.
    fn span_of(&self, time: i64) -> usize {
        let start = self.start.unwrap_or(time);
        let since = i128::from(time) - i128::from(start);
        usize::try_from(since.max(0) / i128::from(self.length.max(1))).unwrap_or(usize::MAX)
    }

    /// The earliest and the latest time seen.
    pub(super) fn ends(&self) -> Option<(Timestamp, Timestamp)> {
        self.start.map(|_| (Timestamp(self.first), Timestamp(self.last)))
    }

    /// How many spans from the start are in use.
    pub(super) fn used(&self) -> usize {
        (self.span_of(self.last) + 1).min(SPANS)
    }
}

impl Default for Row {
    fn default() -> Self {
        Self { joined: 0, spans: vec![(0, 0); SPANS] }
    }
}

impl Row {
    /// Counts a record.
    pub(super) fn count(&mut self, axis: &mut Axis, time: Timestamp, denied: bool) {
        axis.cover(time.0);
        self.join(axis);
        let span = &mut self.spans[axis.span_of(time.0).min(SPANS - 1)];
        let counter = if denied { &mut span.0 } else { &mut span.1 };
        *counter = counter.saturating_add(1);
    }

    /// Follows the axis in joining its spans.
    fn join(&mut self, axis: &Axis) {
        while self.joined < axis.joined {
            for place in 0..SPANS {
                let get = |at: usize| self.spans.get(at).copied().unwrap_or((0, 0));
                let (a, b) = (get(2 * place), get(2 * place + 1));
                self.spans[place] = (a.0.saturating_add(b.0), a.1.saturating_add(b.1));
            }
            self.joined += 1;
        }
    }

    /// The row as a picture without text: a full bar where something was held back, half a bar where all was allowed.
    pub(super) fn picture(&self, axis: &Axis) -> String {
        let mut row = self.clone();
        row.join(axis);
        let used = axis.used();
        let mut picture = format!(
            "<svg viewBox=\"0 0 {used} 10\" preserveAspectRatio=none aria-hidden=true focusable=false>"
        );
        for (place, (denied, allowed)) in row.spans[..used].iter().enumerate() {
            let bar = match (denied, allowed) {
                (0, 0) => continue,
                (0, _) => "y=5 width=1 height=5 class=passed",
                _ => "y=0 width=1 height=10 class=held",
            };
            picture.push_str(&["<rect x=", &place.to_string(), " ", bar, "></rect>"].concat());
        }
        picture + "</svg>"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn every_record_keeps_its_place_while_the_axis_grows() {
        let mut axis = Axis::default();
        let (mut early, mut late) = (Row::default(), Row::default());
        early.count(&mut axis, Timestamp(0), true);
        early.count(&mut axis, Timestamp(90 * SECOND), false);
        assert_eq!(axis.used(), 91);
        late.count(&mut axis, Timestamp(1000 * SECOND), false);
        // 120 spans of 16 seconds are enough for 1,001 seconds; 120 of 8 are not.
        assert_eq!(axis.used(), 1000 / 16 + 1);
        early.join(&axis);
        assert_eq!((early.spans[0], early.spans[90 / 16]), ((1, 0), (0, 1)));
        assert_eq!(late.spans[1000 / 16], (0, 1));
        let picture = early.picture(&axis);
        assert!(picture.contains("x=0 y=0") && picture.contains("x=5 y=5"), "{picture}");
    }

    #[test]
    fn clocks_that_jump_anywhere_are_taken() {
        let mut axis = Axis::default();
        let mut row = Row::default();
        for time in [0, i64::MAX, i64::MIN, -5, 7] {
            row.count(&mut axis, Timestamp(time), false);
        }
        assert!(axis.used() <= SPANS);
        assert_eq!(axis.ends(), Some((Timestamp(i64::MIN), Timestamp(i64::MAX))));
    }
}
