//! Shards: tenants' linked sessions are spread over them, and one worker at a time works each. Postgres hands a shard out
//! by one conditional update on its own clock, with an epoch that grows; Redis only wakes sleepers.
//!
//! A worker's claim has two ends. By the database it ends at `lease_until`, when another may take the shard. By the
//! worker's own monotonic clock it ends [`MARGIN`] earlier ([`Tenure`]), counted from before the question was asked, so
//! that a worker that hears nothing from Postgres has let go before anybody else can hold. What slips through all the
//! same (a process that was frozen in the middle of a write) is refused by the epoch on each session's row.

mod beat;
mod claim;
#[cfg(test)]
mod model;
pub mod plan;
mod tenure;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use beat::{beat, leave};
pub(crate) use claim::millis;
pub use claim::{claim, hand_over, release, renew};
pub use tenure::Tenure;

use crate::ids::TenantId;
use crate::kv::Kv;
use crate::relay::Following;
use crate::{Hub, keys};

/// How long a shard is held without being renewed.
pub const TTL: Duration = Duration::from_secs(7);
/// How often a holder renews.
pub const RENEW_EVERY: Duration = Duration::from_secs(2);
/// A holder stops this long before its lease is over.
pub const MARGIN: Duration = Duration::from_secs(1);
/// A worker that was not seen for so long takes no part in the sharing out.
pub const SEEN_WITHIN: Duration = Duration::from_secs(6);
/// Only the successor may take a handed-over shard for so long.
pub const HAND_OVER: Duration = Duration::from_secs(5);
/// A shard that changed hands is not handed over again before this.
pub const SETTLING: Duration = Duration::from_mins(1);

/// One of the shards, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct Shard(pub i16);

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Which holder of a shard: grows with every change of hands, so an older one is told from the current one. The default is
/// before any holder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, sqlx::Type)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct Epoch(i64);

impl Epoch {
    /// As it stands in rows.
    pub fn number(self) -> i64 {
        self.0
    }

    /// As read from a row.
    pub(crate) fn of(number: i64) -> Self {
        Self(number)
    }
}

/// All shards that have sessions or an owner, and the workers that live, as Postgres sees them now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fleet {
    /// Sorted by name.
    pub workers: Vec<Worker>,
    /// Sorted by number.
    pub shards: Vec<Seen>,
}

/// A worker that was seen lately.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worker {
    /// Its name.
    pub name: String,
    /// It takes nothing more.
    pub leaving: bool,
}

/// A shard as Postgres sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Which.
    pub shard: Shard,
    /// Its holder's, or that of its last holder.
    pub epoch: Epoch,
    /// Who holds it; `None` when nobody does, or whose time is over.
    pub owner: Option<String>,
    /// For whom it is kept just now.
    pub successor: Option<String>,
    /// It may be handed over again.
    pub settled: bool,
    /// How long nobody has held it, as far as Postgres knows; zero while somebody does, and where it was given up.
    pub orphaned: Duration,
    /// Sessions on it that there is something to do for: to run them, or to stop them first.
    pub sessions: u32,
}

/// Gives a tenant its shard, the one with the fewest tenants, unless it has one; answers which it is.
///
/// # Errors
/// When there is no such tenant, or Postgres is not available.
pub async fn assign(hub: &Hub, tenant: TenantId) -> crate::Result<Shard> {
    let mut tx = hub.db.system().await?;
    let shard = sqlx::query_scalar!(
        r#"UPDATE tenants SET whatsapp_shard = coalesce(whatsapp_shard, (
             SELECT s.id FROM shards s LEFT JOIN tenants t ON t.whatsapp_shard = s.id
             GROUP BY s.id ORDER BY count(t.id), s.id LIMIT 1))
           WHERE id = $1 RETURNING whatsapp_shard AS "shard!: Shard""#,
        tenant.uuid()
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or(crate::Error::NotFound("tenant"))?;
    tx.commit().await?;
    Ok(shard)
}

/// Tells the workers that something changed that concerns them: a session to start, a message to send. A hint: who misses
/// it looks by itself within a second.
pub(crate) async fn nudge(kv: &Kv) {
    let told = tokio::time::timeout(
        Duration::from_millis(250),
        kv.publish(keys::SHARD_NUDGES, bytes::Bytes::new()),
    );
    if !matches!(told.await, Ok(Ok(()))) {
        metrics::counter!("switchboard_redis_untold_commits_total").increment(1);
    }
}

/// What wakes the workers, from now on.
///
/// # Errors
/// When Redis does not answer: the worker then looks by itself.
pub async fn nudges(hub: &Hub) -> anyhow::Result<Following> {
    hub.relay.follow(keys::SHARD_NUDGES.to_owned()).await
}
