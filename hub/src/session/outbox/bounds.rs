//! Bounds of an outbox: how much waits in it at most, and how long what is settled is kept. Words that nobody can send any
//! more are better refused, while whoever says them is still there to hear it.

use std::time::Duration;

use super::Order;
use crate::Hub;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::SessionId;

/// Items of one session that are not settled, at most; two at the same moment may be one more.
const OPEN_MAX: i64 = 1_000;
/// From so many on nothing is marked as read any more: the rest is for words.
const MARKS_BELOW: i64 = 800;
/// Items that one order marks as read; of more, the newest.
const MARKED_MAX: usize = 512;
/// What was settled is kept for so long, for whoever looks into a fault. Nothing reads it: what is said later about an item
/// is found by the message's own name of it.
const SETTLED_KEPT: Duration = Duration::from_hours(7 * 24);
/// Rows deleted by one statement.
const BATCH_MAX: i64 = 5_000;
/// Statements of one sweep; the rest goes next time.
const BATCHES_MAX: usize = 20;

/// Whether one more may wait.
pub(super) async fn admit(tx: &mut Tx, session: SessionId) -> Result<()> {
    if open(tx, session).await? < OPEN_MAX {
        return Ok(());
    }
    let what = format!(
        "{OPEN_MAX} messages wait already to be sent from this WhatsApp number. See under Channels why they do, and \
         send this one when some have gone out."
    );
    Err(Error::conflict("outbox_full", what))
}

/// Marks items of a chat as read, together with those that wait to be marked; nothing when there is no room.
pub(super) async fn join(
    tx: &mut Tx,
    session: SessionId,
    chat: &str,
    items: &[String],
) -> Result<Option<Order>> {
    // Whoever is about to send it finds it gone and passes on; what has begun to be sent stays what it is.
    let waiting = sqlx::query_scalar!(
        "DELETE FROM session_outbox
         WHERE tenant_id = $1 AND session_id = $2 AND state = 'ready' AND order_body ->> 'type' = 'read'
           AND order_body ->> 'chat' = $3
         RETURNING order_body",
        tx.tenant().uuid(),
        session.uuid(),
        chat
    )
    .fetch_all(&mut **tx)
    .await?;
    if waiting.is_empty() && open(tx, session).await? >= MARKS_BELOW {
        return Ok(None);
    }
    let mut all = items.to_vec();
    for order in waiting {
        if let Order::Read { items, .. } = serde_json::from_value(order).map_err(anyhow::Error::from)? {
            all.extend(items);
        }
    }
    let mut seen = std::collections::HashSet::new();
    all.retain(|item| seen.insert(item.clone()));
    all.truncate(MARKED_MAX);
    Ok(Some(Order::Read {
        chat: chat.to_owned(),
        items: all,
    }))
}

/// How much waits, counted no further than matters.
async fn open(tx: &mut Tx, session: SessionId) -> Result<i64> {
    let open = sqlx::query_scalar!(
        r#"SELECT count(*) AS "open!" FROM (
             SELECT FROM session_outbox
             WHERE tenant_id = $1 AND session_id = $2 AND state IN ('ready', 'sending') LIMIT $3) AS counted"#,
        tx.tenant().uuid(),
        session.uuid(),
        OPEN_MAX
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(open)
}

/// Deletes what was settled of all tenants, once it is old; answers how much.
pub async fn forget(hub: &Hub) -> Result<u64> {
    let mut forgotten = 0;
    for _ in 0..BATCHES_MAX {
        let mut tx = hub.db.system().await?;
        let deleted = sqlx::query!(
            "DELETE FROM session_outbox WHERE (tenant_id, id) IN (
                 SELECT tenant_id, id FROM session_outbox
                 WHERE state IN ('done', 'failed') AND created_at < $1 ORDER BY created_at LIMIT $2)",
            hub.clock.now().before(SETTLED_KEPT) as _,
            BATCH_MAX
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        tx.commit().await?;
        forgotten += deleted;
        if deleted < BATCH_MAX.unsigned_abs() {
            break;
        }
    }
    Ok(forgotten)
}
