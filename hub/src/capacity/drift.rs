//! Slots against the calls table: what differs is counted, and calls nobody holds a slot of are named.

use std::collections::HashSet;
use std::time::Duration;

use super::{ANSWER_LIMIT, LIST};
use crate::ids::{CallId, TenantId};
use crate::{Hub, keys};

/// Reading thousands of slots takes longer than taking one.
const LIST_LIMIT: Duration = ANSWER_LIMIT.saturating_mul(8);
/// Calls looked at: more than any installation carries.
const CALLS_MAX: i64 = 20_000;

/// How slots and calls differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drift {
    /// Slots whose call is not going on.
    pub slots_without_call: usize,
    /// Calls going on without a slot.
    pub calls_without_slot: usize,
}

/// Compares, and sets `switchboard_call_slot_drift`.
pub async fn drift(hub: &Hub) -> anyhow::Result<Drift> {
    let (_, slots) = slots(hub).await?;
    let going_on = going_on(hub, Duration::ZERO).await?;
    let calls: HashSet<_> = going_on.iter().map(|going| going.call.to_string()).collect();
    let drift = Drift {
        slots_without_call: slots.difference(&calls).count(),
        calls_without_slot: going_on.iter().filter(|going| going.misses(&slots)).count(),
    };
    for (side, count) in [
        ("slots_without_call", drift.slots_without_call),
        ("calls_without_slot", drift.calls_without_slot),
    ] {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        metrics::gauge!("switchboard_call_slot_drift", "side" => side).set(f64::from(count));
    }
    Ok(drift)
}

/// Calls older than `age` that nobody holds a slot of: their node died and no other took them over. Empty while Redis is
/// away or has just lost its memory, when the sets prove nothing.
pub async fn without_slot(hub: &Hub, age: Duration) -> anyhow::Result<Vec<(TenantId, CallId)>> {
    // The calls first: one that gets its slot between the two looks is then not taken for lost.
    let calls = going_on(hub, age).await?;
    let (believed, slots) = slots(hub).await?;
    if !believed {
        return Ok(Vec::new());
    }
    Ok(calls
        .into_iter()
        .filter(|going| going.misses(&slots))
        .map(|going| (going.tenant, going.call))
        .collect())
}

/// The calls that hold a slot, and whether the sets can be believed.
pub(crate) async fn slots(hub: &Hub) -> anyhow::Result<(bool, HashSet<String>)> {
    let ttl_ms = hub.capacity.ttl().as_millis().to_string();
    let (believed, slots): (i64, Vec<String>) = hub
        .kv
        .run(&LIST, &keys::all_call_slots(), &[ttl_ms], LIST_LIMIT)
        .await?;
    Ok((believed != 0, slots.into_iter().collect()))
}

/// A call that is not over.
struct GoingOn {
    tenant: TenantId,
    call: CallId,
    /// The provider alone carries it, to a person or to another node: it needs no slot, though it may still have one.
    let_go: bool,
}

impl GoingOn {
    fn misses(&self, slots: &HashSet<String>) -> bool {
        !self.let_go && !slots.contains(&self.call.to_string())
    }
}

async fn going_on(hub: &Hub, age: Duration) -> anyhow::Result<Vec<GoingOn>> {
    let mut tx = hub.db.system().await?;
    let rows = sqlx::query!(
        "SELECT tenant_id, id, state = 'live' AND node IS NULL AS \"let_go!\" FROM calls
         WHERE state IN ('ringing', 'live') AND started_at <= $1 ORDER BY started_at LIMIT $2",
        hub.clock.now().before(age) as _,
        CALLS_MAX
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(rows
        .into_iter()
        .map(|row| GoingOn {
            tenant: row.tenant_id,
            call: row.id,
            let_go: row.let_go,
        })
        .collect())
}
