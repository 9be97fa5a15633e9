//! The record of what really happened at the server, that tests read afterwards and wait upon.
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, bail};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;

use crate::clock;

/// One thing that happened.
#[derive(Clone, Debug, Serialize)]
pub struct Effect {
    /// Microseconds on this process's clock.
    pub at_us: u64,
    /// Counts from 1 in the order of happening.
    pub number: u64,
    /// What kind of thing; the kinds are listed in the crate's README.
    pub kind: &'static str,
    /// The thing itself.
    pub data: Value,
}

/// Holds the newest effects; the oldest are dropped beyond [`Ledger::MAX`].
#[derive(Debug)]
pub(crate) struct Ledger {
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
    pub(crate) const MAX: usize = 200_000;

    pub(crate) fn record(&self, kind: &'static str, data: Value) {
        let mut effects = self.effects.lock().unwrap_or_else(PoisonError::into_inner);
        let number = effects.back().map_or(1, |last| last.number + 1);
        if effects.len() == Self::MAX {
            effects.pop_front();
        }
        let at_us = clock::now_us();
        effects.push_back(Effect {
            at_us,
            number,
            kind,
            data,
        });
        self.newest.send_replace(number);
    }

    /// Everything kept after the effect with this number, oldest first.
    pub(crate) fn after(&self, number: u64) -> Vec<Effect> {
        let effects = self.effects.lock().unwrap_or_else(PoisonError::into_inner);
        let first = effects.partition_point(|effect| effect.number <= number);
        effects.range(first..).cloned().collect()
    }

    /// Effects after a number and of one kind, as soon as there is one, at the latest after `patience`.
    pub(crate) async fn poll(&self, number: u64, kind: Option<&str>, patience: Duration) -> Vec<Effect> {
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
    pub(crate) async fn wait(
        &self,
        kind: &str,
        patience: Duration,
        fits: impl Fn(&Value) -> bool,
    ) -> Result<Effect> {
        let mut newest = self.newest.subscribe();
        let deadline = tokio::time::Instant::now() + patience;
        let mut seen = 0;
        loop {
            let fresh = self.after(seen);
            seen = fresh.last().map_or(seen, |last| last.number);
            let found = fresh
                .into_iter()
                .find(|effect| effect.kind == kind && fits(&effect.data));
            if let Some(found) = found {
                return Ok(found);
            }
            let changed = tokio::time::timeout_at(deadline, newest.wait_for(|number| *number > seen)).await;
            if !matches!(changed, Ok(Ok(_))) {
                bail!("no `{kind}` effect that fits within {patience:?}");
            }
        }
    }
}
