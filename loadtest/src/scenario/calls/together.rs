//! All calls at once: those that began first wait for the last, then all are timed for the same while, and what the
//! processes used in this while is told by itself: no set-up, no greeting, no goodbye, only calls that talk.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::stage::exact;

/// The last call may take this long until it talks; then the others go on without it.
const PATIENCE: Duration = Duration::from_mins(1);
/// Between the last call's first frame and the beginning of the measurement.
const SETTLING: Duration = Duration::from_secs(1);

/// CPU seconds used so far, by process.
pub(in crate::scenario) type Cpu = BTreeMap<String, f64>;

/// Where the calls of a run wait for each other. Cheap to clone.
#[derive(Clone)]
pub(super) struct Together {
    /// Calls that talk, and calls that never will.
    seen: Arc<watch::Sender<Seen>>,
    released: CancellationToken,
}

#[derive(Clone, Copy, Default)]
struct Seen {
    talking: u64,
    failed: u64,
}

/// What was measured while all talked.
#[derive(Clone, Debug)]
pub(in crate::scenario) struct Steady {
    /// Calls that talked.
    pub(in crate::scenario) calls: u64,
    /// For how long.
    pub(in crate::scenario) seconds: f64,
    /// CPU milliseconds per second of a call, by process.
    pub(in crate::scenario) cpu_ms_per_call_s: BTreeMap<String, f64>,
}

/// One call's place. Dropped before it talks, it counts as failed.
pub(super) struct Place {
    together: Together,
    talks: bool,
}

impl Together {
    pub(super) fn new() -> Self {
        Self {
            seen: Arc::new(watch::Sender::new(Seen::default())),
            released: CancellationToken::new(),
        }
    }

    pub(super) fn place(&self) -> Place {
        Place {
            together: self.clone(),
            talks: false,
        }
    }

    /// Waits for `calls`, measures for `hold`, lets them go.
    pub(super) async fn measure(&self, calls: u64, hold: Duration, cpu: impl Fn() -> Cpu) -> Steady {
        let mut seen = self.seen.subscribe();
        let all = seen.wait_for(|seen| seen.talking + seen.failed >= calls);
        if timeout(PATIENCE, all).await.is_err() {
            tracing::warn!("Some calls did not come to talk");
        }
        sleep(SETTLING.min(hold)).await;
        let (before, began) = (cpu(), Instant::now());
        sleep(hold).await;
        let (after, seconds) = (cpu(), began.elapsed().as_secs_f64());
        let calls = self.seen.borrow().talking;
        self.released.cancel();
        let call_s = (exact(calls) * seconds).max(1e-9);
        let used = after.into_iter().map(|(name, after_s)| {
            let before_s = before.get(&name).copied().unwrap_or(after_s);
            (name, (after_s - before_s) * 1000.0 / call_s)
        });
        Steady {
            calls,
            seconds,
            cpu_ms_per_call_s: used.collect(),
        }
    }
}

impl Place {
    /// The call talks; returns when all may go.
    pub(super) async fn talk(mut self) {
        self.talks = true;
        self.together.seen.send_modify(|seen| seen.talking += 1);
        self.together.released.cancelled().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.talks {
            self.together.seen.send_modify(|seen| seen.failed += 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_that_fails_is_not_waited_for_and_not_counted() {
        let together = Together::new();
        let talking = tokio::spawn(together.place().talk());
        drop(together.place());
        let used = std::cell::Cell::new(0.0);
        let cpu = || {
            used.set(used.get() + 1.0);
            Cpu::from([("bridge".to_owned(), used.get())])
        };
        let steady = together.measure(2, Duration::from_millis(100), cpu).await;
        talking.await.unwrap();
        assert!(steady.calls == 1 && steady.seconds >= 0.1, "{steady:?}");
        let expected_ms = 1000.0 / steady.seconds;
        assert!((steady.cpu_ms_per_call_s["bridge"] - expected_ms).abs() < 1e-6);
    }
}
