//! Call slots: how many calls a tenant and the whole installation carry at once. A slot is a lease: a member of a sorted
//! set whose score is its end by Redis's clock, renewed while the call lives. A killed process frees its slots by doing
//! nothing; there is no count that could be left wrong.
//!
//! Redis is not the truth here either: the processes that carry the calls are. When it lost its memory they put their
//! slots back within a third of the lease, and until then, as while it is away, each node admits its share only, by
//! what it carries itself. So what is admitted too much is bounded by one such share per node, and a live call is never
//! ended to please a count.

mod drift;
mod lease;

use std::time::Duration;

use crate::ids::{CallId, TenantId};
use crate::kv::Script;
use crate::{Hub, keys, tenant};

pub use drift::{Drift, drift, without_slot};
pub use lease::{Capacity, Lease};
#[cfg(feature = "testing")]
pub(crate) use {drift::slots, lease::beat};

/// How long a slot is held without being renewed.
pub const TTL: Duration = Duration::from_secs(15);
/// Nobody waits longer for Redis: callers hear it.
const ANSWER_LIMIT: Duration = Duration::from_millis(250);

static ACQUIRE: Script = Script::new(include_str!("capacity/acquire.lua"));
static RENEW: Script = Script::new(include_str!("capacity/renew.lua"));
static RELEASE: Script = Script::new(include_str!("capacity/release.lua"));
static LIST: Script = Script::new(include_str!("capacity/list.lua"));

/// How many calls at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of the tenant.
    pub tenant: usize,
    /// Of all tenants together.
    pub fleet: usize,
}

impl Limits {
    /// What holds for this tenant's calls.
    pub async fn of(hub: &Hub, tenant: TenantId) -> crate::Result<Self> {
        let own = tenant::get(hub, tenant).await?.max_concurrent_calls;
        Ok(Self {
            tenant: usize::try_from(own).unwrap_or(0),
            fleet: hub.config.calls.concurrent_max as usize,
        })
    }
}

/// Which limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The tenant's own.
    Tenant,
    /// That of the installation.
    Fleet,
}

/// What came of asking for a slot.
pub enum Admission {
    /// The call has a slot for as long as the lease is kept.
    Admitted(Lease),
    /// It has none: the tenant's fallback answers.
    Full(Bound),
}

/// Asks for a slot. Asked again for the same call, by anybody, it is the same slot. Never fails and never waits long:
/// while Redis is away the node decides by its own calls.
pub async fn acquire(hub: &Hub, tenant: TenantId, call: CallId, limits: Limits) -> Admission {
    // What this process carries itself is certain, whatever Redis says.
    if let Some(full) = hub.capacity.full(tenant, call, limits) {
        return refused(full);
    }
    match ask(hub, tenant, call, limits).await {
        Ok((answer, nodes)) => {
            hub.capacity.saw_nodes(nodes);
            match answer.as_str() {
                "taken" | "yours" => Admission::Admitted(hub.capacity.hold(hub, tenant, call)),
                "tenant_full" => refused(Bound::Tenant),
                "fleet_full" => refused(Bound::Fleet),
                _ => admit_locally(hub, tenant, call, limits).await,
            }
        }
        Err(fault) => {
            metrics::counter!("switchboard_call_slots_decided_alone_total").increment(1);
            tracing::warn!(call.id = %call, error = format!("{fault:#}"), "Call {call} is admitted without Redis");
            admit_locally(hub, tenant, call, limits).await
        }
    }
}

/// Takes the slot of a call that lives already (its stream opened here, it was led back from another node): no limit
/// applies any more.
pub async fn resume(hub: &Hub, tenant: TenantId, call: CallId) -> Lease {
    let lease = hub.capacity.hold(hub, tenant, call);
    lease::renew(hub, tenant, call).await;
    lease
}

async fn ask(hub: &Hub, tenant: TenantId, call: CallId, limits: Limits) -> anyhow::Result<(String, usize)> {
    let arguments = [
        call.to_string(),
        hub.capacity.ttl().as_millis().to_string(),
        limits.fleet.to_string(),
        limits.tenant.to_string(),
        hub.node.to_string(),
    ];
    let (answer, nodes, ..): (String, usize, usize, usize) = hub
        .kv
        .run(&ACQUIRE, &keys::call_slots(tenant), &arguments, ANSWER_LIMIT)
        .await?;
    Ok((answer, nodes))
}

/// By this node's share of the limits; the slot becomes known to Redis as soon as it can be told.
async fn admit_locally(hub: &Hub, tenant: TenantId, call: CallId, limits: Limits) -> Admission {
    match hub.capacity.hold_share(hub, tenant, call, limits) {
        Ok(lease) => {
            lease::renew(hub, tenant, call).await;
            Admission::Admitted(lease)
        }
        Err(full) => refused(full),
    }
}

fn refused(bound: Bound) -> Admission {
    let limit = match bound {
        Bound::Tenant => "tenant",
        Bound::Fleet => "fleet",
    };
    metrics::counter!("switchboard_calls_over_capacity_total", "limit" => limit).increment(1);
    Admission::Full(bound)
}
