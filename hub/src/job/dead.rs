//! Dead letters: jobs that were given up, listed and replayed by the tenant they belong to; and how its queues stand.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Queue, stream};
use crate::audit::{self, Line};
use crate::clock::Timestamp;
use crate::cursor::{self, Page};
use crate::error::{Error, OnConstraint as _, Result};
use crate::ids::{JobId, TenantId};
use crate::principal::Principal;
use crate::{Hub, db::Tx};

/// A job that was given up.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct DeadJob {
    /// Its id.
    pub id: JobId,
    /// Its line.
    pub queue: Queue,
    /// Which handler did it.
    pub kind: String,
    /// How often it was tried.
    pub attempts: i32,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// When it was wanted.
    pub created_at: Timestamp,
    /// When it was given up.
    pub finished_at: Option<Timestamp>,
    /// What its handler was told.
    #[schema(value_type = Object)]
    pub payload: serde_json::Value,
}

/// How one queue of a tenant stands.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct QueueStats {
    /// Which.
    pub queue: Queue,
    /// Due, and not taken yet.
    pub ready: i64,
    /// Not due yet: delayed, or between two attempts.
    pub delayed: i64,
    /// Being done.
    pub running: i64,
    /// Given up.
    pub dead: i64,
    /// How long the oldest due one has been waiting.
    pub oldest_ready_s: f64,
}

/// Where a page ended.
#[derive(Serialize, Deserialize)]
struct Position(Uuid);

/// A tenant's dead letters, latest first.
pub async fn list(hub: &Hub, tenant: TenantId, limit: u32, cursor: Option<&str>) -> Result<Page<DeadJob>> {
    let after: Option<Position> = cursor::open(hub, tenant, "jobs/dead", cursor)?;
    let mut tx = hub.db.tenant(tenant).await?;
    // A page whose last job was replayed meanwhile begins anew.
    let jobs = sqlx::query_as!(
        DeadJob,
        r#"SELECT id, queue AS "queue: Queue", kind, attempts, last_error, created_at, finished_at, payload FROM jobs
         WHERE tenant_id = $1 AND state = 'dead' AND coalesce((finished_at, id)
             < (SELECT b.finished_at, b.id FROM jobs b WHERE b.tenant_id = $1 AND b.id = $2 AND b.state = 'dead'), true)
         ORDER BY finished_at DESC, id DESC LIMIT $3"#,
        tenant.uuid(),
        after.map(|Position(id)| id),
        i64::from(limit) + 1
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Page::cut(hub, tenant, "jobs/dead", limit, jobs, |job| {
        Position(job.id.uuid())
    })
}

/// Runs a dead letter again, as if it were new.
///
/// # Errors
/// `NotFound` unless it is a dead letter of this tenant; `Conflict` when an unfinished job has its key by now.
pub async fn replay(hub: &Hub, principal: &Principal, job: JobId) -> Result<()> {
    let mut tx = hub.db.tenant(principal.tenant()).await?;
    let hint = revive(&mut tx, job).await?;
    let line = Line::new("job.replayed").target("job", job.uuid());
    audit::record(&mut tx, Some(principal), line).await?;
    tx.commit().await?;
    if let Err(fault) = stream::hand_out(&hub.kv, &[hint]).await {
        tracing::debug!(job.id = %job, error = format!("{fault:#}"), "Job {job} is left to the sweeper");
    }
    Ok(())
}

/// Forgets a dead letter: what it wanted will not be done.
///
/// # Errors
/// `NotFound` unless it is a dead letter of this tenant.
pub async fn discard(hub: &Hub, principal: &Principal, job: JobId) -> Result<()> {
    let mut tx = hub.db.tenant(principal.tenant()).await?;
    let kind = sqlx::query_scalar!(
        "DELETE FROM jobs WHERE tenant_id = $1 AND id = $2 AND state = 'dead' RETURNING kind",
        principal.tenant().uuid(),
        job.uuid()
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or(Error::NotFound("job"))?;
    let line = Line::new("job.discarded")
        .target("job", job.uuid())
        .detail(serde_json::json!({ "kind": kind }));
    audit::record(&mut tx, Some(principal), line).await?;
    tx.commit().await
}

async fn revive(tx: &mut Tx, job: JobId) -> Result<stream::Hint> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        r#"UPDATE jobs SET state = 'ready', attempts = 0, crashes = 0, run_at = now(), dispatched_at = now(),
             finished_at = NULL
         WHERE tenant_id = $1 AND id = $2 AND state = 'dead' RETURNING queue AS "queue: Queue", priority, now() AS "now!""#,
        tenant.uuid(),
        job.uuid()
    )
    .fetch_optional(&mut **tx)
    .await
    .on_constraint("jobs_dedup_key", || {
        Error::conflict("job_waiting", "the same work is already waiting to be done")
    })?
    .ok_or(Error::NotFound("job"))?;
    Ok(stream::Hint {
        tenant,
        job,
        queue: row.queue,
        lane: stream::Lane::of(row.priority),
        handed_out_ms: row.now.as_millisecond(),
    })
}

/// How a tenant's queues stand, those that hold anything.
pub async fn stats(hub: &Hub, tenant: TenantId) -> Result<Vec<QueueStats>> {
    let mut tx = hub.db.tenant(tenant).await?;
    let stats = sqlx::query_as!(
        QueueStats,
        r#"SELECT queue AS "queue: Queue",
             count(*) FILTER (WHERE state = 'ready' AND run_at <= now()) AS "ready!",
             count(*) FILTER (WHERE state = 'ready' AND run_at > now()) AS "delayed!",
             count(*) FILTER (WHERE state = 'running') AS "running!",
             count(*) FILTER (WHERE state = 'dead') AS "dead!",
             coalesce(extract(epoch FROM now() - min(run_at) FILTER (WHERE state = 'ready' AND run_at <= now())), 0)::float8
                 AS "oldest_ready_s!"
         FROM jobs WHERE tenant_id = $1 AND state <> 'done' GROUP BY queue ORDER BY queue"#,
        tenant.uuid()
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(stats)
}
