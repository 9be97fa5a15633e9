//! Taking, keeping and giving up a shard: one conditional update each, on the database's clock.

use std::time::{Duration, Instant};

use super::{Epoch, HAND_OVER, SETTLING, Shard, TTL, Tenure};
use crate::Hub;
use crate::error::Result;

/// Takes a shard that nobody holds; `None` when somebody else was faster, or it is kept for another.
pub async fn claim(hub: &Hub, me: &str, shard: Shard) -> Result<Option<Tenure>> {
    let asked = Instant::now();
    let mut tx = hub.db.urgent().await?;
    let epoch = sqlx::query_scalar!(
        "UPDATE shards SET owner = $1, epoch = epoch + 1, lease_until = now() + $3::int8 * interval '1 millisecond',
           settled_at = now() + $4::int8 * interval '1 millisecond', successor = NULL, successor_until = NULL
         WHERE id = $2 AND (owner IS NULL OR lease_until <= now())
           AND (successor IS NULL OR successor = $1 OR successor_until <= now())
         RETURNING epoch",
        me,
        shard.0,
        millis(TTL),
        millis(SETTLING)
    )
    .fetch_optional(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(epoch.map(|epoch| Tenure::begin(shard, Epoch::of(epoch), asked)))
}

/// Keeps what is held, all of it in one statement. Ends the tenures that Postgres knows nothing of any more.
///
/// # Errors
/// When Postgres does not answer: the tenures then run out by themselves.
pub async fn renew(hub: &Hub, me: &str, held: &[Tenure]) -> Result<()> {
    if held.is_empty() {
        return Ok(());
    }
    let asked = Instant::now();
    let (ids, epochs): (Vec<i16>, Vec<i64>) = held
        .iter()
        .map(|tenure| (tenure.shard.0, tenure.epoch.number()))
        .unzip();
    let mut tx = hub.db.urgent().await?;
    let kept = sqlx::query!(
        "UPDATE shards s SET lease_until = now() + $4::int8 * interval '1 millisecond'
         FROM unnest($2::int2[], $3::int8[]) AS mine (id, epoch)
         WHERE s.id = mine.id AND s.epoch = mine.epoch AND s.owner = $1 AND s.lease_until > now()
         RETURNING s.id, s.epoch",
        me,
        &ids,
        &epochs,
        millis(TTL)
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    for tenure in held {
        if kept
            .iter()
            .any(|row| row.id == tenure.shard.0 && row.epoch == tenure.epoch.number())
        {
            if !tenure.renewed(asked) {
                // The answer came after its end: nobody works it, so nobody is to wait for the lease.
                give_up(hub, me, tenure, None).await?;
            }
        } else {
            tenure.end();
        }
    }
    Ok(())
}

/// Gives a shard up, for anybody. To be called when nothing works on it any more.
pub async fn release(hub: &Hub, me: &str, tenure: &Tenure) -> Result<()> {
    give_up(hub, me, tenure, None).await
}

/// Gives a shard up for `successor`, who alone may take it for a moment.
pub async fn hand_over(hub: &Hub, me: &str, tenure: &Tenure, successor: &str) -> Result<()> {
    give_up(hub, me, tenure, Some(successor)).await
}

async fn give_up(hub: &Hub, me: &str, tenure: &Tenure, successor: Option<&str>) -> Result<()> {
    tenure.end();
    let mut tx = hub.db.urgent().await?;
    sqlx::query!(
        "UPDATE shards SET owner = NULL, lease_until = NULL, successor = $4,
           successor_until = CASE WHEN $4::text IS NOT NULL THEN now() + $5::int8 * interval '1 millisecond' END
         WHERE id = $1 AND owner = $2 AND epoch = $3",
        tenure.shard.0,
        me,
        tenure.epoch.number(),
        successor,
        millis(HAND_OVER)
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    // Whoever may take it looks at once.
    super::nudge(&hub.kv).await;
    Ok(())
}

pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
