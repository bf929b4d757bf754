//! What was measured, by name: every round's number, and the median that stands for them.

use std::collections::BTreeMap;

use jiff::SignedDuration;

/// Every round's numbers.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    numbers: BTreeMap<String, Vec<f64>>,
    skipped: Vec<String>,
}

impl Samples {
    /// One round's number.
    pub(crate) fn add(&mut self, key: impl Into<String>, number: f64) {
        self.numbers.entry(key.into()).or_default().push(number);
    }

    /// Median, 99th percentile and worst of a measurement's spans: `KEY_p50_ms`, `KEY_p99_ms`, `KEY_max_ms`.
    pub(crate) fn add_spans(&mut self, key: &str, mut spans: Vec<SignedDuration>) {
        spans.sort();
        for (name, percent) in [("p50", 50), ("p99", 99), ("max", 100)] {
            let ms = at_percent(&spans, percent).as_secs_f64() * 1_000.0;
            self.add(format!("{key}_{name}_ms"), ms);
        }
    }

    /// What could not be measured, and what to do about it.
    pub(crate) fn skip(&mut self, line: String) {
        eprintln!("load: {line}");
        self.skipped.push(line);
    }

    pub(crate) fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// In the order in which they were measured.
    pub(crate) fn of(&self, key: &str) -> &[f64] {
        self.numbers.get(key).map_or(&[], Vec::as_slice)
    }

    /// What stands for them; `None` where nothing was measured.
    pub(crate) fn median(&self, key: &str) -> Option<f64> {
        median(self.of(key))
    }

    /// One median in parts of another.
    pub(crate) fn ratio(&self, of: &str, to: &str) -> Option<f64> {
        let to = self.median(to).filter(|to| *to > 0.0)?;
        Some(self.median(of)? / to)
    }

    /// The largest median of these.
    pub(crate) fn largest(&self, keys: impl Iterator<Item = String>) -> Option<f64> {
        keys.filter_map(|key| self.median(&key)).reduce(f64::max)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &[f64])> {
        self.numbers
            .iter()
            .map(|(key, all)| (key.as_str(), all.as_slice()))
    }
}

/// The middle one, or the mean of the two in the middle.
fn median(numbers: &[f64]) -> Option<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = sorted.get(sorted.len() / 2 - 1)?;
    Some(f64::midpoint(*lower, upper))
}

/// The smallest span that so many percent of all do not exceed.
fn at_percent(sorted: &[SignedDuration], percent: usize) -> SignedDuration {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_in_the_middle_whatever_the_order() {
        for (numbers, expected) in [
            (vec![], None),
            (vec![7.0], Some(7.0)),
            (vec![9.0, 1.0, 5.0], Some(5.0)),
            (vec![4.0, 1.0, 2.0, 100.0], Some(3.0)),
        ] {
            assert_eq!(median(&numbers), expected, "{numbers:?}");
        }
    }

    #[test]
    fn percentiles_are_the_nearest_rank() {
        let spans: Vec<SignedDuration> = (1..=200).map(SignedDuration::from_millis).collect();
        assert_eq!(at_percent(&spans, 50), SignedDuration::from_millis(100));
        assert_eq!(at_percent(&spans, 99), SignedDuration::from_millis(198));
        assert_eq!(at_percent(&spans, 100), SignedDuration::from_millis(200));
        assert_eq!(at_percent(&spans[..1], 99), SignedDuration::from_millis(1));
        assert_eq!(at_percent(&[], 99), SignedDuration::ZERO);
    }

    #[test]
    fn ratios_are_those_of_the_medians() {
        let mut samples = Samples::default();
        for (raw, fleet) in [(100.0, 80.0), (50.0, 10.0), (200.0, 90.0)] {
            samples.add("raw", raw);
            samples.add("fleet", fleet);
        }
        samples.add("none", 0.0);
        assert_eq!(samples.ratio("fleet", "raw"), Some(0.8));
        assert_eq!(samples.ratio("fleet", "none"), None);
        assert_eq!(samples.ratio("fleet", "unmeasured"), None);
        assert_eq!(
            samples.largest(["none", "raw"].map(str::to_owned).into_iter()),
            Some(100.0)
        );
    }

    #[test]
    fn spans_become_three_numbers() {
        let mut samples = Samples::default();
        samples.add_spans(
            "late",
            vec![SignedDuration::from_millis(3), SignedDuration::from_millis(1)],
        );
        assert_eq!(samples.median("late_p50_ms"), Some(1.0));
        assert_eq!(samples.median("late_p99_ms"), Some(3.0));
        assert_eq!(samples.median("late_max_ms"), Some(3.0));
    }
}
