//! Repeated writes: the first answer to an `Idempotency-Key` is kept for a day and given again, sealed, since some answers
//! are shown once.

use std::time::Duration;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use crate::Hub;
use crate::error::{Error, Result};
use crate::principal::Principal;
use crate::seal::Place;

/// How long an answer is kept.
pub const KEPT: Duration = Duration::from_hours(24);
/// A first request that has not answered by now will not: its process died.
const RUNS_MAX: Duration = Duration::from_mins(1);
/// Rows deleted by one statement of the sweep.
const SWEPT_MAX: i64 = 10_000;

/// What a key means for the request that carries it.
#[derive(Debug, PartialEq, Eq)]
pub enum Begun {
    /// Do it, then [`finish`] or [`release`].
    First,
    /// It was done; this was the answer.
    Again(Answer),
}

/// A kept answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// Takes a key for a request, of which `fingerprint` is the hash.
///
/// # Errors
/// `Conflict` while the first request runs or when it ended without an answer; `Invalid` when the key was used for another.
pub async fn begin(hub: &Hub, by: &Principal, key: &str, fingerprint: [u8; 32]) -> Result<Begun> {
    if key.is_empty() || key.len() > 255 {
        return Err(Error::invalid(
            "bad_key",
            "Idempotency-Key must have 1 to 255 characters",
        ));
    }
    let mut tx = hub.db.tenant(by.tenant()).await?;
    let now = tx.now();
    let taken = sqlx::query!(
        "INSERT INTO idempotency_keys AS k (tenant_id, actor_id, key, fingerprint, created_at)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (tenant_id, actor_id, key) DO UPDATE
             SET fingerprint = excluded.fingerprint, status = NULL, body = NULL, created_at = excluded.created_at
             WHERE k.created_at < $6",
        by.tenant().uuid(),
        by.actor_id(),
        key,
        fingerprint.as_slice(),
        now as _,
        now.before(KEPT) as _
    )
    .execute(&mut *tx)
    .await?;
    if taken.rows_affected() == 1 {
        tx.commit().await?;
        return Ok(Begun::First);
    }
    let kept = sqlx::query!(
        "SELECT fingerprint, status, body, created_at FROM idempotency_keys
         WHERE tenant_id = $1 AND actor_id = $2 AND key = $3",
        by.tenant().uuid(),
        by.actor_id(),
        key
    )
    .fetch_one(&mut *tx)
    .await?;
    tx.commit().await?;
    if !bool::from(kept.fingerprint.as_slice().ct_eq(fingerprint.as_slice())) {
        let detail = "this Idempotency-Key was used for another request; use a new one";
        return Err(Error::invalid("key_reused", detail));
    }
    match (kept.status, kept.body) {
        (Some(status), Some(body)) => Ok(Begun::Again(Answer {
            status: u16::try_from(status).map_err(anyhow::Error::from)?,
            body: hub.sealer.open(place(by, key), &body)?,
        })),
        _ if now.since(kept.created_at) < RUNS_MAX => {
            let detail = "the first request with this Idempotency-Key is still running; ask again";
            Err(Error::conflict("still_running", detail))
        }
        _ => {
            let detail = "the first request with this Idempotency-Key ended without an answer; see whether it took \
                          effect before you send it with a new key";
            Err(Error::conflict("outcome_unknown", detail))
        }
    }
}

/// Keeps the answer.
pub async fn finish(hub: &Hub, by: &Principal, key: &str, answer: &Answer) -> Result<()> {
    let sealed = hub.sealer.seal(place(by, key), &answer.body)?;
    let status = i16::try_from(answer.status).map_err(anyhow::Error::from)?;
    let mut tx = hub.db.tenant(by.tenant()).await?;
    sqlx::query!(
        "UPDATE idempotency_keys SET status = $4, body = $5 WHERE tenant_id = $1 AND actor_id = $2 AND key = $3",
        by.tenant().uuid(),
        by.actor_id(),
        key,
        status,
        sealed
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await
}

/// Gives the key back: nothing was done.
pub async fn release(hub: &Hub, by: &Principal, key: &str) -> Result<()> {
    let mut tx = hub.db.tenant(by.tenant()).await?;
    sqlx::query!(
        "DELETE FROM idempotency_keys WHERE tenant_id = $1 AND actor_id = $2 AND key = $3 AND status IS NULL",
        by.tenant().uuid(),
        by.actor_id(),
        key
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await
}

/// Deletes answers of all tenants that are older than a day. Says how many; the scheduler's work.
pub async fn sweep(hub: &Hub) -> Result<u64> {
    let mut tx = hub.db.system().await?;
    let gone = sqlx::query!(
        "DELETE FROM idempotency_keys WHERE (tenant_id, actor_id, key) IN (
             SELECT tenant_id, actor_id, key FROM idempotency_keys WHERE created_at < $1 LIMIT $2)",
        hub.clock.now().before(KEPT) as _,
        SWEPT_MAX
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(gone.rows_affected())
}

/// The row's own name, made of what identifies it.
fn place<'a>(by: &Principal, key: &str) -> Place<'a> {
    let mut hash = Sha256::new();
    hash.update(by.actor_id().as_bytes());
    hash.update(key.as_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    Place {
        tenant: by.tenant(),
        table: "idempotency_keys",
        column: "body",
        row: Uuid::from_slice(digest.split_at(16).0).unwrap_or_default(),
    }
}
