//! Jobs: a row in the transaction that wants the work; Redis only hands it out.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use crate::clock::Timestamp;
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

/// Work to be done, before it is a row.
#[derive(Debug)]
pub struct NewJob {
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
}

impl NewJob {
    /// An urgent or usual job, at once.
    pub fn new(queue: Queue, kind: &'static str, payload: &impl Serialize) -> Result<Self> {
        let payload = serde_json::to_value(payload).map_err(anyhow::Error::from)?;
        Ok(Self {
            queue,
            kind,
            payload,
            priority: 5,
            run_at: None,
            dedup_key: None,
        })
    }
}

/// A written job, as it is handed out after the commit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    pub(crate) id: JobId,
    pub(crate) queue: Queue,
    pub(crate) priority: i16,
}

/// Writes the row; `None` when an unfinished job has the same key. Due ones are handed out by the commit.
pub(crate) async fn insert(
    db: &mut PgConnection,
    tenant: TenantId,
    job: &NewJob,
    now: Timestamp,
) -> Result<Option<Written>> {
    let id = JobId::at(now);
    let run_at = job.run_at.unwrap_or(now);
    let done = sqlx::query!(
        "INSERT INTO jobs (tenant_id, id, queue, kind, payload, priority, run_at, dedup_key, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (tenant_id, kind, dedup_key) WHERE dedup_key IS NOT NULL AND state IN ('ready', 'running') DO NOTHING",
        tenant.uuid(),
        id.uuid(),
        job.queue.as_str(),
        job.kind,
        job.payload,
        job.priority,
        run_at as _,
        job.dedup_key,
        now as _
    )
    .execute(db)
    .await?;
    let due = done.rows_affected() == 1 && run_at <= now;
    Ok(due.then_some(Written {
        id,
        queue: job.queue,
        priority: job.priority,
    }))
}
