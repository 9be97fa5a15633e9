//! Ticks: periodic work that is done once per slot of its schedule, whoever believes to lead.

use std::time::Duration;

use anyhow::Context as _;

use crate::Hub;
use crate::clock::Timestamp;
use crate::error::Result;

/// Work that takes longer is cut; it goes on in its next slot. Below the time a transaction may stand idle.
const LIMIT: Duration = Duration::from_secs(20);
/// Ticks are remembered this long.
const KEPT_DAYS: i32 = 30;

/// Does `work` of tick `name` for `slot`, unless it was done or is being done; answers whether it was done now. The row is
/// written with the work still under way and committed after it: who dies in between leaves the slot to the next leader.
///
/// # Errors
/// When the work fails: the slot is open again then.
pub async fn once(
    hub: &Hub,
    name: &str,
    slot: Timestamp,
    work: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<bool> {
    let mut tx = hub.db.system().await?;
    // Without it, a second one would wait for the first one's row instead of going its way.
    let free = sqlx::query_scalar!(
        r#"SELECT pg_try_advisory_xact_lock(hashtextextended('tick:' || $1, 0)) AS "free!""#,
        name
    )
    .fetch_one(&mut *tx)
    .await?;
    if !free {
        return Ok(false);
    }
    let opened = sqlx::query!(
        "INSERT INTO ticks (name, slot, ran_at) VALUES ($1, $2, $3) ON CONFLICT ON CONSTRAINT ticks_pkey DO NOTHING",
        name,
        slot as _,
        hub.clock.now() as _
    )
    .execute(&mut *tx)
    .await?;
    if opened.rows_affected() == 0 {
        return Ok(false);
    }
    tokio::time::timeout(LIMIT, work)
        .await
        .with_context(|| format!("do the work of {name} within {} s", LIMIT.as_secs()))??;
    tx.commit().await?;
    Ok(true)
}

/// Forgets old ticks; answers how many.
pub async fn forget(hub: &Hub) -> Result<u64> {
    let mut tx = hub.db.system().await?;
    let forgotten = sqlx::query!(
        "DELETE FROM ticks WHERE slot < now() - $1::int4 * interval '1 day'",
        KEPT_DAYS
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(forgotten.rows_affected())
}
