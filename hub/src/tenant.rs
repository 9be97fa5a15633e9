//! Tenants: the businesses on this installation; how one is made, found and listed.

use serde::Serialize;

use crate::db::Tx;
use crate::error::{Error, OnConstraint as _, Result};
use crate::ids::{TenantId, random_hex};
use crate::{Hub, clock::Timestamp};

/// A business on this installation.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Tenant {
    /// Its id.
    #[schema(value_type = uuid::Uuid)]
    pub id: TenantId,
    /// Its name in host names and links.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// IANA time zone of its opening hours.
    pub timezone: String,
    /// BCP 47 language of its screens and texts.
    pub locale: String,
    /// ISO 3166 country: how numbers without a prefix are read.
    pub country: String,
    /// Calls at once.
    pub max_concurrent_calls: i32,
    /// Since when it is switched off.
    pub suspended_at: Option<Timestamp>,
}

/// What a new tenant needs.
#[derive(Clone, Debug)]
pub struct NewTenant<'a> {
    /// Lower-case letters, digits and hyphens.
    pub slug: &'a str,
    /// For people.
    pub name: &'a str,
    /// IANA time zone.
    pub timezone: &'a str,
}

/// Makes a tenant with its feed.
pub async fn create(hub: &Hub, new: NewTenant<'_>) -> Result<TenantId> {
    if jiff::tz::TimeZone::get(new.timezone).is_err() {
        return Err(Error::field(
            "timezone",
            "must be an IANA time zone such as Europe/Berlin",
        ));
    }
    let now = hub.clock.now();
    let id = TenantId::at(now);
    let mut tx = hub.db.system().await?;
    sqlx::query!(
        "INSERT INTO tenants (id, slug, name, timezone, created_at) VALUES ($1, $2, $3, $4, $5)",
        id.uuid(),
        new.slug,
        new.name,
        new.timezone,
        now as _
    )
    .execute(&mut *tx)
    .await
    .on_constraint("tenants_slug_key", || {
        Error::conflict("slug_taken", "another tenant has this slug")
    })?;
    sqlx::query!(
        "INSERT INTO feeds (tenant_id, epoch) VALUES ($1, $2)",
        id.uuid(),
        random_hex(8)
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(id)
}

/// The tenant with this slug.
pub async fn by_slug(hub: &Hub, slug: &str) -> Result<Option<Tenant>> {
    let mut tx = hub.db.system().await?;
    let tenant = sqlx::query_as!(
        Tenant,
        "SELECT id, slug, name, timezone, locale, country, max_concurrent_calls, suspended_at
         FROM tenants WHERE slug = $1",
        slug
    )
    .fetch_optional(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(tenant)
}

/// The tenant itself.
pub async fn get(hub: &Hub, tenant: TenantId) -> Result<Tenant> {
    let mut tx = hub.db.tenant(tenant).await?;
    let found = sqlx::query_as!(
        Tenant,
        "SELECT id, slug, name, timezone, locale, country, max_concurrent_calls, suspended_at
         FROM tenants WHERE id = $1",
        tenant.uuid()
    )
    .fetch_optional(&mut *tx)
    .await?;
    tx.commit().await?;
    found.ok_or(Error::NotFound("tenant"))
}

/// Whether the transaction's tenant is switched off.
pub(crate) async fn is_suspended(tx: &mut Tx) -> Result<bool> {
    let suspended = sqlx::query_scalar!(
        r#"SELECT suspended_at IS NOT NULL AS "suspended!" FROM tenants WHERE id = $1"#,
        tx.tenant().uuid()
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(suspended)
}

/// All tenants, by slug.
pub async fn list(hub: &Hub) -> Result<Vec<Tenant>> {
    let mut tx = hub.db.system().await?;
    let tenants = sqlx::query_as!(
        Tenant,
        "SELECT id, slug, name, timezone, locale, country, max_concurrent_calls, suspended_at
         FROM tenants ORDER BY slug"
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(tenants)
}
