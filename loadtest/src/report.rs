//! What a run found: a summary on stdout, JSON with a schema version, a page with plots, the exit code.
mod page;
mod plot;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::histogram::Figures;
use crate::run::{Options, Sample};
use crate::stage::Stage;
use crate::threshold::{EXIT_GENERATOR, EXIT_MISSED, Verdict};

/// Version of the JSON's shape.
pub const SCHEMA: &str = "switchboard.loadtest/1";
/// A generator that is later than this at its 99th percentile measures itself.
const GENERATOR_LATE_MS: f64 = 10.0;
/// Below this share of the offered rate the generator was the bottleneck.
const ACHIEVED_LEAST: f64 = 0.98;

/// See the module.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// Which scenario ran.
    pub scenario: &'static str,
    /// When the report was written.
    pub started_at: String,
    /// How long it took, draining included.
    pub elapsed_s: f64,
    /// Its seed.
    pub seed: u64,
    /// Its stages.
    pub stages: Vec<Stage>,
    /// Durations, in milliseconds, from the intended moment.
    pub durations: BTreeMap<String, Figures>,
    /// Everything else.
    pub numbers: BTreeMap<String, f64>,
    /// Thresholds and what came of them.
    pub verdicts: Vec<Verdict>,
    /// What the reader must know.
    pub notes: Vec<String>,
    /// One second each.
    pub samples: Vec<Sample>,
}

impl Report {
    /// A figure by its threshold name: `lost`, or a duration's `answer_p99` in milliseconds.
    pub fn figure(&self, name: &str) -> Option<f64> {
        if let Some(number) = self.numbers.get(name) {
            return Some(*number);
        }
        let (duration, statistic) = name.rsplit_once('_')?;
        let figures = self.durations.get(duration)?;
        Some(match statistic {
            "count" => crate::stage::exact(figures.count),
            "mean" => figures.mean_ms,
            "p50" => figures.p50_ms,
            "p90" => figures.p90_ms,
            "p95" => figures.p95_ms,
            "p99" => figures.p99_ms,
            "p999" => figures.p999_ms,
            "max" => figures.max_ms,
            _ => return None,
        })
    }

    /// Judges, prints and writes; the exit code says whether all is well.
    pub(crate) fn conclude(mut self, options: &Options) -> Result<ExitCode> {
        self.verdicts = options
            .thresholds
            .iter()
            .map(|threshold| threshold.judge(self.figure(&threshold.name)))
            .collect();
        let achieved = self.numbers.get("achieved").copied().unwrap_or(1.0);
        let late_ms = self.numbers.get("generator_late_p99_ms").copied().unwrap_or(0.0);
        let generator = achieved < ACHIEVED_LEAST || late_ms > GENERATOR_LATE_MS;
        if generator {
            self.notes.push(format!(
                "The generator or the machine was the bottleneck: {:.1} % of the offered rate, own beats {late_ms:.1} ms late at p99.",
                achieved * 100.0
            ));
        }
        print(&self.summary());
        if let Some(path) = &options.json {
            let text = serde_json::to_string_pretty(&self).context("write the report")?;
            std::fs::write(path, text).with_context(|| format!("write {}", path.display()))?;
        }
        if let Some(path) = &options.html {
            std::fs::write(path, page::render(&self)).with_context(|| format!("write {}", path.display()))?;
        }
        Ok(match () {
            () if self.verdicts.iter().any(|verdict| !verdict.kept) => ExitCode::from(EXIT_MISSED),
            () if generator => ExitCode::from(EXIT_GENERATOR),
            () => ExitCode::SUCCESS,
        })
    }

    fn summary(&self) -> String {
        let mut out = format!(
            "\n{} · {:.1} s · seed {} · open loop\n\n",
            self.scenario, self.elapsed_s, self.seed
        );
        let head = ["count", "p50", "p90", "p99", "p99.9", "max"]
            .map(|name| format!("{name:>10}"))
            .concat();
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{:<26}{head}", "milliseconds");
        for (name, f) in &self.durations {
            let row = [f.p50_ms, f.p90_ms, f.p99_ms, f.p999_ms, f.max_ms]
                .map(|ms| format!("{ms:>10.2}"))
                .concat();
            let _ = writeln!(out, "{name:<26}{:>10}{row}", f.count);
        }
        out.push('\n');
        for (name, value) in &self.numbers {
            let _ = writeln!(out, "{name:<48} {}", shown(*value));
        }
        for verdict in &self.verdicts {
            let actual = verdict.actual.map_or_else(|| "no such figure".to_owned(), shown);
            let mark = if verdict.kept { "kept  " } else { "MISSED" };
            let _ = writeln!(out, "{mark} {} (was {actual})", verdict.threshold.text);
        }
        for note in &self.notes {
            let _ = writeln!(out, "note: {note}");
        }
        out
    }
}

/// A number without needless digits.
pub(crate) fn shown(value: f64) -> String {
    if value.fract().abs() < 1e-9 {
        format!("{value:.0}")
    } else {
        format!("{value:.4}")
    }
}

#[expect(clippy::print_stdout, reason = "the summary is the program's result")]
fn print(text: &str) {
    println!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_holds_the_figures_and_no_outside_address() {
        let shared = crate::histogram::Shared::default();
        (1..500).for_each(|n| shared.record(n * 100));
        let mut report = Report {
            schema: SCHEMA,
            scenario: "webhooks",
            started_at: crate::clock::rfc3339(),
            elapsed_s: 3.0,
            seed: 1,
            stages: vec!["3s:5".parse().unwrap()],
            durations: [("ack".to_owned(), shared.figures().unwrap())].into(),
            numbers: [("lost".to_owned(), 0.0)].into(),
            verdicts: vec![],
            notes: vec!["<b>".to_owned()],
            samples: (0..3)
                .map(|n| Sample {
                    at_s: f64::from(n),
                    offered: 5.0,
                    done: 4.0,
                    ..Sample::default()
                })
                .collect(),
        };
        report.verdicts = vec![
            "ack_p99<60ms"
                .parse::<crate::threshold::Threshold>()
                .unwrap()
                .judge(report.figure("ack_p99")),
        ];
        let html = page::render(&report);
        assert!(html.contains("<svg") && html.contains("ack_p99") && html.contains("&lt;b&gt;"));
        assert!(
            !html.contains("http://") && !html.contains("https://"),
            "nothing is loaded from elsewhere"
        );
        assert_eq!(
            (report.figure("lost"), report.figure("ack_count")),
            (Some(0.0), Some(499.0))
        );
    }
}
