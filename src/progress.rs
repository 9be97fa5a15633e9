//! Progress lines of a command: what is being done and how long it took, on standard error.
use std::io::Write as _;
use std::time::{Duration, Instant};

/// One step that is under way. [`Step::done`] prints its line.
pub(crate) struct Step {
    began: Instant,
}

impl Step {
    /// Begins to count a step's time; nothing is printed yet, as most steps take less than a blink.
    pub(crate) fn begin() -> Self {
        Self {
            began: Instant::now(),
        }
    }

    /// Says what was done and how long it took.
    pub(crate) fn done(self, what: &str) {
        line(&format!("{what} ({})", seconds(self.began.elapsed())));
    }
}

/// Prints one line for the person at the terminal. A closed terminal is no reason to stop, so the result is dropped.
pub(crate) fn line(text: &str) {
    drop(writeln!(std::io::stderr().lock(), "▸ {text}"));
}

/// Prints why a command did not work.
pub(crate) fn failure(text: &str) {
    drop(writeln!(std::io::stderr().lock(), "✗ {text}"));
}

/// Prints text on standard output as it is: what a command was asked for, apart from its progress lines.
pub(crate) fn output(text: &str) {
    drop(writeln!(std::io::stdout().lock(), "{text}"));
}

fn seconds(elapsed: Duration) -> String {
    format!("{:.1} s", elapsed.as_secs_f64())
}
