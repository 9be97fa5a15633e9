//! Works what came in from outside into contact, conversation and message. Jobs of one tenant that wait here at the same
//! time are done by the first of them, in one transaction, with all else of the tenant that waits.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use hub::Hub;
use hub::ids::{JobId, TenantId};
use hub::submission::{self, ProcessSubmission};

use crate::registry::{Job, Outcome};

/// The tenants whose submissions are being worked in by this process. Cheap to clone; as many seats as slots.
#[derive(Clone, Default)]
pub(crate) struct Rooms(Arc<Mutex<HashMap<TenantId, Arc<Room>>>>);

/// Jobs of one tenant.
#[derive(Default)]
struct Room {
    /// One works, the others wait.
    turn: tokio::sync::Mutex<()>,
    /// Who is in here, and whether it has been done by somebody else's turn.
    seats: Mutex<HashMap<JobId, bool>>,
}

/// A place in a room, left when dropped.
struct Seat {
    rooms: Rooms,
    room: Arc<Room>,
    tenant: TenantId,
    job: JobId,
}

/// A first attempt is worked in with the others; a later one by itself, so that what fails, fails alone. A second run
/// finds the submission done.
pub(crate) async fn run(rooms: Rooms, hub: Hub, job: Job<ProcessSubmission>) -> anyhow::Result<Outcome> {
    if job.attempt == 1 {
        let seat = rooms.enter(job.tenant, job.id);
        let _turn = seat.room.turn.lock().await;
        if !seat.is_done() {
            seat.work(&hub).await;
        }
        if seat.is_done() {
            return Ok(Outcome::Written);
        }
    }
    submission::process(&hub, job.tenant, job.payload.submission).await?;
    Ok(Outcome::Done)
}

impl Rooms {
    fn enter(&self, tenant: TenantId, job: JobId) -> Seat {
        let room = Arc::clone(lock(&self.0).entry(tenant).or_default());
        lock(&room.seats).insert(job, false);
        Seat {
            rooms: self.clone(),
            room,
            tenant,
            job,
        }
    }
}

impl Room {
    fn note(&self, done: &[JobId]) {
        let mut seats = lock(&self.seats);
        for job in done {
            if let Some(is_done) = seats.get_mut(job) {
                *is_done = true;
            }
        }
    }
}

impl Seat {
    fn is_done(&self) -> bool {
        lock(&self.room.seats).get(&self.job).copied().unwrap_or(false)
    }

    /// A fault or a panic of the whole is nobody's attempt: each is tried by itself then.
    async fn work(&self, hub: &Hub) {
        let together = submission::process_together(hub, self.tenant);
        match AssertUnwindSafe(together).catch_unwind().await {
            Ok(Ok(done)) => self.room.note(&done),
            Ok(Err(fault)) => {
                tracing::info!(tenant.id = %self.tenant, error = %fault, "Submissions are worked in one by one");
            }
            Err(_panic) => {
                tracing::warn!(tenant.id = %self.tenant, "Working submissions in together panicked; they go one by one");
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut rooms = lock(&self.rooms.0);
        let mut seats = lock(&self.room.seats);
        seats.remove(&self.job);
        // Nobody enters meanwhile: entering takes the lock of all rooms first.
        if seats.is_empty() {
            rooms.remove(&self.tenant);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
