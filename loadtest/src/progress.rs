//! Live progress: a bar on a terminal, else a line every five seconds.
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::run::Sample;

/// Seconds between two lines where there is no terminal.
const LINE_EVERY: f64 = 5.0;

/// One line about a part that is not counted in units.
#[expect(
    clippy::print_stderr,
    reason = "a command line program speaks on its terminal"
)]
pub(crate) fn line(text: &str) {
    eprintln!("{text}");
}

/// See the module.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    scenario: &'static str,
    next_line_s: f64,
}

impl Progress {
    pub(crate) fn new(scenario: &'static str, length: Duration) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{prefix:10} {wide_bar} {pos:>4}/{len} s  {msg}");
            let bar = ProgressBar::new(length.as_secs()).with_prefix(scenario);
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        Self {
            bar,
            scenario,
            next_line_s: LINE_EVERY,
        }
    }

    #[expect(
        clippy::print_stderr,
        reason = "a command line program speaks on its terminal"
    )]
    pub(crate) fn show(&mut self, sample: &Sample, failed: u64) {
        let cpu: f64 = sample
            .cpu
            .iter()
            .filter(|(name, _)| *name != "loadtest")
            .map(|(_, share)| share)
            .sum();
        let text = format!(
            "{:.0}/s offered, {:.0}/s done, {} under way, {failed} failed, cpu {cpu:.2}",
            sample.offered, sample.done, sample.under_way,
        );
        if let Some(bar) = &self.bar {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "seconds of a run"
            )]
            bar.set_position(sample.at_s as u64);
            bar.set_message(text);
        } else if sample.at_s >= self.next_line_s {
            self.next_line_s += LINE_EVERY;
            eprintln!("{} {:>5.0} s: {text}", self.scenario, sample.at_s);
        }
    }

    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
