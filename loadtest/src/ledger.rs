//! The record of what really happened, that tests read afterwards and wait upon.
use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Result, bail};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;

use crate::clock;

/// One thing that happened at an emulator.
#[derive(Clone, Debug, Serialize)]
pub struct Effect {
    /// Microseconds on this process's clock.
    pub at_us: u64,
    /// Counts from 1 in the order of happening.
    pub number: u64,
    /// What kind of thing, for example `rest`, `webhook`, `sms`, `call.ended`; the emulators' texts list theirs.
    pub kind: &'static str,
    /// The thing itself.
    pub data: Value,
}

/// Holds the newest effects; the oldest are dropped beyond [`Ledger::MAX`] and counted.
#[derive(Debug)]
pub struct Ledger {
    effects: Mutex<VecDeque<Effect>>,
    newest: watch::Sender<u64>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            effects: Mutex::default(),
            newest: watch::Sender::new(0),
        }
    }
}

impl Ledger {
    /// Effects kept at most.
    pub const MAX: usize = 200_000;

    /// Writes one effect down.
    pub fn record(&self, kind: &'static str, data: Value) {
        let mut effects = self.effects.lock().expect("no holder of the lock panics");
        let number = effects.back().map_or(1, |last| last.number + 1);
        if effects.len() == Self::MAX {
            effects.pop_front();
        }
        effects.push_back(Effect {
            at_us: clock::now_us(),
            number,
            kind,
            data,
        });
        self.newest.send_replace(number);
    }

    /// Everything kept, oldest first.
    pub fn all(&self) -> Vec<Effect> {
        self.after(0)
    }

    /// Everything after the effect with this number.
    pub fn after(&self, number: u64) -> Vec<Effect> {
        let effects = self.effects.lock().expect("no holder of the lock panics");
        let first = effects.partition_point(|effect| effect.number <= number);
        effects.range(first..).cloned().collect()
    }

    /// All effects of one kind.
    pub fn of(&self, kind: &str) -> Vec<Effect> {
        self.all()
            .into_iter()
            .filter(|effect| effect.kind == kind)
            .collect()
    }

    /// Effects after a number and of one kind, as soon as there is one, at the latest after `patience`.
    pub async fn poll(&self, number: u64, kind: Option<&str>, patience: Duration) -> Vec<Effect> {
        let mut newest = self.newest.subscribe();
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            newest.mark_unchanged();
            let mut found = self.after(number);
            found.retain(|effect| kind.is_none_or(|kind| effect.kind == kind));
            let waiting = found.is_empty() && tokio::time::Instant::now() < deadline;
            if !waiting || tokio::time::timeout_at(deadline, newest.changed()).await.is_err() {
                return found;
            }
        }
    }

    /// Waits for the first effect of `kind` that `fits`, past ones included.
    pub async fn wait(&self, kind: &str, timeout: Duration, fits: impl Fn(&Value) -> bool) -> Result<Effect> {
        let mut newest = self.newest.subscribe();
        let deadline = tokio::time::Instant::now() + timeout;
        let mut seen = 0;
        loop {
            let fresh = self.after(seen);
            seen = fresh.last().map_or(seen, |last| last.number);
            if let Some(found) = fresh
                .into_iter()
                .find(|effect| effect.kind == kind && fits(&effect.data))
            {
                return Ok(found);
            }
            let changed = tokio::time::timeout_at(deadline, newest.wait_for(|number| *number > seen)).await;
            if !matches!(changed, Ok(Ok(_))) {
                bail!("no `{kind}` effect that fits within {timeout:?}");
            }
        }
    }
}
