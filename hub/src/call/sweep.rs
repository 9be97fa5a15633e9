//! Calls whose node died: found by the absence of the node's heartbeat, claimed by one watcher, and led back to us.

use fred::prelude::{Expiration, KeysInterface as _, SetOptions};

use crate::error::Result;
use crate::ids::{CallId, TenantId};
use crate::{Hub, keys};

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

/// No node carries the call any more: it was handed over, or connected to a person.
pub async fn let_go(tx: &mut crate::db::Tx, call: CallId) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "UPDATE calls SET node = NULL WHERE tenant_id = $1 AND id = $2",
        tenant.uuid(),
        call.uuid()
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
