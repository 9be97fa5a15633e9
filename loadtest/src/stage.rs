//! Ramp stages and the open-loop schedule they make: when the n-th unit of work is due, whatever the answers do.
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Serialize;

/// `30s:50`: within 30 seconds the rate moves, evenly, to 50 per second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Stage {
    /// How long it lasts, in seconds.
    pub seconds: f64,
    /// The rate at its end, per second.
    pub rate: f64,
}

impl FromStr for Stage {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (length, rate) = text.split_once(':').context("a stage looks like 30s:50")?;
        let rate: f64 = rate.parse().context("read the stage's rate")?;
        let seconds = duration(length)?.as_secs_f64();
        if rate < 0.0 || seconds <= 0.0 {
            bail!("a stage needs a length above zero and a rate of at least zero");
        }
        Ok(Self { seconds, rate })
    }
}

/// `500ms`, `30s`, `5m`, `2h`.
pub fn duration(text: &str) -> Result<Duration> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let number: f64 = digits
        .parse()
        .with_context(|| format!("read the duration {text}"))?;
    let seconds = match text.strip_prefix(digits).unwrap_or_default() {
        "ms" => number / 1000.0,
        "s" => number,
        "m" => number * 60.0,
        "h" => number * 3600.0,
        unit => bail!("the duration {text} has the unknown unit `{unit}`"),
    };
    Duration::try_from_secs_f64(seconds).context("read the duration")
}

/// When every unit of work is due.
#[derive(Clone, Debug)]
pub struct Schedule {
    stages: Vec<Stage>,
}

impl Schedule {
    /// The first stage begins at its own rate; each later one ramps from the one before.
    pub fn new(stages: Vec<Stage>) -> Self {
        Self { stages }
    }

    /// The whole length.
    pub fn length(&self) -> Duration {
        Duration::from_secs_f64(self.stages.iter().map(|stage| stage.seconds).sum())
    }

    /// The highest rate.
    pub fn peak(&self) -> f64 {
        self.stages.iter().map(|stage| stage.rate).fold(0.0, f64::max)
    }

    /// How many units are due within the first `seconds`.
    pub fn due_by(&self, seconds: f64) -> f64 {
        let (mut done, mut start, mut before) = (0.0, 0.0, self.first_rate());
        for stage in &self.stages {
            let inside = (seconds - start).clamp(0.0, stage.seconds);
            let slope = (stage.rate - before) / stage.seconds;
            done += before * inside + slope * inside * inside / 2.0;
            start += stage.seconds;
            before = stage.rate;
        }
        done
    }

    /// When unit `n` (from 0) is due; nothing once the stages are over.
    pub fn at(&self, n: u64) -> Option<Duration> {
        let wanted = exact(n) + 1e-9;
        let end = self.length().as_secs_f64();
        if self.due_by(end) <= wanted {
            return None;
        }
        let (mut low, mut high) = (0.0, end);
        for _ in 0..48 {
            let middle = f64::midpoint(low, high);
            if self.due_by(middle) < wanted {
                low = middle;
            } else {
                high = middle;
            }
        }
        Some(Duration::from_secs_f64(high))
    }

    fn first_rate(&self) -> f64 {
        self.stages.first().map_or(0.0, |stage| stage.rate)
    }
}

/// A count as a floating-point number.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
pub fn exact(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_stage_is_even_and_a_ramp_speeds_up() {
        let flat = Schedule::new(vec!["2s:10".parse().unwrap()]);
        assert_eq!(flat.at(5).unwrap().as_millis(), 500);
        assert_eq!((flat.at(19).is_some(), flat.at(20)), (true, None));
        let ramp = Schedule::new(
            ["1s:10", "10s:20", "1s:0"]
                .map(|text| text.parse().unwrap())
                .to_vec(),
        );
        assert!((ramp.due_by(12.0) - 170.0).abs() < 1e-6);
        let gap = |n: u64| ramp.at(n + 1).unwrap().abs_diff(ramp.at(n).unwrap());
        assert!(gap(20) > gap(120));
    }

    #[test]
    fn durations_and_stages_are_checked() {
        assert_eq!(duration("1500ms").unwrap(), Duration::from_millis(1500));
        for bad in ["30s", "0s:5", "x:5", "30y:5", "30s:-1"] {
            assert!(bad.parse::<Stage>().is_err(), "{bad}");
        }
    }
}
