//! The platform's side of its tenants: who uses how much, who is switched off and why, how much each may use. Each deed is
//! a line in the tenant's own audit log, written in the transaction that does it.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::Hub;
use crate::audit::{self, Line};
use crate::auth::{Revoked, revocation};
use crate::clock::Timestamp;
use crate::db::SystemTx;
use crate::error::{Error, Result};
use crate::ids::TenantId;
use crate::principal::{Actor, Principal};
use crate::tenant::{self, Tenant};

/// Calls at once that one tenant may be given; the fleet's own limit stands beside it.
const CALLS_MAX: i32 = 10_000;

/// What a tenant uses.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Usage {
    /// People who can sign in.
    pub staff: i64,
    /// Calls under way.
    pub calls_live: i64,
    /// Calls begun in the last 30 days.
    pub calls_30d: i64,
    /// Jobs that wait.
    pub jobs_waiting: i64,
    /// Jobs that were given up.
    pub jobs_dead: i64,
}

/// A tenant as operators see it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Overview {
    /// The tenant.
    pub tenant: Tenant,
    /// Why it is switched off.
    pub suspended_reason: Option<String>,
    /// What it uses.
    pub usage: Usage,
}

/// Why somebody switches a tenant off or on.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// For the tenant's audit log: 10 to 500 characters.
    #[schema(min_length = 10, max_length = 500)]
    pub reason: String,
}

/// How much a tenant may use.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Calls at once.
    #[schema(minimum = 0, maximum = 10_000)]
    pub max_concurrent_calls: i32,
}

pub(crate) fn check_reason(reason: &str) -> Result<()> {
    let length = reason.trim().chars().count();
    if !(10..=500).contains(&length) || reason.contains('\0') {
        return Err(Error::field("reason", "must have 10 to 500 characters"));
    }
    Ok(())
}

/// All tenants with what they use, by slug.
pub async fn overview(hub: &Hub) -> Result<Vec<Overview>> {
    read(hub, None).await
}

/// One tenant with what it uses.
pub async fn overview_of(hub: &Hub, tenant: TenantId) -> Result<Overview> {
    read(hub, Some(tenant))
        .await?
        .pop()
        .ok_or(Error::NotFound("tenant"))
}

async fn read(hub: &Hub, only: Option<TenantId>) -> Result<Vec<Overview>> {
    let mut tx = hub.db.system().await?;
    let month = hub.clock.now().before(std::time::Duration::from_hours(30 * 24));
    let rows = sqlx::query!(
        r#"SELECT t.id, t.slug, t.name, t.timezone, t.locale, t.country, t.max_concurrent_calls, t.suspended_at,
             t.suspended_reason,
             (SELECT count(*) FROM staff s WHERE s.tenant_id = t.id AND s.disabled_at IS NULL) AS "staff!",
             (SELECT count(*) FROM calls c WHERE c.tenant_id = t.id AND c.state IN ('ringing', 'live')) AS "calls_live!",
             (SELECT count(*) FROM calls c WHERE c.tenant_id = t.id AND c.started_at > $1) AS "calls_30d!",
             (SELECT count(*) FROM jobs j WHERE j.tenant_id = t.id AND j.state = 'ready') AS "jobs_waiting!",
             (SELECT count(*) FROM jobs j WHERE j.tenant_id = t.id AND j.state = 'dead') AS "jobs_dead!"
         FROM tenants t WHERE $2::uuid IS NULL OR t.id = $2 ORDER BY t.slug LIMIT 5000"#,
        month as _,
        only.map(TenantId::uuid)
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    let all = rows.into_iter().map(|row| Overview {
        tenant: Tenant {
            id: row.id,
            slug: row.slug,
            name: row.name,
            timezone: row.timezone,
            locale: row.locale,
            country: row.country,
            max_concurrent_calls: row.max_concurrent_calls,
            suspended_at: row.suspended_at,
        },
        suspended_reason: row.suspended_reason,
        usage: Usage {
            staff: row.staff,
            calls_live: row.calls_live,
            calls_30d: row.calls_30d,
            jobs_waiting: row.jobs_waiting,
            jobs_dead: row.jobs_dead,
        },
    });
    Ok(all.collect())
}

/// Switches a tenant off: nobody signs in, sockets close within 2 s, callers are told, texts are kept and none leaves.
/// `by` is nobody when an operator does it at the command line.
pub async fn suspend(hub: &Hub, by: Option<&Principal>, tenant: TenantId, why: &Reason) -> Result<Overview> {
    check_reason(&why.reason)?;
    if by.is_some_and(|by| by.tenant() == tenant) {
        return Err(Error::conflict(
            "own_tenant",
            "you cannot switch off the tenant you are in",
        ));
    }
    let now = hub.clock.now();
    let mut tx = hub.db.system().await?;
    let changed = sqlx::query!(
        "UPDATE tenants SET suspended_at = $2, suspended_reason = $3 WHERE id = $1 AND suspended_at IS NULL",
        tenant.uuid(),
        now as _,
        why.reason.trim()
    )
    .execute(&mut *tx)
    .await?;
    if changed.rows_affected() == 1 {
        let line = Line::new("tenant.suspended").detail(detail(by, json!({ "reason": why.reason.trim() })));
        write_down(&mut tx, by, tenant, now, line).await?;
    }
    tx.commit().await?;
    revocation::announce(hub, Revoked::tenant(tenant)).await;
    overview_of(hub, tenant).await
}

/// Switches a tenant on again.
pub async fn resume(hub: &Hub, by: Option<&Principal>, tenant: TenantId, why: &Reason) -> Result<Overview> {
    check_reason(&why.reason)?;
    let now = hub.clock.now();
    let mut tx = hub.db.system().await?;
    let changed = sqlx::query!(
        "UPDATE tenants SET suspended_at = NULL, suspended_reason = NULL WHERE id = $1 AND suspended_at IS NOT NULL",
        tenant.uuid()
    )
    .execute(&mut *tx)
    .await?;
    if changed.rows_affected() == 1 {
        let line = Line::new("tenant.resumed").detail(detail(by, json!({ "reason": why.reason.trim() })));
        write_down(&mut tx, by, tenant, now, line).await?;
    }
    tx.commit().await?;
    revocation::announce(hub, Revoked::tenant(tenant)).await;
    overview_of(hub, tenant).await
}

/// Sets how much a tenant may use; calls under way are not cut.
pub async fn limit(hub: &Hub, by: Option<&Principal>, tenant: TenantId, limits: &Limits) -> Result<Overview> {
    if !(0..=CALLS_MAX).contains(&limits.max_concurrent_calls) {
        let what = format!("must be 0 to {CALLS_MAX}");
        return Err(Error::field("max_concurrent_calls", what));
    }
    let before = tenant::get(hub, tenant).await?;
    let now = hub.clock.now();
    let mut tx = hub.db.system().await?;
    sqlx::query!(
        "UPDATE tenants SET max_concurrent_calls = $2 WHERE id = $1",
        tenant.uuid(),
        limits.max_concurrent_calls
    )
    .execute(&mut *tx)
    .await?;
    let change =
        json!({ "max_concurrent_calls": [before.max_concurrent_calls, limits.max_concurrent_calls] });
    let line = Line::new("tenant.limited").detail(detail(by, change));
    write_down(&mut tx, by, tenant, now, line).await?;
    tx.commit().await?;
    overview_of(hub, tenant).await
}

async fn write_down(
    tx: &mut SystemTx,
    by: Option<&Principal>,
    tenant: TenantId,
    now: Timestamp,
    line: Line,
) -> Result<()> {
    let actor = match by {
        Some(by) => ("operator", Some(by.actor_id())),
        None => ("system", None),
    };
    audit::record_outside(tx, (tenant, now), actor, line).await
}

/// With the operator's name: the tenant cannot look them up by their id.
fn detail(by: Option<&Principal>, mut detail: serde_json::Value) -> serde_json::Value {
    let name = match by.map(Principal::actor) {
        Some(Actor::Staff { name, .. } | Actor::Operator { name, .. }) => name,
        Some(Actor::ApiKey { .. }) => "a machine",
        None => "the command line",
    };
    if let Some(detail) = detail.as_object_mut() {
        detail.insert("operator".to_owned(), name.into());
    }
    detail
}
