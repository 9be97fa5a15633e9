//! Receipts: a provider's reports of what became of a message, in any order, any number of times.

use crate::Hub;
use crate::error::{Error, Result};
use crate::ids::{MessageId, RowId, TenantId};
use crate::message::send::{lock, write};
use crate::message::{Failure, State};

/// One report.
#[derive(Clone, Debug)]
pub struct Report {
    /// Of which message.
    pub message: MessageId,
    /// Of which attempt to send it.
    pub attempt: i32,
    /// The provider's id of it.
    pub provider_id: String,
    /// How far it says it is.
    pub state: State,
    /// Why it failed.
    pub failure: Option<Failure>,
}

/// How a provider is told which message and attempt its reports are of.
pub fn reference(message: MessageId, attempt: i32) -> String {
    format!("{message}.{attempt}")
}

/// Reads [`reference()`] back.
pub fn referenced(text: &str) -> Option<(MessageId, i32)> {
    let (message, attempt) = text.split_once('.')?;
    Some((message.parse().ok()?, attempt.parse().ok()?))
}

/// Joins a report with what is known. One that is not of the message's current attempt, or of another id than we know it
/// by, changes nothing. A report may be faster than the answer to the request that sent the message: then it settles it.
pub async fn record(hub: &Hub, tenant: TenantId, report: &Report) -> Result<()> {
    let mut tx = hub.db.tenant(tenant).await?;
    let now = tx.now();
    let row = match lock(&mut tx, report.message).await {
        Err(Error::NotFound(_)) => return Ok(()),
        other => other?,
    };
    let is_other = row
        .provider_id
        .as_ref()
        .is_some_and(|known| *known != report.provider_id);
    // A queued message was never with a provider: the report is of something else.
    if row.attempt != report.attempt || is_other || row.state == State::Queued {
        return Ok(());
    }
    let written = sqlx::query!(
        "INSERT INTO receipts (tenant_id, id, message_id, state, provider_code, at)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT ON CONSTRAINT receipts_state_key DO NOTHING",
        tenant.uuid(),
        RowId::at(now).uuid(),
        report.message.uuid(),
        report.state.as_str(),
        report.failure.as_ref().map(|failure| &failure.code),
        now as _
    )
    .execute(&mut *tx)
    .await?;
    let state = row.state.join(report.state);
    if written.rows_affected() == 0 && state == row.state {
        return Ok(());
    }
    let id = Some(report.provider_id.as_str());
    write(&mut tx, report.message, &row, state, id, report.failure.as_ref()).await?;
    tx.commit().await
}
