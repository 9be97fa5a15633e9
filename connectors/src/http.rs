//! The one place that builds HTTP clients: each has time limits, follows no redirect and has a budget for repeats.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::Context as _;

/// How long a connection may take to stand.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long a request may take in all, unless it sets its own.
const TOTAL_LIMIT: Duration = Duration::from_secs(30);
/// How long an answer may be silent between two pieces.
const SILENCE_LIMIT: Duration = Duration::from_secs(15);

/// A client for one provider. Cheap to clone; clones share connections and budget.
#[derive(Clone, Debug)]
pub struct Http {
    client: reqwest::Client,
    budget: Arc<Budget>,
}

impl Http {
    /// A client with the usual limits.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new() -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("switchboard/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_LIMIT)
            .read_timeout(SILENCE_LIMIT)
            .timeout(TOTAL_LIMIT)
            .pool_idle_timeout(Duration::from_mins(1))
            .tcp_keepalive(Duration::from_secs(30))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .context("build an HTTP client")?;
        Ok(Self {
            client,
            budget: Arc::default(),
        })
    }

    /// The client itself.
    pub fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// Which repeats may still be made.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }
}

/// Holds repeats to a fifth of the traffic, so that a provider in trouble is not pressed harder by everybody at once.
/// Each request pays in a fifth of a repeat, up to [`Budget::FULL`]; a process starts with that many.
#[derive(Debug)]
pub struct Budget(AtomicI64);

impl Default for Budget {
    fn default() -> Self {
        Self(AtomicI64::new(Self::FULL * Self::REPEAT))
    }
}

impl Budget {
    /// Repeats that can be saved up.
    const FULL: i64 = 10;
    const REPEAT: i64 = 5;

    /// A request was made.
    pub fn pay_in(&self) {
        let full = Self::FULL * Self::REPEAT;
        let pay = |saved: i64| (saved < full).then(|| saved + 1);
        // Refused when full; nothing to do then.
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, pay)
            .ok();
    }

    /// Whether one more repeat may be made.
    pub fn take(&self) -> bool {
        let take = |saved: i64| (saved >= Self::REPEAT).then(|| saved - Self::REPEAT);
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_are_a_fifth_of_the_traffic_once_the_savings_are_spent() {
        let budget = Budget::default();
        let saved = (0..100).filter(|_| budget.take()).count();
        assert_eq!(saved, 10);
        let repeats = (0..100)
            .filter(|_| {
                budget.pay_in();
                budget.take()
            })
            .count();
        assert_eq!(repeats, 20);
    }
}
