//! Connections: a tenant's account at a provider, with its credentials sealed. Their shape is the connector's.

pub mod sweep;

use serde::Serialize;
use zeroize::Zeroizing;

use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::{Error, OnConstraint as _, Result};
use crate::ids::ConnectionId;
use crate::seal::{Place, Sealer};

/// An account at a provider. Never its credentials.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Connection {
    /// Its id.
    pub id: ConnectionId,
    /// Which provider (`twilio`).
    pub provider: String,
    /// The provider's own name of the account.
    pub account: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// What the provider was asked because it had not told us; none before the first time.
    pub sweep: Option<Sweep>,
}

/// A connection's health: whether its provider answers, and what it had not told us.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Sweep {
    /// When it was last asked.
    pub swept_at: Timestamp,
    /// Since when it does not answer.
    pub failing_since: Option<Timestamp>,
    /// Why, and what to do.
    pub problem: Option<String>,
    /// Texts taken in that it had not told us of.
    pub texts_found: i64,
    /// Reports taken in that it had not told us of.
    pub receipts_found: i64,
}

/// What a new connection needs.
pub struct NewConnection<'a> {
    /// Which provider.
    pub provider: &'a str,
    /// The provider's own name of the account.
    pub account: &'a str,
    /// What the connector wants back to sign in.
    pub credentials: Zeroizing<Vec<u8>>,
}

/// Keeps an account; the same account again replaces its credentials.
pub async fn save(tx: &mut Tx, sealer: &Sealer, new: NewConnection<'_>) -> Result<Connection> {
    let (tenant, now) = (tx.tenant(), tx.now());
    let existing = sqlx::query_scalar!(
        "SELECT id FROM connections WHERE tenant_id = $1 AND provider = $2 AND account = $3 FOR UPDATE",
        tenant.uuid(),
        new.provider,
        new.account
    )
    .fetch_optional(&mut **tx)
    .await?;
    let id = existing.unwrap_or_else(|| ConnectionId::at(now));
    let sealed = sealer.seal(place(tx, id), &new.credentials)?;
    sqlx::query!(
        "INSERT INTO connections (tenant_id, id, provider, account, credentials_sealed, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6)
         ON CONFLICT ON CONSTRAINT connections_pkey
         DO UPDATE SET credentials_sealed = EXCLUDED.credentials_sealed, updated_at = EXCLUDED.updated_at",
        tenant.uuid(),
        id.uuid(),
        new.provider,
        new.account,
        sealed,
        now as _
    )
    .execute(&mut **tx)
    .await
    .on_constraint("connections_account_key", || {
        Error::conflict("connection_exists", "this account is being connected by somebody else right now")
    })?;
    let all = list(tx).await?;
    all.into_iter()
        .find(|connection| connection.id == id)
        .ok_or(Error::NotFound("connection"))
}

/// All, oldest first.
pub async fn list(tx: &mut Tx) -> Result<Vec<Connection>> {
    let rows = sqlx::query!(
        r#"SELECT c.id, c.provider, c.account, c.created_at, s.swept_at AS "swept_at?", s.failing_since AS "failing_since?",
             s.problem AS "problem?", s.texts_found AS "texts_found?", s.receipts_found AS "receipts_found?"
         FROM connections c
         LEFT JOIN connection_sweeps s ON s.tenant_id = c.tenant_id AND s.connection_id = c.id
         WHERE c.tenant_id = $1 ORDER BY c.id"#,
        tx.tenant().uuid()
    )
    .fetch_all(&mut **tx)
    .await?;
    let all = rows.into_iter().map(|row| Connection {
        id: row.id,
        provider: row.provider,
        account: row.account,
        created_at: row.created_at,
        sweep: row.swept_at.map(|swept_at| Sweep {
            swept_at,
            failing_since: row.failing_since,
            problem: row.problem,
            texts_found: row.texts_found.unwrap_or(0),
            receipts_found: row.receipts_found.unwrap_or(0),
        }),
    });
    Ok(all.collect())
}

/// The credentials, opened.
pub async fn credentials(tx: &mut Tx, sealer: &Sealer, id: ConnectionId) -> Result<Zeroizing<Vec<u8>>> {
    let sealed = sqlx::query_scalar!(
        "SELECT credentials_sealed FROM connections WHERE tenant_id = $1 AND id = $2",
        tx.tenant().uuid(),
        id.uuid()
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or(Error::NotFound("connection"))?;
    Ok(Zeroizing::new(sealer.open(place(tx, id), &sealed)?))
}

fn place(tx: &Tx, id: ConnectionId) -> Place<'static> {
    Place {
        tenant: tx.tenant(),
        table: "connections",
        column: "credentials_sealed",
        row: id.uuid(),
    }
}
