//! What is done periodically, and when (in UTC; a sixth field in front is seconds). Work is idempotent and ends within
//! 20 s: what is left goes in the next slot.

use futures_util::future::BoxFuture;
use hub::Hub;

type Work = Box<dyn Fn(Hub) -> BoxFuture<'static, anyhow::Result<()>> + Send + Sync>;

/// One kind of periodic work.
pub struct Tick {
    /// `noun.deed`, stable: its slots are remembered by it.
    pub name: &'static str,
    /// Cron: `minute hour day month weekday`.
    pub schedule: &'static str,
    /// What is done.
    pub work: Work,
}

impl Tick {
    /// Does `work` at the instants of `schedule`.
    pub fn new<F, Fut>(name: &'static str, schedule: &'static str, work: F) -> Self
    where
        F: Fn(Hub) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        Self {
            name,
            schedule,
            work: Box::new(move |hub| Box::pin(work(hub))),
        }
    }
}

/// All of it.
pub(super) fn ticks() -> Vec<Tick> {
    vec![
        Tick::new("events.trim", "*/5 * * * *", async |hub| {
            hub::live::trim(&hub).await?;
            Ok(())
        }),
        Tick::new("idempotency_keys.forget", "7 * * * *", async |hub| {
            hub::idempotency::sweep(&hub).await?;
            Ok(())
        }),
        Tick::new("sign_ins.forget", "17 * * * *", async |hub| {
            hub::auth::sweep(&hub).await?;
            Ok(())
        }),
        Tick::new("jobs.forget", "*/10 * * * *", async |hub| {
            hub::job::forget::forget(&hub).await?;
            Ok(())
        }),
        Tick::new("ticks.forget", "27 3 * * *", async |hub| {
            hub::tick::forget(&hub).await?;
            Ok(())
        }),
        Tick::new("call_slots.compare", "*/30 * * * * *", async |hub| {
            hub::capacity::drift(&hub).await?;
            Ok(())
        }),
        Tick::new("connections.sweep", "* * * * *", async |hub| {
            hub::connection::sweep::order_due(&hub).await?;
            Ok(())
        }),
        Tick::new("sessions.look", "*/15 * * * * *", async |hub| {
            hub::session::health::look(&hub).await?;
            Ok(())
        }),
        Tick::new("session_items.forget", "47 * * * *", async |hub| {
            hub::session::outbox::forget(&hub).await?;
            Ok(())
        }),
        Tick::new("uploads.forget", "37 * * * *", crate::upload_forget::run),
        Tick::new("calls.lost", "10-59/30 * * * * *", async |hub| {
            hub::call::sweep::end_lost(&hub).await?;
            Ok(())
        }),
    ]
}
