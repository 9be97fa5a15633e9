//! What the doctor found: good, doubtful, bad; each line with what to do.

use std::process::ExitCode;

use crate::progress;

/// Counts as it prints: a slow check shows what came before it.
#[derive(Default)]
pub(super) struct Report {
    goods: usize,
    doubts: usize,
    faults: usize,
}

impl Report {
    /// As it should be.
    pub(super) fn good(&mut self, what: &str) {
        self.goods += 1;
        progress::output(&format!("  ok    {what}"));
    }

    /// Works, but somebody should know.
    pub(super) fn doubt(&mut self, what: &str, remedy: &str) {
        self.doubts += 1;
        progress::output(&format!("  note  {what}\n        → {remedy}"));
    }

    /// Does not work, or must not stay so.
    pub(super) fn fault(&mut self, what: &str, remedy: &str) {
        self.faults += 1;
        progress::output(&format!("  BAD   {what}\n        → {remedy}"));
    }

    /// `good` when it holds, else a fault.
    pub(super) fn require(&mut self, holds: bool, good: &str, bad: &str, remedy: &str) {
        if holds {
            self.good(good);
        } else {
            self.fault(bad, remedy);
        }
    }

    /// The last line and the exit code: 1 when something is bad.
    pub(super) fn conclude(self) -> ExitCode {
        progress::output(&format!(
            "{} ok, {} bad, {} to note",
            self.goods, self.faults, self.doubts
        ));
        if self.faults == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}
