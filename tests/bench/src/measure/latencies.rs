//! Many durations, summed up.
use super::Figures;
use std::time::Duration;

/// Durations of one kind of event.
#[derive(Debug, Default)]
pub(super) struct Latencies {
    microseconds: Vec<f64>,
}

impl Latencies {
    pub(super) fn note(&mut self, duration: Duration) {
        self.microseconds.push(duration.as_secs_f64() * 1e6);
    }

    pub(super) fn count(&self) -> usize {
        self.microseconds.len()
    }

    /// Adds "NAME p50 us" and "NAME p99 us".
    pub(super) fn sum_up(mut self, name: &str, figures: &mut Figures) {
        self.microseconds.sort_by(f64::total_cmp);
        for percent in [50, 99] {
            let at = self.microseconds.len() * percent / 100;
            if let Some(value) = self.microseconds.get(at.min(self.microseconds.len().saturating_sub(1))) {
                figures.insert(format!("{name} p{percent} us"), *value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_sorted_durations() {
        let mut latencies = Latencies::default();
        for milliseconds in (1..=200).rev() {
            latencies.note(Duration::from_millis(milliseconds));
        }
        assert_eq!(latencies.count(), 200);
        let mut figures = Figures::new();
        latencies.sum_up("x", &mut figures);
        assert!((figures["x p50 us"] - 101_000.0).abs() < 1.0);
        assert!((figures["x p99 us"] - 199_000.0).abs() < 1.0);
        Latencies::default().sum_up("none", &mut figures);
        assert_eq!(figures.len(), 2);
    }
}
