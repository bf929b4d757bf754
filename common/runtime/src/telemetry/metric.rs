//! What a metric is: its name, its labels with their values, who has it; and how it is counted.
//!
//! Left out: which metrics there are (`metrics`).

use crate::broker::topology::WORK_QUEUES;
use ::metrics::{Key, Label as Pair, Level, Metadata, SharedString, Unit as RecordedUnit};
use std::time::Duration;

/// What is done with a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, from 0 at a process's start.
    Counter,
    /// As it stands now.
    Gauge,
    /// A distribution, in buckets.
    Histogram,
}

impl Kind {
    /// As Prometheus calls it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// Which values a label has.
#[derive(Debug, Clone, Copy)]
pub enum Values {
    /// These alone.
    These(&'static [&'static str]),
    /// The names of a closed enum.
    Names(fn() -> Vec<&'static str>),
    /// The name of the process's own queue.
    OwnQueue,
    /// Few, but not known to the code; what they are.
    Open(&'static str),
}

/// A label of a metric.
#[derive(Debug, Clone, Copy)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// What it can say.
    pub values: Values,
}

impl Label {
    pub(super) const fn these(name: &'static str, values: &'static [&'static str]) -> Self {
        Self {
            name,
            values: Values::These(values),
        }
    }

    pub(super) const fn names(name: &'static str, values: fn() -> Vec<&'static str>) -> Self {
        Self {
            name,
            values: Values::Names(values),
        }
    }

    /// Its values, where they are closed.
    #[must_use]
    pub fn closed(&self) -> Option<Vec<&'static str>> {
        match self.values {
            Values::These(values) => Some(values.to_vec()),
            Values::Names(values) => Some(values()),
            Values::OwnQueue => Some(WORK_QUEUES.to_vec()),
            Values::Open(_) => None,
        }
    }

    /// Its values in one process.
    fn closed_in(&self, process: &'static str) -> Option<Vec<&'static str>> {
        match self.values {
            Values::OwnQueue => Some(vec![process]),
            Values::These(_) | Values::Names(_) | Values::Open(_) => self.closed(),
        }
    }
}

/// A metric of the list. Every sample bears the labels `process` and `version` beside its own.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name: `topup_…`, base unit last, then `_total` for a counter.
    pub name: &'static str,
    /// What is done with it.
    pub kind: Kind,
    /// Its own labels.
    pub labels: &'static [Label],
    /// Which processes have it.
    pub processes: &'static [&'static str],
    /// What it says, in a sentence.
    pub help: &'static str,
    /// Upper bounds of a histogram's buckets, in its unit.
    pub buckets: &'static [f64],
}

impl Metric {
    /// What it is measured in, as its name says.
    #[must_use]
    pub fn unit(&self) -> &'static str {
        let name = self.name.strip_suffix("_total").unwrap_or(self.name);
        if name.ends_with("_seconds") {
            "seconds"
        } else if name.ends_with("_minor") {
            "minor units"
        } else {
            ""
        }
    }

    /// Tells the recorder of it. What has not happened yet is known not to have: a counter whose labels are closed
    /// begins at 0 for each of their values, so that its first step is a step, too.
    pub(super) fn describe(&self, process: &'static str) {
        let (name, help) = (self.name.into(), SharedString::from(self.help.trim()));
        let unit = (self.unit() == "seconds").then_some(RecordedUnit::Seconds);
        ::metrics::with_recorder(|recorder| match self.kind {
            Kind::Counter => recorder.describe_counter(name, unit, help),
            Kind::Gauge => recorder.describe_gauge(name, unit, help),
            Kind::Histogram => recorder.describe_histogram(name, unit, help),
        });
        if self.kind == Kind::Counter && self.processes.contains(&process) {
            for values in self.combinations(process) {
                self.counter(&values).increment(0);
            }
        }
    }

    /// Every combination of its labels' values in one process; none where a label is open.
    fn combinations(&self, process: &'static str) -> Vec<Vec<&'static str>> {
        let mut all = vec![Vec::new()];
        for label in self.labels {
            let values = label.closed_in(process).unwrap_or_default();
            all = all
                .iter()
                .flat_map(|before| {
                    values
                        .iter()
                        .map(move |value| before.iter().copied().chain([*value]).collect())
                })
                .collect();
        }
        all
    }

    fn key(&self, values: &[&str]) -> Key {
        let pairs: Vec<Pair> = self
            .labels
            .iter()
            .zip(values)
            .map(|(label, value)| {
                debug_assert!(
                    label.closed().is_none_or(|closed| closed.contains(value)),
                    "{} has no {}={value:?}",
                    self.name,
                    label.name
                );
                Pair::new(label.name, (*value).to_owned())
            })
            .collect();
        Key::from_parts(self.name, pairs)
    }

    fn counter(&self, values: &[&str]) -> ::metrics::Counter {
        ::metrics::with_recorder(|recorder| recorder.register_counter(&self.key(values), &METADATA))
    }

    fn gauge(&self, values: &[&str]) -> ::metrics::Gauge {
        ::metrics::with_recorder(|recorder| recorder.register_gauge(&self.key(values), &METADATA))
    }

    fn histogram(&self, values: &[&str]) -> ::metrics::Histogram {
        ::metrics::with_recorder(|recorder| recorder.register_histogram(&self.key(values), &METADATA))
    }
}

static METADATA: Metadata<'static> = Metadata::new("topup", Level::INFO, None);

/// Counts something that happens. `N` labels, given in the order of the list.
#[derive(Debug)]
pub struct Counter<const N: usize>(pub(super) Metric);

impl<const N: usize> Counter<N> {
    /// It happened `times`.
    pub fn add(&self, values: [&str; N], times: u64) {
        self.0.counter(&values).increment(times);
    }
}

/// Says how something stands.
#[derive(Debug)]
pub struct Gauge<const N: usize>(pub(super) Metric);

impl<const N: usize> Gauge<N> {
    /// It stands so now.
    pub fn set(&self, values: [&str; N], value: f64) {
        self.0.gauge(&values).set(value);
    }

    /// Whether a process has it.
    pub(super) fn is_of(&self, process: &str) -> bool {
        self.0.processes.contains(&process)
    }

    /// It is so, or it is not.
    pub fn set_bool(&self, values: [&str; N], is: bool) {
        self.set(values, if is { 1.0 } else { 0.0 });
    }
}

/// Measures something that happens.
#[derive(Debug)]
pub struct Histogram<const N: usize>(pub(super) Metric);

impl<const N: usize> Histogram<N> {
    /// It was so much.
    pub fn record(&self, values: [&str; N], value: f64) {
        self.0.histogram(&values).record(value);
    }

    /// It took so long.
    pub fn took(&self, values: [&str; N], duration: Duration) {
        self.record(values, duration.as_secs_f64());
    }
}
