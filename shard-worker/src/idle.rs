//! Since when shards lie idle, as this worker saw it. Postgres knows it of a lease that ran out, and not of a shard that was
//! given up in good order or that nobody ever had.

use std::collections::BTreeMap;

use hub::shard::{Fleet, Shard};
use tokio::time::Instant;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Idle(BTreeMap<Shard, Instant>);

impl Idle {
    /// Notes what lies idle now, and says so of it where that is longer than Postgres knows.
    pub(crate) fn see(&mut self, fleet: &mut Fleet, now: Instant) {
        let mut before = std::mem::take(&mut self.0);
        for seen in fleet.shards.iter_mut().filter(|seen| seen.owner.is_none()) {
            let since = before.remove(&seen.shard).unwrap_or(now);
            seen.orphaned = seen.orphaned.max(now.duration_since(since));
            self.0.insert(seen.shard, since);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hub::shard::plan::{Deed, LONG, plan};
    use hub::shard::{Epoch, Seen, Worker};

    use super::*;

    fn seen(shard: i16, owner: Option<&str>) -> Seen {
        Seen {
            shard: Shard(shard),
            epoch: Epoch::default(),
            owner: owner.map(str::to_owned),
            successor: None,
            settled: true,
            orphaned: Duration::ZERO,
            sessions: 2,
        }
    }

    #[test]
    fn what_was_given_up_and_fits_nobody_s_share_is_taken_after_a_while() {
        let workers = ["a", "b"].map(|name| Worker {
            name: name.to_owned(),
            leaving: false,
        });
        let shards = vec![seen(1, Some("a")), seen(2, Some("b")), seen(3, None)];
        let mut fleet = Fleet {
            workers: workers.to_vec(),
            shards,
        };
        let (mut idle, start) = (Idle::default(), Instant::now());
        idle.see(&mut fleet, start);
        assert_eq!(
            plan("a", &fleet, |_| false),
            [],
            "two of a share of three, and the other may have room"
        );
        let third = |fleet: &mut Fleet| fleet.shards[2].orphaned = Duration::ZERO;
        third(&mut fleet);
        idle.see(&mut fleet, start + LONG);
        assert_eq!(plan("a", &fleet, |_| false), [Deed::Take(Shard(3))]);
        fleet.shards[2].owner = Some("a".to_owned());
        third(&mut fleet);
        idle.see(&mut fleet, start + LONG * 2);
        fleet.shards[2].owner = None;
        idle.see(&mut fleet, start + LONG * 3);
        assert_eq!(fleet.shards[2].orphaned, Duration::ZERO, "it was held in between");
    }
}
