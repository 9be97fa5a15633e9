//! Whether anybody watches a tenant's screens, as far as Redis told when something was last sent to them. Whoever makes
//! signals many times a second asks first, and makes none for nobody.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::ids::TenantId;

/// After nobody was there, one signal goes out this often to find out anew: a screen's first may be that late.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The screens of one tenant, wherever they are. Cheap to clone and to ask: no lock.
#[derive(Clone, Debug)]
pub struct Audience(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    since: Instant,
    /// Nobody is there until then, in milliseconds since `since`; 0: somebody is, or we do not know.
    absent_until_ms: AtomicU64,
}

impl Audience {
    fn new() -> Self {
        Self(Arc::new(Inner {
            since: Instant::now(),
            absent_until_ms: AtomicU64::new(0),
        }))
    }

    /// Whether a signal is worth making. While nobody is there, one of all who ask is told yes now and then.
    pub fn is_there(&self) -> bool {
        let until_ms = self.0.absent_until_ms.load(Ordering::Relaxed);
        if until_ms == 0 {
            return true;
        }
        let now_ms = self.now_ms();
        now_ms >= until_ms
            && self
                .0
                .absent_until_ms
                .compare_exchange(
                    until_ms,
                    now_ms + millis(LOOK_AGAIN),
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                )
                .is_ok()
    }

    fn told(&self, there: bool) {
        let until_ms = if there {
            0
        } else {
            self.now_ms() + millis(LOOK_AGAIN)
        };
        self.0.absent_until_ms.store(until_ms, Ordering::Relaxed);
    }

    fn now_ms(&self) -> u64 {
        millis(self.0.since.elapsed())
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The audiences that somebody here asks about.
#[derive(Debug, Default)]
pub(super) struct Audiences(Mutex<HashMap<TenantId, Audience>>);

impl Audiences {
    fn known(&self) -> MutexGuard<'_, HashMap<TenantId, Audience>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tenant's; those that nobody asks about any more are forgotten.
    pub(super) fn of(&self, tenant: TenantId) -> Audience {
        let mut known = self.known();
        known.retain(|_, audience| Arc::strong_count(&audience.0) > 1);
        known.entry(tenant).or_insert_with(Audience::new).clone()
    }

    /// Something was sent to the tenant's screens; did anybody get it? `None` when Redis did not say.
    pub(super) fn told(&self, tenant: TenantId, there: Option<bool>) {
        if let Some(there) = there
            && let Some(audience) = self.known().get(&tenant)
        {
            audience.told(there);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_asked_about_again_by_one_at_a_time() {
        let audiences = Audiences::default();
        let tenant = TenantId::trusted(uuid::Uuid::nil());
        let (one, two) = (audiences.of(tenant), audiences.of(tenant));
        assert!(one.is_there() && two.is_there(), "unknown is somebody");
        audiences.told(tenant, Some(false));
        assert!(!one.is_there() && !two.is_there());
        one.0.absent_until_ms.store(1, Ordering::Relaxed);
        while one.now_ms() < 1 {
            std::hint::spin_loop();
        }
        assert!(two.is_there() && !one.is_there(), "one of them looks again");
        audiences.told(tenant, Some(true));
        assert!(one.is_there() && two.is_there());
    }
}
