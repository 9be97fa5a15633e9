//! A worker's own view of its claim: an end on its monotonic clock, before the database's.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

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
    /// Ended before its time.
    ended: CancellationToken,
}

impl Tenure {
    /// Begins with a claim that was asked for at `asked`.
    pub(super) fn begin(shard: Shard, epoch: Epoch, asked: Instant) -> Self {
        Self {
            shard,
            epoch,
            ends: Arc::new(Mutex::new(asked + WORKED)),
            ended: CancellationToken::new(),
        }
    }

    /// Goes on with a renewal that was asked for at `asked`. One that is over stays over, whoever was told so has let go:
    /// then it answers false, and what Postgres has renewed is nobody's.
    pub(super) fn renewed(&self, asked: Instant) -> bool {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        let holds = *ends > Instant::now();
        if holds {
            *ends = (*ends).max(asked + WORKED);
        }
        holds
    }

    /// Ends now.
    pub fn end(&self) {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        *ends = (*ends).min(Instant::now());
        self.ended.cancel();
    }

    /// Whether the shard is still ours to work, by our own clock.
    pub fn holds(&self) -> bool {
        Instant::now() < self.ends()
    }

    /// Until when.
    pub fn ends(&self) -> Instant {
        *self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resolves when the shard is not ours any more; renewals push that away.
    pub async fn over(&self) {
        while self.holds() {
            tokio::select! {
                () = self.ended.cancelled() => {}
                () = tokio::time::sleep_until(self.ends().into()) => {}
            }
        }
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
        assert!(tenure.renewed(later));
        assert_eq!(tenure.ends(), later + WORKED);
        tenure.end();
        assert!(!tenure.holds());
        assert!(!tenure.renewed(Instant::now()));
        assert!(!tenure.holds(), "a tenure that is over stays over");
    }

    #[tokio::test]
    async fn who_waits_for_the_end_hears_of_an_early_one() {
        let tenure = Tenure::begin(Shard(1), Epoch::of(1), Instant::now());
        let limit = Duration::from_secs(2);
        assert!(WORKED > limit, "else its own end would be enough");
        let ended = async {
            tokio::task::yield_now().await;
            tenure.end();
        };
        let heard = async { tokio::join!(tenure.over(), ended) };
        tokio::time::timeout(limit, heard).await.unwrap();
    }

    #[test]
    fn an_answer_that_comes_late_counts_from_its_question() {
        let asked = Instant::now();
        let tenure = Tenure::begin(Shard(1), Epoch::of(1), asked);
        assert!(tenure.renewed(asked + Duration::from_secs(3)));
        assert!(tenure.renewed(asked + Duration::from_secs(1)));
        assert_eq!(tenure.ends(), asked + Duration::from_secs(3) + WORKED);
    }
}
