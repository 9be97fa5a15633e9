//! What sign-in leaves behind: sign-ins that ended and links that were used or ran out, deleted a week later.

use std::time::Duration;

use crate::Hub;
use crate::error::Result;

const KEPT: Duration = Duration::from_hours(7 * 24);
/// Rows deleted by one statement.
const SWEPT_MAX: i64 = 10_000;

/// Deletes them for all tenants. Says how many; the scheduler's work.
pub async fn sweep(hub: &Hub) -> Result<u64> {
    let before = hub.clock.now().before(KEPT);
    let mut tx = hub.db.system().await?;
    let families = sqlx::query!(
        "DELETE FROM refresh_families WHERE (tenant_id, id) IN (
             SELECT tenant_id, id FROM refresh_families
             WHERE expires_at < $1 OR revoked_at < $1 LIMIT $2)",
        before as _,
        SWEPT_MAX
    )
    .execute(&mut *tx)
    .await?;
    let links = sqlx::query!(
        "DELETE FROM sign_in_links WHERE (tenant_id, id) IN (
             SELECT tenant_id, id FROM sign_in_links WHERE expires_at < $1 LIMIT $2)",
        before as _,
        SWEPT_MAX
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(families.rows_affected() + links.rows_affected())
}
