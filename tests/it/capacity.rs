//! Call slots: none leaks, none is given twice, whatever dies. Real Redis, alone, under Sentinel and as a cluster.

mod leases;

use std::time::Duration;

use hub::Hub;
use hub::capacity::{Admission, Bound, Capacity, Lease, Limits, acquire};
use hub::ids::{CallId, TenantId};

/// Short enough to wait for.
const TTL: Duration = Duration::from_millis(900);

fn call() -> CallId {
    CallId::at(hub::clock::Clock::system().now())
}

/// A hub of `hub`'s process whose leases are short.
fn short(hub: &Hub) -> Hub {
    Hub {
        capacity: Capacity::with_ttl(TTL),
        ..hub.clone()
    }
}

fn limits(tenant: usize, fleet: usize) -> Limits {
    Limits { tenant, fleet }
}

async fn admitted(hub: &Hub, tenant: TenantId, call: CallId, limits: Limits) -> Lease {
    match acquire(hub, tenant, call, limits).await {
        Admission::Admitted(lease) => lease,
        Admission::Full(bound) => panic!("not admitted: {bound:?}"),
    }
}

async fn refused(hub: &Hub, tenant: TenantId, limits: Limits) -> Option<Bound> {
    match acquire(hub, tenant, call(), limits).await {
        Admission::Admitted(lease) => {
            lease.release().await;
            None
        }
        Admission::Full(bound) => Some(bound),
    }
}
