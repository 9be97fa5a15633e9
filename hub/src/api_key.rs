//! API keys of machines: shown once, kept as a hash, gone everywhere within a second of their revocation.

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::Hub;
use crate::audit::{self, Line};
use crate::auth::{Revoked, UNAUTHORIZED, revocation};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::ids::{ApiKeyId, TenantId, random_bytes};
use crate::principal::{Actor, Principal};
use crate::role::Role;

/// How every key starts, so that secret scanners know one.
pub const PREFIX: &str = "sbk_";
/// `last_used_at` is written at most this often.
const USE_NOTED_EVERY: Duration = Duration::from_mins(1);

/// A machine's key, without its secret.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The end of the secret, to tell keys apart.
    pub last_four: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

/// What a new key needs.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApiKey {
    /// What it is for.
    #[schema(min_length = 1, max_length = 120)]
    pub name: String,
    /// What it may do: `admin`, `staff` or `read_only`, and not more than its maker may.
    pub role: Role,
}

/// A new key with its secret, which is never shown again.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct CreatedApiKey {
    /// The key.
    pub api_key: ApiKey,
    /// Goes into `Authorization: Bearer`.
    pub secret: String,
}

/// Makes a key. `by` is nobody when an operator makes it at the command line.
pub async fn create(
    hub: &Hub,
    tenant: TenantId,
    by: Option<&Principal>,
    new: NewApiKey,
) -> Result<CreatedApiKey> {
    if new.name.trim().is_empty() || new.name.chars().count() > 120 {
        return Err(Error::field("name", "must have 1 to 120 characters"));
    }
    if new.role > Role::Admin {
        return Err(Error::field("role", "must be admin, staff or read_only"));
    }
    if let Some(by) = by {
        by.require(new.role)?;
    }
    let mut tx = hub.db.tenant(tenant).await?;
    let id = ApiKeyId::at(tx.now());
    let secret = BASE64.encode(random_bytes(32));
    let last_four = secret
        .get(secret.len().saturating_sub(4)..)
        .unwrap_or_default()
        .to_owned();
    let (created_at, key_hash) = (tx.now(), hash(&secret));
    sqlx::query!(
        "INSERT INTO api_keys (tenant_id, id, name, role, key_hash, last_four, created_by, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        tenant.uuid(),
        id.uuid(),
        new.name,
        new.role.as_str(),
        key_hash.as_slice(),
        last_four,
        by.and_then(Principal::staff_id).map(crate::ids::StaffId::uuid),
        created_at as _
    )
    .execute(&mut *tx)
    .await?;
    let line = Line::new("api_key.created").target("api_key", id.uuid());
    audit::record(
        &mut tx,
        by,
        line.detail(serde_json::json!({ "name": new.name, "role": new.role })),
    )
    .await?;
    tx.commit().await?;
    let api_key = ApiKey {
        id,
        name: new.name,
        role: new.role,
        last_four,
        created_at,
        last_used_at: None,
    };
    let names = [tenant.uuid().into_bytes(), id.uuid().into_bytes()].concat();
    Ok(CreatedApiKey {
        api_key,
        secret: format!("{PREFIX}{}_{secret}", BASE64.encode(names)),
    })
}

/// The tenant's keys that are not revoked, newest first.
pub async fn list(hub: &Hub, tenant: TenantId) -> Result<Vec<ApiKey>> {
    let mut tx = hub.db.tenant(tenant).await?;
    let keys = sqlx::query_as!(
        ApiKey,
        "SELECT id, name, role, last_four, created_at, last_used_at FROM api_keys
         WHERE tenant_id = $1 AND revoked_at IS NULL ORDER BY id DESC LIMIT 1000",
        tenant.uuid()
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(keys)
}

/// Revokes a key: requests with it are refused within a second, its sockets closed within two.
pub async fn revoke(hub: &Hub, by: &Principal, id: ApiKeyId) -> Result<()> {
    let mut tx = hub.db.tenant(by.tenant()).await?;
    let gone = sqlx::query!(
        "UPDATE api_keys SET revoked_at = $3 WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL",
        by.tenant().uuid(),
        id.uuid(),
        tx.now() as _
    )
    .execute(&mut *tx)
    .await?;
    if gone.rows_affected() == 0 {
        return Err(Error::NotFound("API key"));
    }
    audit::record(
        &mut tx,
        Some(by),
        Line::new("api_key.revoked").target("api_key", id.uuid()),
    )
    .await?;
    tx.commit().await?;
    revocation::announce(hub, Revoked::api_key(by.tenant(), id)).await;
    Ok(())
}

/// Who holds this key.
pub(crate) async fn authenticate(hub: &Hub, key: &str) -> Result<Principal> {
    let (tenant, id, secret) = parse(key).ok_or(UNAUTHORIZED)?;
    let cached_as = hash(key);
    let found = hub
        .auth
        .api_keys
        .try_get_with(cached_as, Box::pin(read(hub, tenant, id, Some(&secret))))
        .await
        .map_err(|fault| Error::Unavailable("the sign-in check", anyhow!("{fault}")))?;
    found.ok_or(UNAUTHORIZED)
}

/// What is left of a key's principal.
pub(crate) async fn recheck(hub: &Hub, tenant: TenantId, id: ApiKeyId) -> Result<Principal> {
    read(hub, tenant, id, None).await?.ok_or(UNAUTHORIZED)
}

async fn read(hub: &Hub, tenant: TenantId, id: ApiKeyId, secret: Option<&str>) -> Result<Option<Principal>> {
    let mut tx = hub.db.tenant(tenant).await?;
    let now = tx.now();
    let found = sqlx::query!(
        "SELECT k.role, k.key_hash, k.last_used_at, t.slug FROM api_keys k JOIN tenants t ON t.id = k.tenant_id
         WHERE k.tenant_id = $1 AND k.id = $2 AND k.revoked_at IS NULL AND t.suspended_at IS NULL",
        tenant.uuid(),
        id.uuid()
    )
    .fetch_optional(&mut *tx)
    .await?;
    let proved = found.filter(|row| {
        secret.is_none_or(|secret| bool::from(hash(secret).as_slice().ct_eq(row.key_hash.as_slice())))
    });
    let Some(row) = proved else {
        return Ok(None);
    };
    if row.last_used_at.is_none_or(|at| now.since(at) >= USE_NOTED_EVERY) {
        sqlx::query!(
            "UPDATE api_keys SET last_used_at = $3 WHERE tenant_id = $1 AND id = $2",
            tenant.uuid(),
            id.uuid(),
            now as _
        )
        .execute(&mut *tx)
        .await?;
    }
    tx.commit().await?;
    let slug = Arc::from(row.slug);
    Ok(Some(Principal::new(tenant, slug, Actor::ApiKey { id }, row.role)))
}

fn parse(key: &str) -> Option<(TenantId, ApiKeyId, String)> {
    let rest = key.strip_prefix(PREFIX)?;
    // The names are 43 characters of an alphabet that has the underscore too, so they are cut by length.
    let (names, secret) = rest.split_at_checked(43)?;
    let names = BASE64.decode(names).ok()?;
    let (tenant, id) = names.split_at_checked(16)?;
    let tenant = uuid::Uuid::from_slice(tenant).ok()?;
    let id = uuid::Uuid::from_slice(id).ok()?;
    let secret = secret.strip_prefix('_').filter(|secret| secret.len() == 43)?;
    Some((TenantId::trusted(tenant), id.into(), secret.to_owned()))
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}
