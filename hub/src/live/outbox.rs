//! What this process has to tell others of a tenant's signals and clients: coalesced by key, sent at most every few
//! milliseconds in one message per tenant, dropped rather than queued when Redis does not take it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::message::{Message, Seen, Sent};
use crate::ids::TenantId;
use crate::keys;
use crate::kv::Kv;
use crate::tasks::Tasks;

/// Keys waiting at most, over all tenants; further ones are dropped until the next sending.
const WAITING_MAX: usize = 4_096;
/// Between two sendings.
const SEND_EVERY: Duration = Duration::from_millis(40);
/// A sending that Redis does not take in this time is dropped.
const SEND_LIMIT: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(super) enum Item {
    Signal(Sent),
    Client(Seen),
}

#[derive(Debug, Default)]
pub(super) struct Outbox(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    items: HashMap<TenantId, HashMap<String, Item>>,
    count: usize,
    sending: bool,
}

impl Outbox {
    fn waiting(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an item, in place of an earlier one of its key. True: nobody is sending, the caller starts a sender.
    #[must_use]
    pub(super) fn push(&self, tenant: TenantId, key: String, item: Item) -> bool {
        let mut waiting = self.waiting();
        let full = waiting.count >= WAITING_MAX;
        let of_tenant = waiting.items.entry(tenant).or_default();
        if full && !of_tenant.contains_key(&key) {
            metrics::counter!("switchboard_live_signals_dropped_total").increment(1);
            return false;
        }
        if of_tenant.insert(key, item).is_none() {
            waiting.count += 1;
        }
        !std::mem::replace(&mut waiting.sending, true)
    }

    /// Everything that waits; nothing ends the sending.
    fn drain(&self) -> HashMap<TenantId, HashMap<String, Item>> {
        let mut waiting = self.waiting();
        waiting.count = 0;
        let items = std::mem::take(&mut waiting.items);
        waiting.sending = !items.is_empty();
        items
    }
}

/// Sends what waits until nothing does: a task of moments, so that a stopping process need not end it.
pub(super) fn start_sender(live: &super::Live, kv: Kv, tasks: &Tasks) {
    let live = live.clone();
    tasks.spawn("live.outbox", async move {
        loop {
            let batch = live.outbox().drain();
            if batch.is_empty() {
                return;
            }
            for (tenant, items) in batch {
                let heard = send(&kv, tenant, items).await;
                live.audiences().told(tenant, heard);
            }
            tokio::time::sleep(SEND_EVERY).await;
        }
    });
}

/// Whether any process with screens of the tenant got it; `None` when it was dropped.
async fn send(kv: &Kv, tenant: TenantId, items: HashMap<String, Item>) -> Option<bool> {
    let mut message = Message::of(tenant);
    for item in items.into_values() {
        match item {
            Item::Signal(sent) => message.signals.push(sent),
            Item::Client(seen) => message.clients.push(seen),
        }
    }
    let told = async { kv.offer(&keys::live_channel(tenant), message.encode()?).await };
    if let Ok(Ok(heard)) = tokio::time::timeout(SEND_LIMIT, told).await {
        return Some(heard);
    }
    metrics::counter!("switchboard_live_signals_dropped_total").increment(1);
    None
}
