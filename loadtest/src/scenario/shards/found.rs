//! Figures of the parts before the run proper, kept until there is a run to tell them to.
use std::collections::BTreeMap;

use crate::run::Run;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Found {
    numbers: BTreeMap<String, f64>,
    times_us: BTreeMap<&'static str, Vec<u64>>,
}

impl Found {
    pub(super) fn number(&mut self, name: &str, value: f64) {
        self.numbers.insert(name.to_owned(), value);
    }

    pub(super) fn times(&mut self, name: &'static str, times_us: impl IntoIterator<Item = u64>) {
        self.times_us.entry(name).or_default().extend(times_us);
    }

    /// All of it, to the report.
    pub(super) fn tell(&self, run: &Run) {
        for (name, value) in &self.numbers {
            run.number(name, *value);
        }
        for (name, times_us) in &self.times_us {
            let histogram = run.histogram(name);
            for time_us in times_us {
                histogram.record(*time_us);
            }
        }
    }
}
