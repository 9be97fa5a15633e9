//! Jobs: a row in the transaction that wants the work; Redis only hands it out. The row decides everything (who has the
//! job, until when, how often it was tried), by the database's clock alone; what Redis carries is a hint that may be
//! lost or doubled. A job's life: [`insert`] → [`stream`] → [`mod@claim`] → the handler in `worker` → [`mod@settle`].

pub mod claim;
pub mod dead;
pub mod forget;
pub mod settle;
pub mod stream;
pub mod sweep;

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

pub use claim::{Claimed, claim};
pub use settle::{Settled, Verdict, settle};

use crate::clock::{Clock, Timestamp};
use crate::error::Result;
use crate::ids::{JobId, TenantId};

/// A line of work; workers choose which they serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Queue {
    /// Somebody waits for it: intake, sends.
    High,
    /// The rest.
    Default,
    /// When there is nothing better to do.
    Low,
    /// Pictures and files.
    Media,
    /// Recordings of calls.
    Recordings,
    /// Sends to many.
    Broadcasts,
    /// Clean-up.
    Maintenance,
}

impl Queue {
    /// All seven, most urgent first.
    pub const ALL: [Self; 7] = [
        Self::High,
        Self::Default,
        Self::Low,
        Self::Media,
        Self::Recordings,
        Self::Broadcasts,
        Self::Maintenance,
    ];

    /// The name in rows, keys and flags.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Default => "default",
            Self::Low => "low",
            Self::Media => "media",
            Self::Recordings => "recordings",
            Self::Broadcasts => "broadcasts",
            Self::Maintenance => "maintenance",
        }
    }
}

/// What a kind of job is told, and where it waits. Implemented beside the noun that wants the work; its handler is
/// `worker/src/<job>.rs`.
pub trait Work: Serialize + DeserializeOwned + Send + 'static {
    /// `noun.deed`, stable: rows outlive releases.
    const KIND: &'static str;
    /// Its line.
    const QUEUE: Queue;
    /// 0 is first, 5 usual; below 5 overtakes the usual ones of its queue.
    const PRIORITY: i16 = 5;
    /// After so many failed attempts it is dead.
    const ATTEMPTS_MAX: i32 = 12;
    /// An attempt that takes longer has failed.
    const LIMIT_S: u64 = 300;
}

/// Work to be done, before it is a row.
#[derive(Debug)]
pub struct NewJob {
    /// What it is called, where something else has to find it by that; `None` for a fresh name.
    pub id: Option<JobId>,
    /// Its line.
    pub queue: Queue,
    /// Which handler of `worker` does it.
    pub kind: &'static str,
    /// What the handler is told.
    pub payload: serde_json::Value,
    /// 0 is first, 5 usual.
    pub priority: i16,
    /// Not before this; `None` is at once.
    pub run_at: Option<Timestamp>,
    /// At most one unfinished job of this kind and key; a second is silently the first.
    pub dedup_key: Option<String>,
    /// After so many failed attempts it is dead.
    pub attempts_max: i32,
}

impl NewJob {
    /// The job that does `work`, at once.
    pub fn of<W: Work>(work: &W) -> Result<Self> {
        Ok(Self {
            priority: W::PRIORITY,
            attempts_max: W::ATTEMPTS_MAX,
            ..Self::new(W::QUEUE, W::KIND, work)?
        })
    }

    /// A usual job by its name, at once. Prefer [`Self::of`], which cannot mismatch kind and payload.
    pub fn new(queue: Queue, kind: &'static str, payload: &impl Serialize) -> Result<Self> {
        let payload = serde_json::to_value(payload).map_err(anyhow::Error::from)?;
        Ok(Self {
            id: None,
            queue,
            kind,
            payload,
            priority: 5,
            run_at: None,
            dedup_key: None,
            attempts_max: 12,
        })
    }

    /// The same, not before `at`.
    #[must_use]
    pub fn not_before(mut self, at: Timestamp) -> Self {
        self.run_at = Some(at);
        self
    }

    /// The same, unless an unfinished job of this kind already has the key.
    #[must_use]
    pub fn once_per(mut self, key: impl Into<String>) -> Self {
        self.dedup_key = Some(key.into());
        self
    }
}

/// Writes the row; its hint, when it is due and no unfinished job has the same key. How much later than now it is to run
/// is counted on the database's clock, so a node whose clock is wrong neither delays nor hurries its jobs: from the moment
/// the row is written on, which is later than what we read off ours, so that no job comes early.
pub(crate) async fn insert(
    db: &mut PgConnection,
    tenant: TenantId,
    job: &NewJob,
    now: Timestamp,
    clock: &Clock,
) -> Result<Option<stream::Hint>> {
    let id = job.id.unwrap_or_else(|| JobId::at(now));
    let wait = job.run_at.map_or(Duration::ZERO, |at| at.since(clock.now()));
    let wait_ms = i64::try_from(wait.as_micros().div_ceil(1_000)).unwrap_or(i64::MAX);
    let written = sqlx::query!(
        r#"INSERT INTO jobs (tenant_id, id, queue, kind, payload, priority, run_at, dispatched_at, dedup_key, attempts_max,
             created_at)
         VALUES ($1, $2, $3, $4, $5, $6, CASE WHEN $7::int8 > 0 THEN clock_timestamp() + $7 * interval '1 millisecond' ELSE now() END,
             CASE WHEN $7 <= 0 THEN now() END, $8, $9, $10)
         ON CONFLICT (tenant_id, kind, dedup_key) WHERE dedup_key IS NOT NULL AND state IN ('ready', 'running') DO NOTHING
         RETURNING dispatched_at"#,
        tenant.uuid(),
        id.uuid(),
        job.queue.as_str(),
        job.kind,
        job.payload,
        job.priority,
        wait_ms,
        job.dedup_key,
        job.attempts_max,
        now as _
    )
    .fetch_optional(db)
    .await?;
    Ok(written.and_then(|row| row.dispatched_at).map(|at| stream::Hint {
        tenant,
        job: id,
        queue: job.queue,
        lane: stream::Lane::of(job.priority),
        handed_out_ms: at.as_millisecond(),
    }))
}
