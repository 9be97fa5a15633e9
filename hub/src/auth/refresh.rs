//! Refresh tokens: each is used once and followed by the next. One that comes back after its grace was stolen, from us or
//! from its owner; since nobody can tell which, the whole family ends.
//!
//! Two tabs that refresh at once, or one whose answer was lost, are no theft: for ten seconds a used token answers with
//! the same successor, unless that successor was used itself.

use std::time::Duration;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::access::Claims;
use super::{Revoked, revocation};
use crate::Hub;
use crate::audit::{self, Line};
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::{FamilyId, RowId, StaffId, TenantId, random_bytes};
use crate::seal::Place;

/// A sign-in ends when it was not refreshed for this long,
pub(crate) const IDLE_LIFE: Duration = Duration::from_hours(14 * 24);
/// and at the latest after this long.
pub(crate) const LIFE: Duration = Duration::from_hours(90 * 24);
/// How long a used token answers with its successor.
pub(crate) const GRACE: Duration = Duration::from_secs(10);

/// What a refresh, or a sign-in, yields.
#[derive(Debug)]
pub(crate) struct Continued {
    pub(crate) claims: Claims,
    pub(crate) token: String,
    pub(crate) expires_at: Timestamp,
}

const REFUSED: Error = Error::Unauthorized {
    code: "bad_refresh",
    detail: "sign in again",
};

/// Begins a family: somebody signed in.
pub(crate) async fn begin(
    tx: &mut Tx,
    staff: StaffId,
    session: i32,
    user_agent: Option<&str>,
) -> Result<Continued> {
    let (tenant, now) = (tx.tenant(), tx.now());
    let family = FamilyId::at(now);
    let expires_at = now.after(IDLE_LIFE);
    let user_agent: Option<String> = user_agent.map(|text| text.chars().take(300).collect());
    sqlx::query!(
        "INSERT INTO refresh_families (tenant_id, id, staff_id, user_agent, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
        tenant.uuid(),
        family.uuid(),
        staff.uuid(),
        user_agent,
        now as _,
        expires_at as _
    )
    .execute(&mut **tx)
    .await?;
    let (token, _) = insert(tx, family, 1).await?;
    let claims = Claims {
        tenant,
        staff,
        family,
        session,
    };
    Ok(Continued {
        claims,
        token,
        expires_at,
    })
}

/// A token's row, its family and its person, locked in that order of importance: the family alone serialises.
struct Found {
    id: RowId,
    generation: i32,
    token_hash: Vec<u8>,
    successor_sealed: Option<Vec<u8>>,
    used_at: Option<Timestamp>,
    family: FamilyId,
    family_created_at: Timestamp,
    staff: StaffId,
    session_version: i32,
}

/// Follows a token by its successor.
///
/// # Errors
/// `Unauthorized`: unknown, wrong, expired, revoked – or used before, which revokes its family.
pub(crate) async fn follow(hub: &Hub, token: &str) -> Result<Continued> {
    let (tenant, id, secret) = super::parse_token(token).ok_or(REFUSED)?;
    let mut tx = hub.db.tenant(tenant).await?;
    let found = find(&mut tx, id).await?.ok_or(REFUSED)?;
    // A right id with a wrong secret changes nothing: whoever holds the right one goes on.
    if !bool::from(hash(&secret).as_slice().ct_eq(found.token_hash.as_slice())) {
        return Err(REFUSED);
    }
    let now = tx.now();
    let token = match found.used_at {
        None => advance(hub, &mut tx, &found).await?,
        Some(used_at) => {
            let again = if now.since(used_at) <= GRACE {
                successor(hub, &mut tx, &found).await?
            } else {
                None
            };
            let Some(token) = again else {
                return Err(stolen(hub, tx, &found).await?);
            };
            token
        }
    };
    let last = found.family_created_at.after(LIFE);
    let expires_at = now.after(IDLE_LIFE).min(last);
    sqlx::query!(
        "UPDATE refresh_families SET expires_at = $3 WHERE tenant_id = $1 AND id = $2",
        tenant.uuid(),
        found.family.uuid(),
        expires_at as _
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    let claims = Claims {
        tenant,
        staff: found.staff,
        family: found.family,
        session: found.session_version,
    };
    Ok(Continued {
        claims,
        token,
        expires_at,
    })
}

/// Ends the family a token belongs to: a logout. An unknown token is a logout that happened already.
pub(crate) async fn end(hub: &Hub, token: &str) -> Result<()> {
    let Some((tenant, id, secret)) = super::parse_token(token) else {
        return Ok(());
    };
    let mut tx = hub.db.tenant(tenant).await?;
    let Some(found) = find(&mut tx, id).await? else {
        return Ok(());
    };
    if !bool::from(hash(&secret).as_slice().ct_eq(found.token_hash.as_slice())) {
        return Ok(());
    }
    revoke(&mut tx, found.family, "logout").await?;
    let line = Line::new("auth.signed_out").target("staff", found.staff.uuid());
    audit::record_staff(&mut tx, found.staff, line).await?;
    tx.commit().await?;
    revocation::announce(hub, Revoked::family(tenant, found.family)).await;
    Ok(())
}

/// Ends every sign-in of a person, but perhaps one: their password changed, they were disabled.
pub(crate) async fn end_all(tx: &mut Tx, staff: StaffId, but: Option<FamilyId>, reason: &str) -> Result<()> {
    sqlx::query!(
        "UPDATE refresh_families SET revoked_at = $4, revoked_reason = $5
         WHERE tenant_id = $1 AND staff_id = $2 AND revoked_at IS NULL AND ($3::uuid IS NULL OR id <> $3)",
        tx.tenant().uuid(),
        staff.uuid(),
        but.map(FamilyId::uuid),
        tx.now() as _,
        reason
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn find(tx: &mut Tx, id: RowId) -> Result<Option<Found>> {
    let (tenant, now) = (tx.tenant(), tx.now());
    // Two refreshes of one family wait for each other here; the second then reads what the first left.
    sqlx::query!(
        "SELECT f.id FROM refresh_families f
         WHERE f.tenant_id = $1 AND f.id = (SELECT family_id FROM refresh_tokens WHERE tenant_id = $1 AND id = $2)
         FOR UPDATE",
        tenant.uuid(),
        id.uuid()
    )
    .fetch_optional(&mut **tx)
    .await?;
    let found = sqlx::query_as!(
        Found,
        "SELECT r.id, r.generation, r.token_hash, r.successor_sealed, r.used_at,
                f.id AS family, f.created_at AS family_created_at, s.id AS staff, s.session_version
         FROM refresh_tokens r
         JOIN refresh_families f ON f.tenant_id = r.tenant_id AND f.id = r.family_id
         JOIN staff s ON s.tenant_id = f.tenant_id AND s.id = f.staff_id
         JOIN tenants t ON t.id = r.tenant_id
         WHERE r.tenant_id = $1 AND r.id = $2 AND f.revoked_at IS NULL AND f.expires_at > $3
           AND s.disabled_at IS NULL AND t.suspended_at IS NULL",
        tenant.uuid(),
        id.uuid(),
        now as _
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(found)
}

/// Uses an unused token: its successor is written beside it, sealed, for the grace.
async fn advance(hub: &Hub, tx: &mut Tx, found: &Found) -> Result<String> {
    let (tenant, now) = (tx.tenant(), tx.now());
    let (token, _) = insert(tx, found.family, found.generation + 1).await?;
    let sealed = hub.sealer.seal(place(tenant, found.id), token.as_bytes())?;
    sqlx::query!(
        "UPDATE refresh_tokens SET used_at = $3, successor_sealed = $4 WHERE tenant_id = $1 AND id = $2",
        tenant.uuid(),
        found.id.uuid(),
        now as _,
        sealed
    )
    .execute(&mut **tx)
    .await?;
    // The one before has a successor that is now used: nobody is given it again.
    sqlx::query!(
        "UPDATE refresh_tokens SET successor_sealed = NULL
         WHERE tenant_id = $1 AND family_id = $2 AND generation < $3 AND successor_sealed IS NOT NULL",
        tenant.uuid(),
        found.family.uuid(),
        found.generation
    )
    .execute(&mut **tx)
    .await?;
    Ok(token)
}

/// The successor a used token was given, while that one is unused itself.
async fn successor(hub: &Hub, tx: &mut Tx, found: &Found) -> Result<Option<String>> {
    let tenant = tx.tenant();
    let unused = sqlx::query_scalar!(
        "SELECT used_at IS NULL AS \"unused!\" FROM refresh_tokens
         WHERE tenant_id = $1 AND family_id = $2 AND generation = $3",
        tenant.uuid(),
        found.family.uuid(),
        found.generation + 1
    )
    .fetch_optional(&mut **tx)
    .await?;
    let sealed = found.successor_sealed.as_deref().filter(|_| unused == Some(true));
    let Some(sealed) = sealed else {
        return Ok(None);
    };
    let token = hub.sealer.open(place(tenant, found.id), sealed)?;
    Ok(Some(String::from_utf8(token).map_err(anyhow::Error::from)?))
}

/// Revokes the family, and says what the caller is answered.
async fn stolen(hub: &Hub, mut tx: Tx, found: &Found) -> Result<Error> {
    let tenant = tx.tenant();
    revoke(&mut tx, found.family, "reuse").await?;
    let line = Line::new("auth.token_reused").target("staff", found.staff.uuid());
    audit::record(
        &mut tx,
        None,
        line.detail(serde_json::json!({ "family": found.family })),
    )
    .await?;
    tx.commit().await?;
    revocation::announce(hub, Revoked::family(tenant, found.family)).await;
    tracing::warn!(tenant.id = %tenant, staff.id = %found.staff, "A used refresh token came back; its sign-in was ended");
    Ok(Error::Unauthorized {
        code: "refresh_reused",
        detail: "this sign-in was used from two places and was ended; sign in again",
    })
}

async fn revoke(tx: &mut Tx, family: FamilyId, reason: &str) -> Result<()> {
    sqlx::query!(
        "UPDATE refresh_families SET revoked_at = $3, revoked_reason = $4 WHERE tenant_id = $1 AND id = $2",
        tx.tenant().uuid(),
        family.uuid(),
        tx.now() as _,
        reason
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn insert(tx: &mut Tx, family: FamilyId, generation: i32) -> Result<(String, RowId)> {
    let (tenant, now) = (tx.tenant(), tx.now());
    let id = RowId::at(now);
    let secret = random_bytes(32);
    let token_hash: [u8; 32] = hash(&secret);
    sqlx::query!(
        "INSERT INTO refresh_tokens (tenant_id, id, family_id, generation, token_hash, issued_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
        tenant.uuid(),
        id.uuid(),
        family.uuid(),
        generation,
        token_hash.as_slice(),
        now as _
    )
    .execute(&mut **tx)
    .await?;
    Ok((super::name_token(tenant, id, &secret), id))
}

fn place(tenant: TenantId, row: RowId) -> Place<'static> {
    Place {
        tenant,
        table: "refresh_tokens",
        column: "successor_sealed",
        row: row.uuid(),
    }
}

fn hash(secret: &[u8]) -> [u8; 32] {
    Sha256::digest(secret).into()
}
