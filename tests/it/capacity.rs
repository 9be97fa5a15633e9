//! Call slots: none leaks, none is given twice, whatever dies. Real Redis, alone, under Sentinel and as a cluster.
#![expect(clippy::panic, reason = "a test that cannot go on panics, in its helpers too")]

mod leases;
mod model;

use std::time::Duration;

use hub::Hub;
use hub::capacity::{Admission, Bound, Capacity, Lease, Limits, acquire};
use hub::ids::{CallId, TenantId};

/// Short enough to wait for.
pub(crate) const TTL: Duration = Duration::from_millis(900);

pub(crate) fn call() -> CallId {
    CallId::at(hub::clock::Clock::system().now())
}

/// A hub of `hub`'s process whose leases are short.
pub(crate) fn short(hub: &Hub) -> Hub {
    Hub {
        capacity: Capacity::with_ttl(TTL),
        ..hub.clone()
    }
}

pub(crate) fn limits(tenant: usize, fleet: usize) -> Limits {
    Limits { tenant, fleet }
}

pub(crate) async fn admitted(hub: &Hub, tenant: TenantId, call: CallId, limits: Limits) -> Lease {
    match acquire(hub, tenant, call, limits).await {
        Admission::Admitted(lease) => lease,
        Admission::Full(bound) => panic!("not admitted: {bound:?}"),
    }
}

pub(crate) async fn refused(hub: &Hub, tenant: TenantId, limits: Limits) -> Option<Bound> {
    match acquire(hub, tenant, call(), limits).await {
        Admission::Admitted(lease) => {
            lease.release().await;
            None
        }
        Admission::Full(bound) => Some(bound),
    }
}
