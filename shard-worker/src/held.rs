//! The shards that this process holds, and the task that keeps them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hub::Hub;
use hub::shard::{self, RENEW_EVERY, Shard, Tenure};

/// So many digits in a row may be somebody's number.
const NUMBER_MIN: usize = 7;
/// A renewal that takes longer is of no use: the next one asks again.
const RENEWAL_LIMIT: Duration = Duration::from_millis(1_500);

/// See the module. Cheap to clone; clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Held(Arc<Mutex<BTreeMap<Shard, Tenure>>>);

impl Held {
    pub(crate) fn add(&self, tenure: Tenure) {
        self.all().insert(tenure.shard, tenure);
    }

    pub(crate) fn remove(&self, shard: Shard) {
        self.all().remove(&shard);
    }

    pub(crate) fn get(&self, shard: Shard) -> Option<Tenure> {
        self.all().get(&shard).cloned()
    }

    /// Those that are still ours.
    pub(crate) fn live(&self) -> Vec<Tenure> {
        let all = self.all();
        all.values().filter(|tenure| tenure.holds()).cloned().collect()
    }

    /// Forgets those that are over; answers which.
    pub(crate) fn drop_lost(&self) -> Vec<Shard> {
        let mut all = self.all();
        let lost: Vec<Shard> = all
            .values()
            .filter(|tenure| !tenure.holds())
            .map(|tenure| tenure.shard)
            .collect();
        all.retain(|_, tenure| tenure.holds());
        lost
    }

    fn all(&self) -> std::sync::MutexGuard<'_, BTreeMap<Shard, Tenure>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Renews what is held, by itself: nothing else that a worker does may make it late.
    pub(crate) async fn keep(self, hub: Hub) {
        loop {
            tokio::time::sleep(RENEW_EVERY).await;
            let held = self.live();
            let renewed = shard::renew(&hub, &hub.node, &held);
            match tokio::time::timeout(RENEWAL_LIMIT, renewed).await {
                Ok(Ok(())) => {}
                Ok(Err(fault)) => tracing::warn!(error = %chain(&fault), "Could not renew shards"),
                Err(_too_late) => tracing::warn!("Renewing shards took too long"),
            }
        }
    }
}

/// The error with its causes, for one log line.
pub(crate) fn chain(fault: &hub::Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(fault), |cause| cause.source());
    let words: Vec<String> = causes.map(ToString::to_string).collect();
    std::iter::once(fault.to_string())
        .chain(words)
        .collect::<Vec<_>>()
        .join(": ")
}

/// A library's error with its causes, for one log line: it may name people by their numbers, and the line does not.
pub(crate) fn discreet(fault: &anyhow::Error) -> String {
    let told = format!("{fault:#}");
    let is_digit = |letter: char| letter.is_ascii_digit();
    let mut line = String::with_capacity(told.len());
    for piece in told.split_inclusive(|letter| !is_digit(letter)) {
        let digits = piece.chars().take_while(|letter| is_digit(*letter)).count();
        if digits < NUMBER_MIN {
            line.push_str(piece);
        } else {
            line.push('…');
            line.extend(piece.chars().skip(digits));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_line_names_nobody() {
        let fault = anyhow::anyhow!("no devices of 15550101:12@s.whatsapp.net, nor 900000015550199")
            .context("send (463)");
        assert_eq!(
            discreet(&fault),
            "send (463): no devices of …:12@s.whatsapp.net, nor …"
        );
    }
}
