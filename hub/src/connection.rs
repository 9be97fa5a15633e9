//! Connections: a tenant's account at a provider, with its credentials sealed. Their shape is the connector's.

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
    let saved = sqlx::query_as!(
        Connection,
        "INSERT INTO connections (tenant_id, id, provider, account, credentials_sealed, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6)
         ON CONFLICT ON CONSTRAINT connections_pkey
         DO UPDATE SET credentials_sealed = EXCLUDED.credentials_sealed, updated_at = EXCLUDED.updated_at
         RETURNING id, provider, account, created_at",
        tenant.uuid(),
        id.uuid(),
        new.provider,
        new.account,
        sealed,
        now as _
    )
    .fetch_one(&mut **tx)
    .await
    .on_constraint("connections_account_key", || {
        Error::conflict("connection_exists", "this account is being connected by somebody else right now")
    })?;
    Ok(saved)
}

/// All, oldest first.
pub async fn list(tx: &mut Tx) -> Result<Vec<Connection>> {
    let all = sqlx::query_as!(
        Connection,
        "SELECT id, provider, account, created_at FROM connections WHERE tenant_id = $1 ORDER BY id",
        tx.tenant().uuid()
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(all)
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
