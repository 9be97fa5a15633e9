//! The sweeper's look at the rows: due ones that nobody was hinted at, hints that Redis lost, leases that ran out. Also the
//! poll that stands in for the streams while Redis is away. Any number of workers sweep at once; they skip each other's
//! rows.

use std::time::Duration;

use super::Queue;
use super::stream::{self, Hint, Lane};
use crate::Hub;
use crate::error::Result;
use crate::ids::{JobId, TenantId};

/// A hint this old that is not in the stream any more was lost, or its reader died before it claimed.
const LOST_AFTER: Duration = Duration::from_secs(5);
/// Rows handed out by one statement.
const BATCH_MAX: i64 = 1_000;
/// Statements of one sweep: bounds how long it keeps the next queue waiting. The rest comes a second later.
const BATCHES_MAX: usize = 50;

/// Hands out again what is due and was never or vainly handed out; answers how many.
pub async fn sweep(hub: &Hub, queue: Queue) -> anyhow::Result<usize> {
    // Hints are read in the order of their handing out: one handed out before the oldest unread one is not waiting in the
    // stream, however long the stream is.
    let oldest_unread_ms = stream::oldest_unread_ms(&hub.kv, queue).await?;
    let mut swept = 0;
    for _ in 0..BATCHES_MAX {
        let hints = mark(hub, queue, oldest_unread_ms).await?;
        stream::hand_out(&hub.kv, &hints).await?;
        swept += hints.len();
        if hints.len() < usize::try_from(BATCH_MAX)? {
            break;
        }
    }
    Ok(swept)
}

async fn mark(hub: &Hub, queue: Queue, oldest_unread_ms: Option<i64>) -> Result<Vec<Hint>> {
    let mut tx = hub.db.system_relaxed().await?;
    let rows = sqlx::query!(
        r#"UPDATE jobs SET dispatched_at = now()
         FROM (
             SELECT tenant_id, id FROM jobs
             WHERE queue = $1 AND state IN ('ready', 'running') AND run_at <= now()
               AND (state = 'ready' OR lease_until < now())
               AND (dispatched_at IS NULL OR dispatched_at
                   < least(now(), to_timestamp($2::int8 / 1000.0)) - $3::float8 * interval '1 second')
             ORDER BY run_at LIMIT $4
             FOR UPDATE SKIP LOCKED
         ) AS due
         WHERE jobs.tenant_id = due.tenant_id AND jobs.id = due.id
         RETURNING jobs.tenant_id AS "tenant: TenantId", jobs.id AS "job: JobId", priority, now() AS "now!""#,
        queue.as_str(),
        oldest_unread_ms,
        LOST_AFTER.as_secs_f64(),
        BATCH_MAX
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    let hints = rows.into_iter().map(|row| Hint {
        tenant: row.tenant,
        job: row.job,
        queue,
        lane: Lane::of(row.priority),
        handed_out_ms: row.now.as_millisecond(),
    });
    Ok(hints.collect())
}

/// Up to `count` jobs to be run, straight from the rows: a few of each tenant that has any, so that a flood of one hides
/// nobody. For when Redis is away.
pub async fn due(hub: &Hub, queue: Queue, count: usize) -> Result<Vec<Hint>> {
    let count = i64::try_from(count).map_err(anyhow::Error::from)?;
    let mut tx = hub.db.system().await?;
    let rows = sqlx::query!(
        r#"WITH RECURSIVE waiting AS (
             (SELECT tenant_id FROM jobs WHERE queue = $1 AND state = 'ready' ORDER BY tenant_id LIMIT 1)
             UNION ALL
             SELECT (SELECT j.tenant_id FROM jobs j WHERE j.queue = $1 AND j.state = 'ready'
                 AND j.tenant_id > waiting.tenant_id ORDER BY j.tenant_id LIMIT 1)
             FROM waiting WHERE waiting.tenant_id IS NOT NULL
         )
         SELECT j.tenant_id AS "tenant!: TenantId", j.id AS "job!: JobId", j.priority AS "priority!"
         FROM (SELECT tenant_id FROM waiting WHERE tenant_id IS NOT NULL ORDER BY random() LIMIT $2) AS waiting
         CROSS JOIN LATERAL (
             SELECT * FROM jobs WHERE tenant_id = waiting.tenant_id AND queue = $1 AND state = 'ready' AND run_at <= now()
             ORDER BY priority, run_at LIMIT $2
         ) AS j
         UNION ALL
         (SELECT tenant_id, id, priority FROM jobs
          WHERE queue = $1 AND state = 'running' AND lease_until < now() AND run_at <= now() LIMIT $2)"#,
        queue.as_str(),
        count
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    let hints = rows.into_iter().map(|row| Hint {
        tenant: row.tenant,
        job: row.job,
        queue,
        lane: Lane::of(row.priority),
        handed_out_ms: 0,
    });
    Ok(hints.collect())
}
