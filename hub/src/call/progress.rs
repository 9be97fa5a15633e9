//! How a call goes on: taken up by a node, handed to another agent, ended, not taken. Each is a join: told twice or late,
//! it changes nothing.

use super::{Call, Outcome, State, get, state_of, status, tell};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::CallId;

/// Node `node` carries the call from now on, with `agent` speaking. Refused once the call is over.
pub async fn take_up(tx: &mut Tx, call: CallId, node: &str, agent: &str) -> Result<Call> {
    let (tenant, now) = (tx.tenant(), tx.now());
    let taken = sqlx::query!(
        "UPDATE calls SET state = 'live', node = $3, agent = $4, answered_at = coalesce(answered_at, $5),
                          version = version + 1
         WHERE tenant_id = $1 AND id = $2 AND state IN ('ringing', 'live')",
        tenant.uuid(),
        call.uuid(),
        node,
        agent,
        now as _
    )
    .execute(&mut **tx)
    .await?;
    if taken.rows_affected() == 0 {
        get(tx, call).await?;
        return Err(Error::conflict("call_over", "the call is over"));
    }
    tell(tx, "call.updated", call).await
}

/// Another agent speaks from now on.
pub async fn set_agent(tx: &mut Tx, call: CallId, agent: &str) -> Result<()> {
    let tenant = tx.tenant();
    let changed = sqlx::query!(
        "UPDATE calls SET agent = $3, version = version + 1
         WHERE tenant_id = $1 AND id = $2 AND agent IS DISTINCT FROM $3 AND state IN ('ringing', 'live')",
        tenant.uuid(),
        call.uuid(),
        agent
    )
    .execute(&mut **tx)
    .await?;
    if changed.rows_affected() > 0 {
        tell(tx, "call.updated", call).await?;
    }
    Ok(())
}

/// The call is over. `None` when it was before. A call that nobody of ours had heard stays among those not taken.
pub async fn end(tx: &mut Tx, call: CallId, outcome: Outcome) -> Result<Option<Call>> {
    let (tenant, now) = (tx.tenant(), tx.now());
    let ended = sqlx::query!(
        "UPDATE calls SET state = CASE WHEN answered_at IS NULL THEN 'not_taken' ELSE 'ended' END,
                          outcome = coalesce(outcome, $3), ended_at = $4, version = version + 1
         WHERE tenant_id = $1 AND id = $2 AND state IN ('ringing', 'live')",
        tenant.uuid(),
        call.uuid(),
        outcome.as_str(),
        now as _
    )
    .execute(&mut **tx)
    .await?;
    if ended.rows_affected() == 0 {
        return Ok(None);
    }
    tell(tx, "call.ended", call).await.map(Some)
}

/// We do not take the call; the caller gets `fallback` instead.
pub async fn not_taken(tx: &mut Tx, call: CallId, outcome: Outcome, fallback: &str) -> Result<Call> {
    let (tenant, now) = (tx.tenant(), tx.now());
    sqlx::query!(
        "UPDATE calls SET state = 'not_taken', outcome = $3, fallback = $4, ended_at = $5, version = version + 1
         WHERE tenant_id = $1 AND id = $2 AND state = 'ringing'",
        tenant.uuid(),
        call.uuid(),
        outcome.as_str(),
        fallback,
        now as _
    )
    .execute(&mut **tx)
    .await?;
    tell(tx, "call.ended", call).await
}

/// Why it will end, noted before it does: a call that was transferred ends when the other leg does.
pub async fn note_outcome(tx: &mut Tx, call: CallId, outcome: Outcome) -> Result<()> {
    let tenant = tx.tenant();
    let noted = sqlx::query!(
        "UPDATE calls SET outcome = $3, version = version + 1
         WHERE tenant_id = $1 AND id = $2 AND outcome IS NULL",
        tenant.uuid(),
        call.uuid(),
        outcome.as_str()
    )
    .execute(&mut **tx)
    .await?;
    if noted.rows_affected() > 0 {
        tell(tx, "call.updated", call).await?;
    }
    Ok(())
}

/// The person it was transferred to did not pick up: how it ends is open again.
pub async fn transfer_failed(tx: &mut Tx, call: CallId) -> Result<()> {
    let tenant = tx.tenant();
    let changed = sqlx::query!(
        "UPDATE calls SET outcome = NULL, version = version + 1
         WHERE tenant_id = $1 AND id = $2 AND outcome = 'transferred' AND state IN ('ringing', 'live')",
        tenant.uuid(),
        call.uuid()
    )
    .execute(&mut **tx)
    .await?;
    if changed.rows_affected() > 0 {
        tell(tx, "call.updated", call).await?;
    }
    Ok(())
}

/// What the call was about.
pub async fn set_summary(tx: &mut Tx, call: CallId, summary: &str) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "UPDATE calls SET summary = $3, version = version + 1 WHERE tenant_id = $1 AND id = $2",
        tenant.uuid(),
        call.uuid(),
        summary
    )
    .execute(&mut **tx)
    .await?;
    tell(tx, "call.updated", call).await?;
    Ok(())
}

/// Joins a status that the provider reported; a final one ends the call. `None` when the call was over or goes on.
pub async fn provider_status(tx: &mut Tx, call: CallId, reported: status::Status) -> Result<Option<Call>> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        "SELECT provider_status, state FROM calls WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
        tenant.uuid(),
        call.uuid()
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or(Error::NotFound("call"))?;
    let before = row.provider_status.parse().unwrap_or(status::Status::Queued);
    let joined = status::join(before, reported);
    if joined != before {
        sqlx::query!(
            "UPDATE calls SET provider_status = $3 WHERE tenant_id = $1 AND id = $2",
            tenant.uuid(),
            call.uuid(),
            joined.as_str()
        )
        .execute(&mut **tx)
        .await?;
    }
    match joined.outcome() {
        Some(outcome) if !state_of(&row.state).is_over() => end(tx, call, outcome).await,
        _ => Ok(None),
    }
}

/// One more time the call came back from a lost node; answers how often it did.
pub async fn count_resume(tx: &mut Tx, call: CallId) -> Result<(State, i32)> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        "UPDATE calls SET resumes = resumes + 1 WHERE tenant_id = $1 AND id = $2 RETURNING state, resumes",
        tenant.uuid(),
        call.uuid()
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or(Error::NotFound("call"))?;
    Ok((state_of(&row.state), row.resumes))
}
