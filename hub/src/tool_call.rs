//! Tool calls: everything the agent asked us to do during a call, with what we answered.

use serde_json::Value;

use crate::db::Tx;
use crate::error::Result;
use crate::ids::{CallId, RowId};

/// Writes down that a tool was asked for and what came of it, beside the audit log's line.
pub async fn record(tx: &mut Tx, call: CallId, name: &str, arguments: &Value, result: &Value) -> Result<()> {
    let (tenant, now) = (tx.tenant(), tx.now());
    sqlx::query!(
        "INSERT INTO tool_calls (tenant_id, id, call_id, name, arguments, result, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        tenant.uuid(),
        RowId::at(now).uuid(),
        call.uuid(),
        name,
        arguments,
        result,
        now as _
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
