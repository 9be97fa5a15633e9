//! Which shards this worker works: it says that it lives, reckons from what Postgres sees, takes and gives, and has a
//! minder for every session of what it holds.
//!
//! A round is short: what takes long (stopping sessions before a shard is given away) is a task of its own, so that the
//! heartbeat is never late. Renewing is in [`Held::keep`], apart from all of this.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use hub::Hub;
use hub::ids::SessionId;
use hub::relay::Following;
use hub::session::{self, Wanted};
use hub::shard::plan::{Deed, plan};
use hub::shard::{self, Shard, Tenure};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::held::{Held, chain};
use crate::idle::Idle;
use crate::minder::{self, Minder};
use crate::starts::{GAP, Starts};

/// Sessions are looked at so often when nobody says that something changed.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Between two heartbeats.
const BEAT_EVERY: Duration = Duration::from_secs(2);
/// The same when somebody said that something changed: a first session should not wait.
const BEAT_GAP: Duration = Duration::from_millis(500);
/// Between two rounds, however much is said: each looks at every session.
const ROUND_GAP: Duration = Duration::from_millis(50);
/// A round that waits longer for Postgres is given up; the next one begins anew.
const ROUND_LIMIT: Duration = Duration::from_secs(4);
/// Sessions of a shard that is given away may take so long to end.
const PARTING_LIMIT: Duration = Duration::from_secs(8);
/// A worker that leaves has begun to give its last shard away after this time, however many sessions it has.
const LEAVING_WITHIN: Duration = Duration::from_secs(10);
/// Following the channel is tried again so often where Redis was away.
const FOLLOW_EVERY: Duration = Duration::from_secs(15);

/// See the module.
pub(crate) struct Fleet {
    hub: Hub,
    held: Held,
    idle: Idle,
    starts: Arc<Starts>,
    minders: HashMap<SessionId, Minder>,
    /// Where people talk just now, as of the last look: these are handed over last.
    busy: BTreeSet<Shard>,
    /// Being given away: nothing is started there.
    parting: BTreeSet<Shard>,
    parted: (
        tokio::sync::mpsc::Sender<Shard>,
        tokio::sync::mpsc::Receiver<Shard>,
    ),
    beat_at: Option<Instant>,
    /// Somebody said that something changed.
    is_nudged: bool,
    /// When the last round began.
    round_at: Instant,
    follow_at: Option<Instant>,
    nudges: Option<Following>,
}

impl Fleet {
    pub(crate) fn new(hub: Hub) -> Self {
        Self {
            hub,
            held: Held::default(),
            idle: Idle::default(),
            starts: Arc::default(),
            minders: HashMap::new(),
            busy: BTreeSet::new(),
            parting: BTreeSet::new(),
            // One place a shard: never full.
            parted: tokio::sync::mpsc::channel(1_024),
            beat_at: None,
            is_nudged: true,
            round_at: Instant::now(),
            follow_at: None,
            nudges: None,
        }
    }

    /// Works until the soft stop, then gives everything away.
    pub(crate) async fn run(mut self) {
        let keep = self.held.clone().keep(self.hub.clone());
        // Renews while the sessions end, too.
        self.hub.tasks.spawn_supporter("shards.keep", keep);
        tracing::info!("Shard worker {} is at work", self.hub.node);
        while !self.hub.tasks.is_stopping() {
            self.follow().await;
            self.round_at = Instant::now();
            self.round_in_time().await;
            self.rest().await;
        }
        self.leave().await;
    }

    async fn round_in_time(&mut self) {
        let fault = match tokio::time::timeout(ROUND_LIMIT, self.round()).await {
            Ok(Ok(())) => return,
            Ok(Err(fault)) => chain(&fault),
            Err(_too_late) => format!("it took longer than {ROUND_LIMIT:?}"),
        };
        metrics::counter!("switchboard_shard_rounds_failed_total").increment(1);
        tracing::warn!(error = %fault, "A round of the shards failed");
    }

    /// Until something may have changed.
    async fn rest(&mut self) {
        let Self {
            hub,
            nudges,
            parted,
            parting,
            is_nudged,
            round_at,
            ..
        } = self;
        let look_in = if *is_nudged { BEAT_GAP } else { LOOK_EVERY };
        let not_before = *round_at + ROUND_GAP;
        let nudged = async {
            let Some(nudges) = nudges else {
                return std::future::pending().await;
            };
            drop(nudges.next().await);
            *is_nudged = true;
            tokio::time::sleep_until(not_before).await;
            // One round sees what all of them are about.
            while nudges.next().now_or_never().is_some() {}
        };
        tokio::select! {
            () = hub.tasks.stopping() => {}
            () = tokio::time::sleep(look_in) => {}
            () = nudged => {}
            Some(shard) = parted.1.recv() => {
                parting.remove(&shard);
            }
        }
    }

    async fn follow(&mut self) {
        let now = Instant::now();
        if self.nudges.is_some() || self.follow_at.is_some_and(|at| now < at) {
            return;
        }
        self.follow_at = Some(now + FOLLOW_EVERY);
        let followed = tokio::time::timeout(Duration::from_secs(1), shard::nudges(&self.hub)).await;
        self.nudges = followed.ok().and_then(Result::ok);
    }

    async fn round(&mut self) -> hub::Result<()> {
        while let Ok(shard) = self.parted.1.try_recv() {
            self.parting.remove(&shard);
        }
        for shard in self.held.drop_lost() {
            tracing::warn!(shard.id = %shard, "Shard {shard} was lost");
            metrics::counter!("switchboard_shards_lost_total").increment(1);
            self.stop_minders_of(shard);
        }
        let gap = if self.is_nudged { BEAT_GAP } else { BEAT_EVERY };
        if self.beat_at.is_none_or(|at| at.elapsed() >= gap) {
            self.is_nudged = false;
            let mut fleet = shard::beat(&self.hub, &self.hub.node, false).await?;
            let now = Instant::now();
            self.idle.see(&mut fleet, now);
            self.beat_at = Some(now);
            for deed in plan(&self.hub.node, &fleet, |shard| self.busy.contains(&shard)) {
                // There may be more to take than is taken in one go.
                self.is_nudged |= matches!(deed, Deed::Take(_));
                self.do_it(deed).await?;
            }
        }
        let live: Vec<Tenure> = self.held.live();
        let live: Vec<Tenure> = live
            .into_iter()
            .filter(|tenure| !self.parting.contains(&tenure.shard))
            .collect();
        metrics::gauge!("switchboard_shards_held")
            .set(f64::from(u32::try_from(live.len()).unwrap_or(u32::MAX)));
        if !live.is_empty() {
            let wanted = session::of_shards(&self.hub, &live).await?;
            self.see_to(&live, wanted);
        }
        self.minders.retain(|_, minder| !minder.has_ended());
        let minded = u32::try_from(self.minders.len()).unwrap_or(u32::MAX);
        metrics::gauge!("switchboard_sessions_minded").set(f64::from(minded));
        Ok(())
    }

    async fn do_it(&mut self, deed: Deed) -> hub::Result<()> {
        match deed {
            Deed::Take(shard) => {
                if let Some(tenure) = shard::claim(&self.hub, &self.hub.node, shard).await? {
                    tracing::info!(shard.id = %shard, "Took shard {shard}, epoch {}", tenure.epoch.number());
                    metrics::counter!("switchboard_shards_taken_total").increment(1);
                    self.held.add(tenure);
                }
            }
            Deed::Drop(shard) => self.part(shard, None),
            Deed::HandOver { shard, to } => self.part(shard, Some(to)),
        }
        Ok(())
    }

    /// Gives a shard away, beside the rounds.
    fn part(&mut self, shard: Shard, to: Option<String>) {
        let Some(tenure) = self.held.get(shard) else {
            return;
        };
        if !self.parting.insert(shard) {
            return;
        }
        let ends = self.stop_minders_of(shard);
        let (hub, held, parted) = (self.hub.clone(), self.held.clone(), self.parted.0.clone());
        self.hub.tasks.spawn("shards.part", async move {
            give_away(&hub, &held, &tenure, to.as_deref(), ends).await;
            parted.send(shard).await.ok();
        });
    }

    /// Tells them to end; answers what says that they have.
    fn stop_minders_of(&self, shard: Shard) -> Vec<CancellationToken> {
        let of_shard = self.minders.values().filter(|minder| minder.shard() == shard);
        of_shard.map(Minder::stop).collect()
    }

    /// A minder for every session that has something to be done, and a word to those whose session changed.
    fn see_to(&mut self, live: &[Tenure], wanted: Vec<Wanted>) {
        let now = self.hub.clock.now();
        self.busy = wanted
            .iter()
            .filter(|one| one.is_busy)
            .map(|one| one.shard)
            .collect();
        let mut seen = BTreeSet::new();
        for one in wanted {
            seen.insert(one.session);
            let Some(tenure) = live.iter().find(|tenure| tenure.shard == one.shard) else {
                continue;
            };
            match self.minders.get_mut(&one.session) {
                Some(minder) if !minder.has_ended() => minder.hear(one),
                _ if minder::has_nothing_to_do(&one, now) => {}
                _ => {
                    let minder =
                        Minder::start(&self.hub, Arc::clone(&self.starts), tenure.clone(), one.clone());
                    self.minders.insert(one.session, minder);
                }
            }
        }
        for (session, minder) in &self.minders {
            let is_ours = live.iter().any(|tenure| tenure.shard == minder.shard());
            if is_ours && !seen.contains(session) {
                minder.stop();
            }
        }
    }

    /// The end, in order: nothing more comes to us, sessions end, others get the shards.
    async fn leave(mut self) {
        let fleet = match shard::beat(&self.hub, &self.hub.node, true).await {
            Ok(fleet) => fleet,
            Err(fault) => {
                tracing::warn!(error = %chain(&fault), "Could not say that this worker leaves");
                shard::Fleet::default()
            }
        };
        let others: Vec<&str> = fleet
            .workers
            .iter()
            .filter(|worker| !worker.leaving && *worker.name != *self.hub.node)
            .map(|worker| worker.name.as_str())
            .collect();
        let held = self.held.live();
        let (hub, all) = (&self.hub, &self.held);
        // As fast as another can start them, so that each is away for a moment only, however many there are.
        let sessions = u32::try_from(self.minders.len()).unwrap_or(u32::MAX);
        let whole = LEAVING_WITHIN.min(GAP.saturating_mul(sessions));
        let gap = whole / u32::try_from(held.len()).unwrap_or(u32::MAX).max(1);
        let begin = Instant::now();
        let given = (0_u32..).zip(&held).map(|(at, tenure)| {
            let minders = &self;
            // In turn, so that nobody gets them all.
            let to = others
                .get((at as usize).checked_rem(others.len()).unwrap_or_default())
                .copied();
            async move {
                tokio::time::sleep_until(begin + gap * at).await;
                let ends = minders.stop_minders_of(tenure.shard);
                give_away(hub, all, tenure, to, ends).await;
            }
        });
        join_all(given).await;
        if let Err(fault) = shard::leave(&self.hub, &self.hub.node).await {
            tracing::warn!(error = %chain(&fault), "Could not say that this worker is gone");
        }
        self.minders.clear();
        tracing::info!("Shard worker {} is gone", self.hub.node);
    }
}

/// Waits for the sessions to end, for so long and no longer, then lets the shard go.
async fn give_away(hub: &Hub, held: &Held, tenure: &Tenure, to: Option<&str>, ends: Vec<CancellationToken>) {
    let ended = join_all(ends.iter().map(CancellationToken::cancelled));
    if tokio::time::timeout(PARTING_LIMIT, ended).await.is_err() {
        tracing::warn!(shard.id = %tenure.shard, "Sessions of shard {} did not end in time", tenure.shard);
    }
    let given = match to {
        Some(successor) => shard::hand_over(hub, &hub.node, tenure, successor).await,
        None => shard::release(hub, &hub.node, tenure).await,
    };
    held.remove(tenure.shard);
    match given {
        Ok(()) => {
            metrics::counter!("switchboard_shards_given_total").increment(1);
            tracing::info!(shard.id = %tenure.shard, "Gave shard {} to {}", tenure.shard, to.unwrap_or("anybody"));
        }
        // Nobody renews it any more: it is free in a moment.
        Err(fault) => tracing::warn!(error = %chain(&fault), "Could not give a shard up"),
    }
}
