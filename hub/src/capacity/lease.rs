//! The slots this process holds: one task renews them all, a guard gives each back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{ANSWER_LIMIT, Bound, Limits, RELEASE, RENEW};
use crate::ids::{CallId, TenantId};
use crate::{Hub, keys};

/// Renewals under way at once.
const RENEWALS_MAX: usize = 64;

/// What this process knows about call slots. Cheap to clone.
#[derive(Clone)]
pub struct Capacity {
    held: Arc<Mutex<Held>>,
    ttl: Duration,
}

#[derive(Default)]
struct Held {
    calls: HashMap<CallId, Slot>,
    by_tenant: HashMap<TenantId, usize>,
    /// Nodes that took or renewed a slot lately, ourselves included: the most that Redis told of within a lease, since
    /// one that lost its memory tells of too few.
    nodes: usize,
    nodes_at: Option<Instant>,
    /// Tells a guard's slot from the one that replaced it.
    serial: u64,
    /// The task that renews is running.
    beating: bool,
}

struct Slot {
    tenant: TenantId,
    serial: u64,
    renewed: Instant,
    standing: watch::Sender<bool>,
}

impl Default for Capacity {
    fn default() -> Self {
        Self::with_ttl(super::TTL)
    }
}

impl Capacity {
    /// With another length of a lease than the product's, for tests.
    pub fn with_ttl(ttl: Duration) -> Self {
        Self {
            held: Arc::default(),
            ttl,
        }
    }

    /// The length of a lease.
    pub fn ttl(&self) -> Duration {
        self.ttl
    }

    /// Calls this process holds slots of.
    pub fn held(&self) -> usize {
        self.lock().calls.len()
    }

    pub(super) fn saw_nodes(&self, nodes: usize) {
        self.lock().saw_nodes(nodes, self.ttl);
    }

    pub(super) fn full(&self, tenant: TenantId, call: CallId, limits: Limits) -> Option<Bound> {
        self.lock().full(tenant, call, limits)
    }

    pub(super) fn hold(&self, hub: &Hub, tenant: TenantId, call: CallId) -> Lease {
        let mut held = self.lock();
        held.insert(hub, tenant, call)
    }

    /// Holds a slot when this node's share of the limits allows it; looked at and taken in one step.
    pub(super) fn hold_share(
        &self,
        hub: &Hub,
        tenant: TenantId,
        call: CallId,
        limits: Limits,
    ) -> Result<Lease, Bound> {
        let mut held = self.lock();
        let nodes = held.nodes.max(1);
        let share = Limits {
            tenant: limits.tenant.div_ceil(nodes),
            fleet: limits.fleet.div_ceil(nodes),
        };
        match held.full(tenant, call, share) {
            Some(full) => Err(full),
            None => Ok(held.insert(hub, tenant, call)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slots(&self) -> Vec<(TenantId, CallId)> {
        let held = self.lock();
        held.calls
            .iter()
            .map(|(call, slot)| (slot.tenant, *call))
            .collect()
    }

    fn is_held(&self, call: CallId) -> bool {
        self.lock().calls.contains_key(&call)
    }

    fn renewed(&self, call: CallId, nodes: usize) {
        let mut held = self.lock();
        held.saw_nodes(nodes, self.ttl);
        if let Some(slot) = held.calls.get_mut(&call) {
            slot.renewed = Instant::now();
            slot.standing.send_replace(true);
        }
    }

    fn not_renewed(&self, call: CallId) {
        if let Some(slot) = self.lock().calls.get_mut(&call)
            && slot.renewed.elapsed() >= self.ttl
        {
            slot.standing.send_replace(false);
        }
    }
}

impl Held {
    fn saw_nodes(&mut self, nodes: usize, ttl: Duration) {
        if nodes >= self.nodes || self.nodes_at.is_none_or(|at| at.elapsed() > ttl) {
            self.nodes = nodes;
            self.nodes_at = Some(Instant::now());
        }
    }

    fn full(&self, tenant: TenantId, call: CallId, limits: Limits) -> Option<Bound> {
        if self.calls.contains_key(&call) {
            None
        } else if self.by_tenant.get(&tenant).copied().unwrap_or(0) >= limits.tenant {
            Some(Bound::Tenant)
        } else {
            (self.calls.len() >= limits.fleet).then_some(Bound::Fleet)
        }
    }

    fn insert(&mut self, hub: &Hub, tenant: TenantId, call: CallId) -> Lease {
        self.serial += 1;
        let slot = Slot {
            tenant,
            serial: self.serial,
            renewed: Instant::now(),
            standing: watch::Sender::new(true),
        };
        let lease = Lease {
            hub: Box::new(hub.clone()),
            tenant,
            call,
            serial: self.serial,
            standing: slot.standing.subscribe(),
            ended: false,
        };
        if self.calls.insert(call, slot).is_none() {
            *self.by_tenant.entry(tenant).or_default() += 1;
        }
        if !self.beating {
            self.beating = true;
            hub.tasks.spawn("capacity.heartbeat", heartbeat(hub.clone()));
        }
        lease
    }

    /// Forgets the slot, unless a later guard has it.
    fn remove(&mut self, call: CallId, serial: u64) -> bool {
        if self.calls.get(&call).is_none_or(|slot| slot.serial != serial) {
            return false;
        }
        if let Some(slot) = self.calls.remove(&call)
            && let Some(count) = self.by_tenant.get_mut(&slot.tenant)
        {
            *count -= 1;
            if *count == 0 {
                self.by_tenant.remove(&slot.tenant);
            }
        }
        true
    }
}

/// A call's slot, held by whoever carries the call; given back when released or dropped (a panic included).
pub struct Lease {
    /// Boxed: a lease is passed about, and a hub is large.
    hub: Box<Hub>,
    tenant: TenantId,
    call: CallId,
    serial: u64,
    standing: watch::Receiver<bool>,
    ended: bool,
}

impl Lease {
    /// Whose slot it is.
    pub fn call(&self) -> CallId {
        self.call
    }

    /// Resolves when the slot could not be renewed for a whole lease: others may believe it free. For alarms; the call
    /// goes on.
    pub async fn lost(&mut self) {
        if self.standing.wait_for(|standing| !standing).await.is_err() {
            // Another guard of this process has the slot now; this one will never know.
            std::future::pending::<()>().await;
        }
    }

    /// Gives the slot back; renewals have ended before it is given.
    pub async fn release(mut self) {
        if self.end() {
            release(&self.hub, self.tenant, self.call).await;
        }
    }

    /// Stops renewing without giving back: another process takes the call over within the lease.
    pub fn hand_over(mut self) {
        self.end();
    }

    fn end(&mut self) -> bool {
        !std::mem::replace(&mut self.ended, true) && self.hub.capacity.lock().remove(self.call, self.serial)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.end() {
            let (hub, tenant, call) = (self.hub.clone(), self.tenant, self.call);
            self.hub.tasks.spawn(
                "capacity.release",
                async move { release(&hub, tenant, call).await },
            );
        }
    }
}

/// Renews every slot of this process each third of a lease, for as long as it has any or may get some.
async fn heartbeat(hub: Hub) {
    let third = hub.capacity.ttl / 3;
    let mut timer = tokio::time::interval_at(Instant::now() + third, third);
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        timer.tick().await;
        {
            let mut held = hub.capacity.lock();
            if held.calls.is_empty() && hub.tasks.is_stopping() {
                held.beating = false;
                return;
            }
        }
        beat(&hub).await;
    }
}

/// One heartbeat.
pub(crate) async fn beat(hub: &Hub) {
    futures_util::stream::iter(hub.capacity.slots())
        .for_each_concurrent(RENEWALS_MAX, |(tenant, call)| renew(hub, tenant, call))
        .await;
}

/// Prolongs one slot, or puts it back.
pub(super) async fn renew(hub: &Hub, tenant: TenantId, call: CallId) {
    if !hub.capacity.is_held(call) {
        return;
    }
    let arguments = [
        call.to_string(),
        hub.capacity.ttl.as_millis().to_string(),
        hub.node.to_string(),
    ];
    let renewed: anyhow::Result<(i64, usize)> = hub
        .kv
        .run(&RENEW, &keys::call_slots(tenant), &arguments, ANSWER_LIMIT)
        .await;
    match renewed {
        Ok((missing, nodes)) => {
            if missing != 0 {
                metrics::counter!("switchboard_call_slots_put_back_total").increment(1);
            }
            hub.capacity.renewed(call, nodes);
        }
        Err(fault) => {
            tracing::debug!(call.id = %call, error = format!("{fault:#}"), "Call {call}'s slot was not renewed");
            hub.capacity.not_renewed(call);
        }
    }
}

async fn release(hub: &Hub, tenant: TenantId, call: CallId) {
    let [fleet, of_tenant, ..] = keys::call_slots(tenant);
    let released: anyhow::Result<i64> = hub
        .kv
        .run(&RELEASE, &[fleet, of_tenant], &[call.to_string()], ANSWER_LIMIT)
        .await;
    if let Err(fault) = released {
        // It runs out by itself.
        tracing::debug!(call.id = %call, error = format!("{fault:#}"), "Call {call}'s slot is left to run out");
    }
}
