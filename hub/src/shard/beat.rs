//! A worker's heartbeat, answered with what Postgres sees of all of them.

use std::time::Duration;

use super::claim::millis;
use super::{Epoch, Fleet, SEEN_WITHIN, Seen, Shard, Worker};
use crate::Hub;
use crate::error::Result;

/// Says that `me` lives (and whether it is about to leave) and answers with the fleet.
///
/// # Errors
/// When Postgres does not answer. Nobody may take that for "there are no others".
pub async fn beat(hub: &Hub, me: &str, leaving: bool) -> Result<Fleet> {
    let mut tx = hub.db.urgent().await?;
    sqlx::query!(
        "INSERT INTO shard_workers (name, started_at, seen_at, leaving) VALUES ($1, now(), now(), $2)
         ON CONFLICT ON CONSTRAINT shard_workers_pkey DO UPDATE SET seen_at = now(), leaving = $2",
        me,
        leaving
    )
    .execute(&mut *tx)
    .await?;
    let workers = sqlx::query_as!(
        Worker,
        "SELECT name, leaving FROM shard_workers
         WHERE seen_at > now() - $1::int8 * interval '1 millisecond' ORDER BY name",
        millis(SEEN_WITHIN)
    )
    .fetch_all(&mut *tx)
    .await?;
    let rows = sqlx::query!(
        r#"SELECT s.id AS "id!", s.epoch AS "epoch!", CASE WHEN s.lease_until > now() THEN s.owner END AS owner,
             CASE WHEN s.successor_until > now() THEN s.successor END AS successor,
             coalesce(s.settled_at <= now(), true) AS "settled!",
             coalesce(greatest(extract(epoch FROM now() - s.lease_until), 0), 0)::float8 AS "orphaned_s!",
             coalesce(n.sessions, 0)::int4 AS "sessions!"
           FROM shards s LEFT JOIN (
             SELECT t.whatsapp_shard AS shard, count(*) AS sessions FROM sessions n JOIN tenants t ON t.id = n.tenant_id
             WHERE n.desired <> 'stopped' OR n.observed NOT IN ('stopped', 'new', 'logged_out')
             GROUP BY t.whatsapp_shard) n ON n.shard = s.id
           ORDER BY s.id"#
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    let shards = rows.into_iter().map(|row| Seen {
        shard: Shard(row.id),
        epoch: Epoch::of(row.epoch),
        owner: row.owner,
        successor: row.successor,
        settled: row.settled,
        orphaned: Duration::try_from_secs_f64(row.orphaned_s).unwrap_or_default(),
        sessions: u32::try_from(row.sessions).unwrap_or_default(),
    });
    let shards = shards
        .filter(|seen| seen.sessions > 0 || seen.owner.is_some())
        .collect();
    Ok(Fleet { workers, shards })
}

/// Says that `me` is gone; also forgets workers that nobody saw for a day.
pub async fn leave(hub: &Hub, me: &str) -> Result<()> {
    let mut tx = hub.db.urgent().await?;
    sqlx::query!(
        "DELETE FROM shard_workers WHERE name = $1 OR seen_at < now() - interval '1 day'",
        me
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await
}
