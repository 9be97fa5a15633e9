//! HDR histograms of microseconds, three significant digits, and what a report needs of them.
use std::sync::{Arc, Mutex};

use hdrhistogram::Histogram;
use serde::Serialize;

/// Ten minutes; whatever is slower counts as this.
const MAX_US: u64 = 600_000_000;

/// A histogram that many tasks write to.
#[derive(Clone, Debug)]
pub struct Shared(Arc<Mutex<Histogram<u64>>>);

impl Default for Shared {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(1, MAX_US, 3).expect("the bounds are valid");
        Self(Arc::new(Mutex::new(histogram)))
    }
}

/// The figures of one histogram, in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// How many values.
    pub count: u64,
    /// Mean.
    pub mean_ms: f64,
    /// Percentiles.
    pub p50_ms: f64,
    /// 90 %.
    pub p90_ms: f64,
    /// 95 %.
    pub p95_ms: f64,
    /// 99 %.
    pub p99_ms: f64,
    /// 99.9 %.
    pub p999_ms: f64,
    /// The largest.
    pub max_ms: f64,
    /// (percentile, milliseconds) for a curve.
    pub curve: Vec<(f64, f64)>,
}

impl Shared {
    /// Writes one duration down.
    pub fn record(&self, us: u64) {
        self.0
            .lock()
            .expect("no holder of the lock panics")
            .saturating_record(us.max(1));
    }

    /// How many were written.
    pub fn count(&self) -> u64 {
        self.0.lock().expect("no holder of the lock panics").len()
    }

    /// Forgets everything (the end of a warm-up).
    pub fn reset(&self) {
        self.0.lock().expect("no holder of the lock panics").reset();
    }

    /// One percentile in milliseconds.
    pub fn percentile_ms(&self, percentile: f64) -> f64 {
        let histogram = self.0.lock().expect("no holder of the lock panics");
        ms(histogram.value_at_percentile(percentile))
    }

    /// All figures, or nothing when nothing was written.
    pub fn figures(&self) -> Option<Figures> {
        let histogram = self.0.lock().expect("no holder of the lock panics").clone();
        if histogram.is_empty() {
            return None;
        }
        let at = |percentile: f64| ms(histogram.value_at_percentile(percentile));
        let points = [
            0.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 97.5, 99.0, 99.5, 99.75, 99.9, 99.95, 99.99, 99.995,
            99.999,
        ];
        Some(Figures {
            count: histogram.len(),
            mean_ms: histogram.mean() / 1000.0,
            p50_ms: at(50.0),
            p90_ms: at(90.0),
            p95_ms: at(95.0),
            p99_ms: at(99.0),
            p999_ms: at(99.9),
            max_ms: ms(histogram.max()),
            curve: points.map(|percentile| (percentile, at(percentile))).to_vec(),
        })
    }
}

fn ms(us: u64) -> f64 {
    f64::from(u32::try_from(us).unwrap_or(u32::MAX)) / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_values() {
        let shared = Shared::default();
        (1..=1000).for_each(|n| shared.record(n * 1000));
        let figures = shared.figures().unwrap();
        assert!(
            (figures.p50_ms - 500.0).abs() < 1.0 && (figures.p99_ms - 990.0).abs() < 2.0,
            "{figures:?}"
        );
        shared.reset();
        assert_eq!(shared.figures(), None);
    }
}
