//! Thresholds on a run's figures: `answer_p99<50ms`, `lost==0`, `achieved>=98%`.
use std::str::FromStr;

use anyhow::{Result, bail, ensure};
use serde::Serialize;

/// The exit code of a run that missed a threshold, as k6 has it.
pub const EXIT_MISSED: u8 = 99;
/// The exit code of a run whose generator was the bottleneck, so that its figures say nothing.
pub const EXIT_GENERATOR: u8 = 98;

/// One condition.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Threshold {
    /// As written.
    pub text: String,
    /// The figure's name.
    pub name: String,
    /// `<`, `<=`, `>`, `>=`, `==` or `!=`.
    pub operator: String,
    /// In milliseconds for durations, 0 to 1 for percentages.
    pub value: f64,
}

/// A condition and what came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// The condition.
    pub threshold: Threshold,
    /// The figure; nothing when the run has none of that name.
    pub actual: Option<f64>,
    /// Whether it holds.
    pub kept: bool,
}

impl FromStr for Threshold {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let Some(at) = text.find(['<', '>', '=', '!']) else {
            bail!("a threshold looks like answer_p99<50ms")
        };
        let (name, rest) = text.split_at(at);
        let value = rest.trim_start_matches(['<', '>', '=', '!']);
        let operator = rest.strip_suffix(value).unwrap_or_default();
        ensure!(
            ["<", "<=", ">", ">=", "==", "!="].contains(&operator),
            "`{operator}` is no comparison"
        );
        let digits = value
            .trim()
            .trim_end_matches(|letter: char| letter.is_ascii_alphabetic() || letter == '%');
        let unit = value.trim().strip_prefix(digits).unwrap_or_default();
        let factor = match unit {
            "" | "ms" => 1.0,
            "us" => 0.001,
            "s" => 1000.0,
            "%" => 0.01,
            _ => bail!("`{unit}` is no unit; ms, us, s and % are"),
        };
        let value = digits.parse::<f64>()? * factor;
        Ok(Self {
            text: text.to_owned(),
            name: name.trim().to_owned(),
            operator: operator.to_owned(),
            value,
        })
    }
}

impl Threshold {
    /// Judges a figure.
    pub fn judge(&self, actual: Option<f64>) -> Verdict {
        let kept = actual.is_some_and(|actual| match self.operator.as_str() {
            "<" => actual < self.value,
            "<=" => actual <= self.value,
            ">" => actual > self.value,
            ">=" => actual >= self.value,
            "==" => (actual - self.value).abs() < 1e-9,
            _ => (actual - self.value).abs() >= 1e-9,
        });
        Verdict {
            threshold: self.clone(),
            actual,
            kept,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_with_their_units() {
        for (text, actual, kept) in [
            ("answer_p99<50ms", 49.0, true),
            ("answer_p99<0.05s", 51.0, false),
            ("delay_p50<=500us", 0.5, true),
            ("achieved>=98%", 0.979, false),
            ("lost==0", 0.0, true),
            ("lost!=0", 0.0, false),
        ] {
            assert_eq!(
                text.parse::<Threshold>().unwrap().judge(Some(actual)).kept,
                kept,
                "{text}"
            );
        }
        assert!(
            !"lost==0".parse::<Threshold>().unwrap().judge(None).kept,
            "an unknown figure keeps nothing"
        );
        for bad in ["lost", "a<5y", "a=5", "a<x"] {
            assert!(bad.parse::<Threshold>().is_err(), "{bad}");
        }
    }
}
