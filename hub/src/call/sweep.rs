//! Calls whose node died: found by the absence of the node's heartbeat, claimed by one watcher, and led back to us.

use crate::Hub;
use crate::error::Result;
use crate::ids::{CallId, TenantId};

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
