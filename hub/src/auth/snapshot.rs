//! What is true now of the person behind a token: read from Postgres, kept for a second.

use std::sync::Arc;

use anyhow::anyhow;

use super::UNAUTHORIZED;
use super::access::Claims;
use crate::Hub;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::ids::{FamilyId, StaffId, TenantId};
use crate::principal::{Actor, Principal};
use crate::role::Role;

pub(crate) type Key = (TenantId, StaffId, FamilyId);

/// A staff member and one of their sign-ins, as they stand.
pub(crate) struct Snapshot {
    name: String,
    role: Role,
    session_version: i32,
    slug: Arc<str>,
    family_expires_at: Timestamp,
}

/// The principal of `claims`, when nothing ended them since.
pub(super) async fn current(hub: &Hub, claims: Claims) -> Result<Principal> {
    let key = (claims.tenant, claims.staff, claims.family);
    let snapshot = hub
        .auth
        .snapshots
        .try_get_with(key, Box::pin(read(hub, key)))
        .await
        .map_err(|fault| Error::Unavailable("the sign-in check", anyhow!("{fault}")))?
        .filter(|snapshot| {
            snapshot.session_version == claims.session && snapshot.family_expires_at > hub.clock.now()
        })
        .ok_or(UNAUTHORIZED)?;
    let actor = Actor::Staff {
        id: claims.staff,
        name: snapshot.name.clone(),
        session: claims.session,
        family: claims.family,
    };
    Ok(Principal::new(
        claims.tenant,
        Arc::clone(&snapshot.slug),
        actor,
        snapshot.role,
    ))
}

async fn read(hub: &Hub, (tenant, staff, family): Key) -> Result<Option<Arc<Snapshot>>> {
    let mut tx = hub.db.tenant(tenant).await?;
    let found = sqlx::query!(
        "SELECT s.name, s.role, s.session_version, t.slug, f.expires_at
         FROM staff s
         JOIN tenants t ON t.id = s.tenant_id
         JOIN refresh_families f ON f.tenant_id = s.tenant_id AND f.staff_id = s.id
         WHERE s.tenant_id = $1 AND s.id = $2 AND f.id = $3
           AND s.disabled_at IS NULL AND t.suspended_at IS NULL AND f.revoked_at IS NULL",
        tenant.uuid(),
        staff.uuid(),
        family.uuid()
    )
    .fetch_optional(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(found.map(|row| {
        Arc::new(Snapshot {
            name: row.name,
            role: row.role,
            session_version: row.session_version,
            slug: row.slug.into(),
            family_expires_at: row.expires_at,
        })
    }))
}
