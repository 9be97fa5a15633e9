//! Taking jobs: a conditional update of the rows, so that of all who were hinted one gets each; and keeping them.

use std::time::Duration;

use super::Queue;
use super::stream::Hint;
use crate::Hub;
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::{JobId, TenantId};

/// A job that is this worker's until its lease ends.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub id: JobId,
    /// Its line.
    pub queue: Queue,
    /// Which handler does it.
    pub kind: String,
    /// What the handler is told.
    pub payload: serde_json::Value,
    /// How often it was claimed, this time included. With the worker's name it is the claim's epoch: whoever lost the job
    /// has an older one and is refused.
    pub attempt: i32,
    /// After so many failed attempts it is dead.
    pub attempts_max: i32,
    /// How often it took its worker down.
    pub crashes: i32,
    /// When it was wanted.
    pub created_at: Timestamp,
}

/// Takes what of `hints` is due and nobody's, for `lease`. The attempt is counted before it runs; a lease that ran out
/// counts as a crash of the one who had it. The commit does not wait for the disk: a claim that a crash of the database
/// undoes is a job that is ready again, and whatever the handler commits makes its claim durable with it.
pub async fn claim(hub: &Hub, hints: &[Hint], lease: Duration) -> Result<Vec<Claimed>> {
    let tenants: Vec<_> = hints.iter().map(|hint| hint.tenant.uuid()).collect();
    let jobs: Vec<_> = hints.iter().map(|hint| hint.job.uuid()).collect();
    let mut tx = hub.db.system_relaxed().await?;
    let claimed = sqlx::query_as!(
        Claimed,
        r#"UPDATE jobs SET state = 'running', attempts = attempts + 1, worker = $3,
             crashes = crashes + CASE WHEN state = 'running' THEN 1 ELSE 0 END,
             lease_until = now() + $4::float8 * interval '1 second'
         FROM (
             SELECT j.tenant_id, j.id FROM jobs j
             JOIN unnest($1::uuid[], $2::uuid[]) AS asked (tenant_id, id) USING (tenant_id, id)
             WHERE (j.state = 'ready' AND j.run_at <= now()) OR (j.state = 'running' AND j.lease_until < now())
             FOR UPDATE OF j SKIP LOCKED
         ) AS free
         WHERE jobs.tenant_id = free.tenant_id AND jobs.id = free.id
         RETURNING jobs.tenant_id AS "tenant: TenantId", jobs.id AS "id: JobId", jobs.queue AS "queue: Queue", jobs.kind,
             jobs.payload, jobs.attempts AS attempt, jobs.attempts_max, jobs.crashes, jobs.created_at"#,
        &tenants,
        &jobs,
        &*hub.node,
        lease.as_secs_f64()
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(claimed)
}

/// Prolongs the leases of `held` (tenant, job, attempt); answers which of them are still ours. A row that its handler
/// has locked at this moment, or has marked done, is ours too.
pub async fn renew(hub: &Hub, held: &[(TenantId, JobId, i32)], lease: Duration) -> Result<Vec<JobId>> {
    let tenants: Vec<_> = held.iter().map(|(tenant, ..)| tenant.uuid()).collect();
    let jobs: Vec<_> = held.iter().map(|(_, job, _)| job.uuid()).collect();
    let attempts: Vec<_> = held.iter().map(|(.., attempt)| *attempt).collect();
    let mut tx = hub.db.system_relaxed().await?;
    let ours = sqlx::query_scalar!(
        r#"WITH ours AS (
             SELECT j.tenant_id, j.id FROM jobs j
             JOIN unnest($1::uuid[], $2::uuid[], $3::int4[]) AS held (tenant_id, id, attempt) USING (tenant_id, id)
             WHERE j.state IN ('running', 'done') AND j.worker = $4 AND j.attempts = held.attempt
         ), free AS (
             SELECT j.tenant_id, j.id FROM jobs j JOIN ours USING (tenant_id, id)
             WHERE j.state = 'running' AND j.worker = $4
             FOR UPDATE OF j SKIP LOCKED
         ), renewed AS (
             UPDATE jobs SET lease_until = now() + $5::float8 * interval '1 second'
             FROM free WHERE jobs.tenant_id = free.tenant_id AND jobs.id = free.id
         )
         SELECT id AS "id: JobId" FROM ours"#,
        &tenants,
        &jobs,
        &attempts,
        &*hub.node,
        lease.as_secs_f64()
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(ours)
}

/// Marks a job done in the transaction that does it: both happen or neither, once, whoever else believes to have the job.
///
/// # Errors
/// `Stale` when the job is no longer `worker`'s: the transaction must not be committed.
pub async fn done_in(tx: &mut Tx, job: JobId, attempt: i32, worker: &str) -> Result<()> {
    let tenant = tx.tenant().uuid();
    let done = sqlx::query!(
        "UPDATE jobs SET state = 'done', finished_at = now(), lease_until = NULL
         WHERE tenant_id = $1 AND id = $2 AND state = 'running' AND worker = $3 AND attempts = $4",
        tenant,
        job.uuid(),
        worker,
        attempt
    )
    .execute(&mut **tx)
    .await?;
    if done.rows_affected() == 1 {
        Ok(())
    } else {
        Err(Error::Stale)
    }
}
