//! A worker's own view of its claim: an end on its monotonic clock, before the database's.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Epoch, MARGIN, Shard, TTL};

/// How long a claim is worked, from before it was asked for.
const WORKED: Duration = TTL.saturating_sub(MARGIN);

/// One holding of a shard. Whoever sends or writes for the shard asks it first. Cheap to clone; all clones end together.
#[derive(Clone, Debug)]
pub struct Tenure {
    /// Of which shard.
    pub shard: Shard,
    /// Under which epoch.
    pub epoch: Epoch,
    ends: Arc<Mutex<Instant>>,
}

impl Tenure {
    /// Begins with a claim that was asked for at `asked`.
    pub(super) fn begin(shard: Shard, epoch: Epoch, asked: Instant) -> Self {
        Self {
            shard,
            epoch,
            ends: Arc::new(Mutex::new(asked + WORKED)),
        }
    }

    /// Goes on with a renewal that was asked for at `asked`. One that is over stays over: somebody else may hold the shard.
    pub(super) fn renewed(&self, asked: Instant) {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        if *ends > asked {
            *ends = (*ends).max(asked + WORKED);
        }
    }

    /// Ends now.
    pub fn end(&self) {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        *ends = (*ends).min(Instant::now());
    }

    /// Whether the shard is still ours to work, by our own clock.
    pub fn holds(&self) -> bool {
        Instant::now() < self.ends()
    }

    /// Until when.
    pub fn ends(&self) -> Instant {
        *self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_before_the_database_lets_go_and_never_revives() {
        let asked = Instant::now();
        let tenure = Tenure::begin(Shard(1), Epoch::of(1), asked);
        assert!(tenure.holds());
        assert_eq!(tenure.ends(), asked + WORKED);
        let later = asked + Duration::from_secs(2);
        tenure.renewed(later);
        assert_eq!(tenure.ends(), later + WORKED);
        tenure.end();
        assert!(!tenure.holds());
        tenure.renewed(Instant::now());
        assert!(!tenure.holds(), "a tenure that is over stays over");
    }

    #[test]
    fn an_answer_that_comes_late_counts_from_its_question() {
        let asked = Instant::now();
        let tenure = Tenure::begin(Shard(1), Epoch::of(1), asked);
        tenure.renewed(asked + Duration::from_secs(3));
        tenure.renewed(asked + Duration::from_secs(1));
        assert_eq!(tenure.ends(), asked + Duration::from_secs(3) + WORKED);
    }
}
