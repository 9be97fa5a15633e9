//! Visits: a platform operator in a tenant, for a reason and a while, seen and ended by the tenant's own people.
//!
//! A visit's token is no sign-in: it cannot be renewed, opens no socket, makes no credentials (the api's gate holds it to
//! a list), and ends with the visit, with its operator's own rights, or when somebody of the tenant ends it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::Hub;
use crate::audit::{self, Line};
use crate::auth::{Revoked, UNAUTHORIZED, revocation};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::feed::NewEvent;
use crate::ids::{FamilyId, StaffId, TenantId, VisitId, random_bytes};
use crate::principal::{Actor, Principal};
use crate::role::Role;
use crate::tenant::{self, Tenant};

/// How every token of a visit starts.
pub(crate) const PREFIX: &str = "sbo_";
/// A visit lasts no longer.
const LIFE_MAX_MIN: u32 = 60;
/// Unless said otherwise.
const LIFE_MIN: u32 = 30;
/// Whoever signed in longer ago proves themselves again first.
const FRESH: Duration = Duration::from_mins(10);

/// An operator's visit, as the tenant sees it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Visit {
    /// Its id; lines of the audit log name it.
    pub id: VisitId,
    /// Who it is.
    pub operator_name: String,
    /// What they may do.
    pub role: Role,
    /// Why.
    pub reason: String,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when, at most.
    pub expires_at: Timestamp,
    /// When it was ended before.
    pub ended_at: Option<Timestamp>,
}

/// What a visit needs.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewVisit {
    /// Why, for the tenant to read: 10 to 500 characters.
    #[schema(min_length = 10, max_length = 500)]
    pub reason: String,
    /// How long: 1 to 60, 30 if not said.
    #[schema(minimum = 1, maximum = 60)]
    pub minutes: Option<u32>,
    /// `read_only` unless more is asked for: `staff` or `admin`.
    pub role: Option<Role>,
}

/// A visit that began, with the token that proves it, shown this once.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Entered {
    /// The visit.
    pub visit: Visit,
    /// Where.
    pub tenant: Tenant,
    /// Goes into `Authorization: Bearer`.
    pub token: String,
}

/// Enters a tenant.
///
/// # Errors
/// `Unauthorized` (`fresh_sign_in_required`) when the operator signed in more than ten minutes ago.
pub async fn enter(hub: &Hub, by: &Principal, to: TenantId, new: NewVisit) -> Result<Entered> {
    let Actor::Staff { id, name, family, .. } = by.actor() else {
        return Err(Error::Forbidden);
    };
    by.require(Role::SystemAdmin)?;
    let (minutes, role) = check(&new)?;
    fresh(hub, by.tenant(), *family).await?;
    let tenant = tenant::get(hub, to).await?;
    let mut tx = hub.db.tenant(to).await?;
    let now = tx.now();
    let secret = BASE64.encode(random_bytes(32));
    let digest = hash(&secret);
    let visit = Visit {
        id: VisitId::at(now),
        operator_name: name.clone(),
        role,
        reason: new.reason.trim().to_owned(),
        created_at: now,
        expires_at: now.after(Duration::from_mins(u64::from(minutes))),
        ended_at: None,
    };
    sqlx::query!(
        "INSERT INTO operator_visits (tenant_id, id, operator_tenant_id, operator_id, operator_name, role, reason,
             token_hash, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        to.uuid(),
        visit.id.uuid(),
        by.tenant().uuid(),
        id.uuid(),
        visit.operator_name,
        visit.role.as_str(),
        visit.reason,
        digest.as_slice(),
        now as _,
        visit.expires_at as _
    )
    .execute(&mut *tx)
    .await?;
    let line = Line::new("operator.entered").target("operator_visit", visit.id.uuid());
    let detail = json!({ "operator": name, "reason": visit.reason, "role": role, "until": visit.expires_at });
    audit::record_operator(&mut tx, visit.id, line.detail(detail)).await?;
    tx.emit(NewEvent::for_role(
        Role::Admin,
        "operator.entered",
        &json!({ "visit": visit }),
    )?);
    tx.commit().await?;
    let names = [to.uuid().into_bytes(), visit.id.uuid().into_bytes()].concat();
    let token = format!("{PREFIX}{}_{secret}", BASE64.encode(names));
    Ok(Entered { visit, tenant, token })
}

fn check(new: &NewVisit) -> Result<(u32, Role)> {
    super::platform::check_reason(&new.reason)?;
    let minutes = new.minutes.unwrap_or(LIFE_MIN);
    if !(1..=LIFE_MAX_MIN).contains(&minutes) {
        return Err(Error::field("minutes", format!("must be 1 to {LIFE_MAX_MIN}")));
    }
    let role = new.role.unwrap_or(Role::ReadOnly);
    if role > Role::Admin {
        return Err(Error::field("role", "must be read_only, staff or admin"));
    }
    Ok((minutes, role))
}

async fn fresh(hub: &Hub, tenant: TenantId, family: FamilyId) -> Result<()> {
    let mut tx = hub.db.tenant(tenant).await?;
    let since = sqlx::query_scalar!(
        "SELECT created_at FROM refresh_families WHERE tenant_id = $1 AND id = $2",
        tenant.uuid(),
        family.uuid()
    )
    .fetch_optional(&mut *tx)
    .await?;
    let now = tx.now();
    tx.commit().await?;
    match since {
        Some(since) if now.since(since) <= FRESH => Ok(()),
        _ => Err(Error::Unauthorized {
            code: "fresh_sign_in_required",
            detail: "sign out and in again first: this needs a sign-in of the last ten minutes",
        }),
    }
}

/// A tenant's visits, latest first.
pub async fn list(hub: &Hub, tenant: TenantId) -> Result<Vec<Visit>> {
    let mut tx = hub.db.tenant(tenant).await?;
    let visits = sqlx::query_as!(
        Visit,
        "SELECT id, operator_name, role, reason, created_at, expires_at, ended_at FROM operator_visits
         WHERE tenant_id = $1 ORDER BY id DESC LIMIT 200",
        tenant.uuid()
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(visits)
}

/// Shows an operator out: requests of the visit are refused within a second. One that is over stays as it was.
pub async fn end(hub: &Hub, by: &Principal, id: VisitId) -> Result<Visit> {
    let tenant = by.tenant();
    let mut tx = hub.db.tenant(tenant).await?;
    let now = tx.now();
    let ended = sqlx::query!(
        "UPDATE operator_visits SET ended_at = $3
         WHERE tenant_id = $1 AND id = $2 AND ended_at IS NULL AND expires_at > $3",
        tenant.uuid(),
        id.uuid(),
        now as _
    )
    .execute(&mut *tx)
    .await?
    .rows_affected();
    let visit = sqlx::query_as!(
        Visit,
        "SELECT id, operator_name, role, reason, created_at, expires_at, ended_at FROM operator_visits
         WHERE tenant_id = $1 AND id = $2",
        tenant.uuid(),
        id.uuid()
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or(Error::NotFound("visit"))?;
    if ended == 1 {
        let line = Line::new("operator.left").target("operator_visit", id.uuid());
        audit::record(&mut tx, Some(by), line).await?;
        tx.emit(NewEvent::for_role(
            Role::Admin,
            "operator.left",
            &json!({ "visit": visit }),
        )?);
    }
    tx.commit().await?;
    // Every process forgets what it knows of tokens; sockets are untouched, a visit has none.
    revocation::announce(hub, Revoked::family(tenant, FamilyId::from(id.uuid()))).await;
    Ok(visit)
}

/// Whose visit this token is of.
pub(crate) async fn authenticate(hub: &Hub, token: &str) -> Result<Principal> {
    let (tenant, id, secret) = parse(token).ok_or(UNAUTHORIZED)?;
    let found = hub
        .auth
        .api_keys
        .try_get_with(hash(token), Box::pin(read(hub, tenant, id, Some(&secret))))
        .await
        .map_err(|fault| Error::Unavailable("the sign-in check", anyhow!("{fault}")))?;
    found.ok_or(UNAUTHORIZED)
}

/// What is left of a visit's principal.
pub(crate) async fn recheck(hub: &Hub, tenant: TenantId, id: VisitId) -> Result<Principal> {
    read(hub, tenant, id, None).await?.ok_or(UNAUTHORIZED)
}

/// A visit stands while it lasts and its operator is one. The tenant may be suspended: that is when it is looked into.
async fn read(hub: &Hub, tenant: TenantId, id: VisitId, secret: Option<&str>) -> Result<Option<Principal>> {
    let mut tx = hub.db.tenant(tenant).await?;
    let found = sqlx::query!(
        "SELECT v.role, v.operator_name, v.token_hash, v.operator_tenant_id, v.operator_id, t.slug
         FROM operator_visits v JOIN tenants t ON t.id = v.tenant_id
         WHERE v.tenant_id = $1 AND v.id = $2 AND v.ended_at IS NULL AND v.expires_at > $3",
        tenant.uuid(),
        id.uuid(),
        tx.now() as _
    )
    .fetch_optional(&mut *tx)
    .await?;
    tx.commit().await?;
    let proved = found.filter(|row| {
        secret.is_none_or(|secret| bool::from(hash(secret).as_slice().ct_eq(row.token_hash.as_slice())))
    });
    let Some(row) = proved else {
        return Ok(None);
    };
    let home = TenantId::trusted(row.operator_tenant_id);
    if !is_operator(hub, home, row.operator_id.into()).await? {
        return Ok(None);
    }
    let actor = Actor::Operator {
        visit: id,
        name: row.operator_name,
    };
    Ok(Some(Principal::new(tenant, Arc::from(row.slug), actor, row.role)))
}

async fn is_operator(hub: &Hub, home: TenantId, staff: StaffId) -> Result<bool> {
    let mut tx = hub.db.tenant(home).await?;
    let stands = sqlx::query_scalar!(
        r#"SELECT EXISTS (
             SELECT FROM staff WHERE tenant_id = $1 AND id = $2 AND role = 'system_admin' AND disabled_at IS NULL) AS "is!""#,
        home.uuid(),
        staff.uuid()
    )
    .fetch_one(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(stands)
}

fn parse(token: &str) -> Option<(TenantId, VisitId, String)> {
    let (names, secret) = token.strip_prefix(PREFIX)?.split_at_checked(43)?;
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
