//! The end of a sign-in, told to every process: sockets close at once, caches forget. Postgres has it already; a process
//! that Redis does not reach learns it by the caches' one second.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::{ApiKeyId, FamilyId, StaffId, TenantId};
use crate::principal::{Actor, Principal};
use crate::{Hub, keys};

/// How long a deed that is done waits for Redis.
const TELL_LIMIT: Duration = Duration::from_millis(500);

/// Whose sign-in ended or changed. Published on [`keys::REVOCATIONS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revoked {
    tenant: Uuid,
    who: Who,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Who {
    /// Everybody of the tenant.
    Tenant,
    /// Every sign-in of a person.
    Staff(StaffId),
    /// One sign-in.
    Family(FamilyId),
    /// A machine's key.
    ApiKey(ApiKeyId),
}

impl Revoked {
    /// Everybody of a tenant: it was suspended.
    pub fn tenant(tenant: TenantId) -> Self {
        Self {
            tenant: tenant.uuid(),
            who: Who::Tenant,
        }
    }

    /// A person: their role, password or membership changed.
    pub fn staff(tenant: TenantId, staff: StaffId) -> Self {
        Self {
            tenant: tenant.uuid(),
            who: Who::Staff(staff),
        }
    }

    /// One sign-in: a logout, or a stolen token.
    pub fn family(tenant: TenantId, family: FamilyId) -> Self {
        Self {
            tenant: tenant.uuid(),
            who: Who::Family(family),
        }
    }

    /// A machine's key.
    pub fn api_key(tenant: TenantId, key: ApiKeyId) -> Self {
        Self {
            tenant: tenant.uuid(),
            who: Who::ApiKey(key),
        }
    }

    /// Whose sockets to look at.
    pub fn of_tenant(&self) -> TenantId {
        TenantId::trusted(self.tenant)
    }

    /// Whether it means this principal; then [`super::recheck`] says what is left of them.
    pub fn concerns(&self, principal: &Principal) -> bool {
        let of_tenant = principal.tenant().uuid() == self.tenant;
        let of_actor = match (self.who, principal.actor()) {
            (Who::Tenant, _) => true,
            (Who::Staff(staff), Actor::Staff { id, .. }) => staff == *id,
            (Who::Family(gone), Actor::Staff { family, .. }) => gone == *family,
            (Who::ApiKey(key), Actor::ApiKey { id }) => key == *id,
            _ => false,
        };
        of_tenant && of_actor
    }
}

/// Makes this process forget what it knows of them. Call it before [`super::recheck`] on a message of the channel.
pub fn forget(hub: &Hub, revoked: Revoked) {
    // Few entries and rare: all are dropped rather than searched.
    tracing::debug!(tenant.id = %revoked.tenant, "Sign-in caches forgotten");
    hub.auth.snapshots.invalidate_all();
    hub.auth.api_keys.invalidate_all();
}

/// Tells every process; called after the commit that made it true.
pub async fn announce(hub: &Hub, revoked: Revoked) {
    forget(hub, revoked);
    let Ok(body) = serde_json::to_vec(&revoked) else {
        return;
    };
    let told = tokio::time::timeout(TELL_LIMIT, hub.kv.publish(keys::REVOCATIONS, body.into())).await;
    if !matches!(told, Ok(Ok(()))) {
        metrics::counter!("switchboard_revocations_untold_total").increment(1);
    }
}
