//! How many jobs run at once, and of whom. A tenant may take a new slot while it has fewer than three times what is free:
//! alone it gets three quarters, two get three sevenths each, and somebody new always finds a slot soon, whatever flood
//! is on. (The rule by which switches share their buffers between ports; no weights to set.) A queue may have seven times
//! what is free, so that one queue's flood leaves slots to the others as well.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hub::ids::TenantId;
use hub::job::Queue;
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

/// What a tenant may have for each slot that is free.
const TENANT_SHARE: usize = 3;
/// What a queue may have for each slot that is free.
const QUEUE_SHARE: usize = 7;

/// The slots of one worker. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Slots {
    taken: Arc<Mutex<Taken>>,
    freed: Arc<Notify>,
}

#[derive(Default)]
struct Taken {
    max: usize,
    all: usize,
    by_queue: HashMap<Queue, usize>,
    by_tenant: HashMap<TenantId, usize>,
}

/// A slot; free again when dropped.
pub(crate) struct Slot {
    slots: Slots,
    queue: Queue,
    tenant: TenantId,
}

impl Slots {
    pub(crate) fn new(max: usize) -> Self {
        let taken = Taken {
            max: max.max(1),
            ..Taken::default()
        };
        Self {
            taken: Arc::new(Mutex::new(taken)),
            freed: Arc::new(Notify::new()),
        }
    }

    /// How many more of `queue` may start now.
    pub(crate) fn room(&self, queue: Queue) -> usize {
        let taken = self.lock();
        taken.room(taken.by_queue.get(&queue).copied().unwrap_or(0), QUEUE_SHARE)
    }

    /// A slot for a job of `tenant`, unless its share or the queue's is used up.
    pub(crate) fn take(&self, queue: Queue, tenant: TenantId) -> Option<Slot> {
        let mut taken = self.lock();
        let of_queue = taken.by_queue.get(&queue).copied().unwrap_or(0);
        let of_tenant = taken.by_tenant.get(&tenant).copied().unwrap_or(0);
        if taken.room(of_queue, QUEUE_SHARE) == 0 || taken.room(of_tenant, TENANT_SHARE) == 0 {
            return None;
        }
        taken.all += 1;
        *taken.by_queue.entry(queue).or_default() += 1;
        *taken.by_tenant.entry(tenant).or_default() += 1;
        Some(Slot {
            slots: self.clone(),
            queue,
            tenant,
        })
    }

    /// Resolves when a slot is freed after the call.
    pub(crate) fn freed(&self) -> OwnedNotified {
        Arc::clone(&self.freed).notified_owned()
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// How many more somebody may take who has `has`: the largest n with has + n - 1 < share * (free - (n - 1)).
    fn room(&self, has: usize, share: usize) -> usize {
        let free = self.max.saturating_sub(self.all);
        (share * free).saturating_sub(has).div_ceil(share + 1).min(free)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        {
            let mut taken = self.slots.lock();
            taken.all = taken.all.saturating_sub(1);
            give_back(&mut taken.by_queue, &self.queue);
            give_back(&mut taken.by_tenant, &self.tenant);
        }
        self.slots.freed.notify_waiters();
    }
}

fn give_back<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hub::clock::Clock;

    fn tenant() -> TenantId {
        TenantId::at(Clock::system().now())
    }

    fn flood(slots: &Slots, queue: Queue, tenant: TenantId) -> Vec<Slot> {
        std::iter::from_fn(|| slots.take(queue, tenant)).collect()
    }

    #[test]
    fn a_flood_leaves_a_quarter_and_the_next_flood_leaves_some_too() {
        let slots = Slots::new(16);
        let first = flood(&slots, Queue::High, tenant());
        assert_eq!(first.len(), 12);
        let second = flood(&slots, Queue::High, tenant());
        assert_eq!(second.len(), 2, "the queue's share is used up");
        assert!(slots.take(Queue::Low, tenant()).is_some());
    }

    #[test]
    fn a_freed_slot_goes_to_who_has_fewer() {
        let slots = Slots::new(16);
        let (greedy, modest) = (tenant(), tenant());
        let mut first = flood(&slots, Queue::High, greedy);
        let _second = flood(&slots, Queue::High, modest);
        first.truncate(11);
        assert!(slots.take(Queue::High, greedy).is_none());
        assert!(slots.take(Queue::High, modest).is_some());
    }

    #[test]
    fn room_is_what_take_gives() {
        for max in 1..40 {
            let slots = Slots::new(max);
            let room = slots.room(Queue::High);
            let taken: Vec<_> = std::iter::from_fn(|| slots.take(Queue::High, tenant())).collect();
            assert_eq!(taken.len(), room, "of {max}");
            assert!(room >= 1);
        }
    }

    #[test]
    fn dropped_slots_leave_nothing_behind() {
        let slots = Slots::new(4);
        drop(flood(&slots, Queue::High, tenant()));
        let taken = slots.lock();
        assert_eq!(
            (taken.all, taken.by_queue.len(), taken.by_tenant.len()),
            (0, 0, 0)
        );
    }
}
