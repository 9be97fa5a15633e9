//! Calls whose node died: found by the absence of the node's heartbeat, claimed by one watcher, and led back to us.

use std::time::Duration;

use fred::prelude::{Expiration, KeysInterface as _, SetOptions};

use super::{Outcome, close};
use crate::error::Result;
use crate::ids::{CallId, TenantId};
use crate::{Hub, capacity, keys};

/// A call that is not over.
#[derive(Clone, Debug)]
pub struct Open {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub call: CallId,
    /// The provider's id.
    pub provider_id: String,
    /// How it reached us.
    pub source: String,
    /// Who carries it.
    pub node: Option<String>,
    /// Whether it was answered.
    pub live: bool,
    /// Since when.
    pub started_at: crate::clock::Timestamp,
}

/// All calls that are not over, oldest first.
pub async fn open(hub: &Hub, limit: i64) -> Result<Vec<Open>> {
    let mut tx = hub.db.system().await?;
    let rows = sqlx::query!(
        "SELECT tenant_id, id, provider_id, source, node, state, started_at FROM calls
         WHERE state IN ('ringing', 'live') ORDER BY started_at LIMIT $1",
        limit
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(rows
        .into_iter()
        .map(|row| Open {
            tenant: row.tenant_id,
            call: row.id,
            provider_id: row.provider_id,
            source: row.source,
            node: row.node,
            live: row.state == "live",
            started_at: row.started_at,
        })
        .collect())
}

/// A node that did not say so for this long is taken for dead.
const ALIVE_S: i64 = 3;
/// One watcher leads a call back; after this another may try.
const RESCUE_S: i64 = 20;

/// Says that this node is alive; to be said every second.
pub async fn beat(hub: &Hub) -> anyhow::Result<()> {
    let expires = Some(Expiration::EX(ALIVE_S));
    hub.kv
        .client()
        .set::<(), _, _>(keys::node_alive(&hub.node), 1, expires, None, false)
        .await?;
    Ok(())
}

/// Whether a node said so lately. An error says nothing about the node.
pub async fn is_alive(hub: &Hub, node: &str) -> anyhow::Result<bool> {
    Ok(hub.kv.client().exists::<i64, _>(keys::node_alive(node)).await? > 0)
}

/// Takes on leading this call back; `false` when another watcher has.
pub async fn claim(hub: &Hub, tenant: TenantId, call: CallId) -> anyhow::Result<bool> {
    let (key, expires) = (keys::call_rescue(tenant, call), Some(Expiration::EX(RESCUE_S)));
    let set: Option<String> = hub
        .kv
        .client()
        .set(key, &*hub.node, expires, Some(SetOptions::NX), false)
        .await?;
    Ok(set.is_some())
}

/// Between two looks that both find a call without a slot, before it is taken for lost.
pub const MISSED: Duration = Duration::from_secs(30);
/// A first look is forgotten after this: looks are half a minute apart, and the second may come late.
const MISSED_FORGOTTEN_S: i64 = 80;
/// Calls ended in one go; the next has the rest.
const LOST_MAX: usize = 500;

/// Ends calls that nobody holds a slot of at two looks at least [`MISSED`] apart: their node died, nobody led them back,
/// and the provider's report never came. To be done every half minute; answers how many were lost.
pub async fn end_lost(hub: &Hub) -> anyhow::Result<usize> {
    let mut lost = 0;
    for (tenant, call) in capacity::without_slot(hub, MISSED)
        .await?
        .into_iter()
        .take(LOST_MAX)
    {
        if !missed_before(hub, tenant, call).await? {
            continue;
        }
        let mut tx = hub.db.tenant(tenant).await?;
        let ended = close::close(&mut tx, call, Outcome::Lost).await?;
        tx.commit().await?;
        if ended.is_some() {
            lost += 1;
            metrics::counter!("switchboard_calls_lost_total").increment(1);
            tracing::warn!(call.id = %call, "Call {call} is lost: no node holds a slot of it");
        }
    }
    Ok(lost)
}

/// Whether an earlier look, long enough ago, missed the call's slot too. The first one is noted.
async fn missed_before(hub: &Hub, tenant: TenantId, call: CallId) -> anyhow::Result<bool> {
    let (key, now) = (keys::call_missed(tenant, call), hub.clock.now().as_millisecond());
    let expires = Some(Expiration::EX(MISSED_FORGOTTEN_S));
    let first: Option<i64> = hub
        .kv
        .client()
        .set(&key, now, expires, Some(SetOptions::NX), true)
        .await?;
    Ok(first.is_some_and(|first| now - first >= i64::try_from(MISSED.as_millis()).unwrap_or(i64::MAX)))
}

/// Whether no node carries the call, so that nobody hears it. Locks its row.
pub async fn is_uncarried(tx: &mut crate::db::Tx, call: CallId) -> Result<bool> {
    Ok(carrier(tx, call).await?.is_some_and(|node| node.is_none()))
}

/// Whether this node carries the call. Locks its row.
pub async fn is_carried_by(tx: &mut crate::db::Tx, call: CallId, node: &str) -> Result<bool> {
    Ok(carrier(tx, call).await?.flatten().as_deref() == Some(node))
}

/// Who carries the call, if there is such a call and anybody does. Locks its row.
async fn carrier(tx: &mut crate::db::Tx, call: CallId) -> Result<Option<Option<String>>> {
    let tenant = tx.tenant();
    let found = sqlx::query_scalar!(
        "SELECT node FROM calls WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
        tenant.uuid(),
        call.uuid()
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(found)
}

/// No node carries the call any more: it was handed over, or connected to a person.
pub async fn let_go(tx: &mut crate::db::Tx, call: CallId) -> Result<()> {
    carry(tx, call, None).await
}

/// The call is this node's again, if it is nobody's: it was let go for something that did not come about.
pub async fn give_back(tx: &mut crate::db::Tx, call: CallId, node: &str) -> Result<()> {
    if is_uncarried(tx, call).await? {
        carry(tx, call, Some(node)).await?;
    }
    Ok(())
}

async fn carry(tx: &mut crate::db::Tx, call: CallId, node: Option<&str>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "UPDATE calls SET node = $3 WHERE tenant_id = $1 AND id = $2",
        tenant.uuid(),
        call.uuid(),
        node
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
