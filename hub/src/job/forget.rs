//! Old jobs: done ones are kept a week, dead ones a quarter, so that staff can still replay them.

use crate::Hub;
use crate::error::Result;

/// Done jobs are kept this long.
const DONE_KEPT_DAYS: i32 = 7;
/// Dead letters are kept this long.
const DEAD_KEPT_DAYS: i32 = 90;
/// Rows deleted by one statement.
const BATCH_MAX: i64 = 5_000;
/// Statements of one call; the rest goes next time.
const BATCHES_MAX: usize = 20;

/// Deletes what is older than that; answers how many.
pub async fn forget(hub: &Hub) -> Result<u64> {
    let mut forgotten = 0;
    for _ in 0..BATCHES_MAX {
        let batch = batch(hub).await?;
        forgotten += batch;
        if batch < BATCH_MAX.unsigned_abs() {
            break;
        }
    }
    Ok(forgotten)
}

async fn batch(hub: &Hub) -> Result<u64> {
    let mut tx = hub.db.system().await?;
    let deleted = sqlx::query!(
        "DELETE FROM jobs WHERE (tenant_id, id) IN (
             (SELECT tenant_id, id FROM jobs
              WHERE state = 'done' AND finished_at < now() - $1::int4 * interval '1 day' LIMIT $3)
             UNION ALL
             (SELECT tenant_id, id FROM jobs
              WHERE state = 'dead' AND finished_at < now() - $2::int4 * interval '1 day' LIMIT $3))",
        DONE_KEPT_DAYS,
        DEAD_KEPT_DAYS,
        BATCH_MAX
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(deleted.rows_affected())
}
