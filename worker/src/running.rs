//! The jobs a worker has at this moment: run, kept by renewed leases, settled in batches, given back at a stop.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use hub::Hub;
use hub::ids::JobId;
use hub::job::{Claimed, Settled, Verdict, claim, settle};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::registry::{Outcome, Registry};
use crate::slots::Slot;

/// Verdicts that wait to be written; a job that ends while it is full waits, and keeps its slot meanwhile.
const VERDICTS_WAITING_MAX: usize = 1_024;
/// Verdicts written by one statement.
const BATCH_MAX: usize = 256;
/// A handler that does not even end by its limit (it never yields) is no longer renewed after this: others take the job
/// over, and after a few of them it is dead.
const OVERTIME: Duration = Duration::from_secs(30);
/// Verdicts that cannot be written are tried again this often; then the leases run out.
const SETTLE_TRIES: u32 = 5;
const SETTLE_PAUSE: Duration = Duration::from_millis(300);

/// How an attempt ended.
enum End {
    /// Its row is to be told.
    Verdict(Verdict),
    /// Its row says so already.
    Written,
    /// Somebody else has it: what came of ours is no matter.
    Lost,
}

/// The running jobs of one worker.
pub(crate) struct Running {
    registry: Registry,
    jobs: Mutex<HashMap<JobId, Held>>,
    verdicts: mpsc::Sender<(Settled, JobId)>,
    tracker: TaskTracker,
    /// The worker is about to stop: handlers may end early.
    stopping: CancellationToken,
    /// Time is up: whatever runs is cut and given back.
    give_back: CancellationToken,
    /// The last verdict was written.
    written: TaskTracker,
}

struct Held {
    claimed: Claimed,
    since: Instant,
    limit: Duration,
    /// Somebody else has it by now.
    lost: CancellationToken,
}

impl Running {
    /// Nothing runs yet; starts the task that renews and settles.
    pub(crate) fn start(hub: &Hub, registry: Registry) -> Arc<Self> {
        let (verdicts, waiting) = mpsc::channel(VERDICTS_WAITING_MAX);
        let running = Arc::new(Self {
            registry,
            jobs: Mutex::default(),
            verdicts,
            tracker: TaskTracker::new(),
            stopping: hub.tasks.stop_token(),
            give_back: CancellationToken::new(),
            written: TaskTracker::new(),
        });
        let keeper = running
            .written
            .track_future(keep(hub.clone(), Arc::clone(&running), waiting));
        hub.tasks.spawn("worker.keep", keeper);
        running
    }

    /// Starts a claimed job.
    pub(crate) fn begin(self: &Arc<Self>, hub: &Hub, claimed: Claimed, slot: Option<Slot>) {
        let handler = self.registry.get(&claimed.kind).cloned();
        let lost = CancellationToken::new();
        let held = Held {
            claimed: claimed.clone(),
            since: Instant::now(),
            limit: handler.as_ref().map_or(Duration::ZERO, |handler| handler.limit),
            lost: lost.clone(),
        };
        self.lock().insert(claimed.id, held);
        let (running, hub_of_job) = (Arc::clone(self), hub.clone());
        let job = async move {
            let _slot = slot;
            let id = claimed.id;
            let started = Instant::now();
            let end = tokio::select! {
                end = running.attempt(hub_of_job, claimed.clone(), handler) => end,
                () = running.give_back.cancelled() => End::Verdict(Verdict::GivenBack),
                () = lost.cancelled() => End::Lost,
            };
            Self::report(&claimed, &end, started.elapsed());
            match end {
                End::Verdict(verdict) => {
                    let settled = Settled::new(&claimed, verdict);
                    running.verdicts.send((settled, id)).await.ok();
                }
                End::Written | End::Lost => {
                    running.lock().remove(&id);
                }
            }
        };
        hub.tasks.spawn("worker.job", self.tracker.track_future(job));
    }

    async fn attempt(&self, hub: Hub, claimed: Claimed, handler: Option<crate::registry::Handler>) -> End {
        if claimed.crashes >= settle::CRASHES_MAX {
            return End::Verdict(Verdict::Fatal(format!(
                "its worker died {} times while doing it",
                claimed.crashes
            )));
        }
        let Some(handler) = handler else {
            // A newer release wants it: a worker of that release will know how.
            let error = format!("this worker does not know jobs of kind {}", claimed.kind);
            return End::Verdict(Verdict::Failed(error));
        };
        let now = hub.clock.clone();
        // Built inside: a handler may panic before its first await, too.
        let attempt = async { (handler.handle)(hub, claimed, self.stopping.clone()).await };
        let guarded = AssertUnwindSafe(attempt).catch_unwind();
        let verdict = match tokio::time::timeout(handler.limit, guarded).await {
            Err(_) => Verdict::Failed(format!("it took longer than {} s", handler.limit.as_secs())),
            Ok(Err(panic)) => Verdict::Crashed(format!("panicked: {}", panic_text(&*panic))),
            Ok(Ok(Ok(Outcome::Written))) => return End::Written,
            Ok(Ok(Ok(Outcome::Done))) => Verdict::Done,
            Ok(Ok(Ok(Outcome::Later(at)))) => Verdict::Later(at.since(now.now())),
            Ok(Ok(Ok(Outcome::Fatal(reason)))) => Verdict::Fatal(reason),
            Ok(Ok(Err(fault))) => Verdict::Failed(format!("{fault:#}")),
        };
        End::Verdict(verdict)
    }

    fn report(claimed: &Claimed, end: &End, took: Duration) {
        let outcome = match end {
            End::Verdict(Verdict::Done) | End::Written => "done",
            End::Verdict(Verdict::Failed(_)) => "failed",
            End::Verdict(Verdict::Crashed(_)) => "crashed",
            End::Verdict(Verdict::Fatal(_)) => "fatal",
            End::Verdict(Verdict::Later(_)) => "later",
            End::Verdict(Verdict::GivenBack) => "given_back",
            End::Lost => "lost",
        };
        let queue = claimed.queue.as_str();
        metrics::counter!("switchboard_jobs_total", "queue" => queue, "outcome" => outcome).increment(1);
        metrics::histogram!("switchboard_job_seconds", "queue" => queue).record(took.as_secs_f64());
        if let End::Verdict(Verdict::Failed(error) | Verdict::Crashed(error) | Verdict::Fatal(error)) = end {
            tracing::warn!(
                tenant.id = %claimed.tenant, job.id = %claimed.id, job.kind = claimed.kind, attempt = claimed.attempt, error,
                "Job {} ({}) {outcome} in attempt {}", claimed.id, claimed.kind, claimed.attempt
            );
        }
    }

    /// Lets what runs finish, up to `limit`; then gives the rest back. Returns when every verdict is written.
    pub(crate) async fn finish(&self, limit: Duration) {
        self.tracker.close();
        if tokio::time::timeout(limit, self.tracker.wait()).await.is_err() {
            tracing::info!(
                jobs = self.lock().len(),
                "Jobs that did not finish in time are given back"
            );
        }
        self.give_back.cancel();
        self.tracker.wait().await;
        self.written.close();
        self.written.wait().await;
    }

    /// Whose lease is worth renewing.
    fn held(&self) -> Vec<Claimed> {
        self.lock()
            .values()
            .filter(|held| held.since.elapsed() < held.limit + OVERTIME)
            .map(|held| held.claimed.clone())
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<JobId, Held>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Renews and settles, in one task: both lock the same rows. Ends when everything was given back and written.
async fn keep(hub: Hub, running: Arc<Running>, mut waiting: mpsc::Receiver<(Settled, JobId)>) {
    let lease = Duration::from_secs(hub.config.jobs.lease_s);
    let mut renewal = tokio::time::interval(lease / 3);
    renewal.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut batch = Vec::new();
    loop {
        let ended = async {
            running.give_back.cancelled().await;
            running.tracker.wait().await;
        };
        tokio::select! {
            biased;
            _ = renewal.tick() => renew(&hub, &running, lease).await,
            _ = waiting.recv_many(&mut batch, BATCH_MAX) => {}
            () = ended => break,
        }
        write(&hub, &running, &mut batch).await;
    }
    while let Ok(one) = waiting.try_recv() {
        batch.push(one);
    }
    write(&hub, &running, &mut batch).await;
}

async fn write(hub: &Hub, running: &Running, batch: &mut Vec<(Settled, JobId)>) {
    if batch.is_empty() {
        return;
    }
    let (settled, ids): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
    for attempt in 1..=SETTLE_TRIES {
        match settle(hub, &settled).await {
            Ok(()) => break,
            Err(fault) => {
                tracing::warn!(error = %fault, attempt, "Could not write how {} jobs ended", settled.len());
                tokio::time::sleep(SETTLE_PAUSE * attempt).await;
            }
        }
    }
    let mut jobs = running.lock();
    for id in ids {
        jobs.remove(&id);
    }
}

async fn renew(hub: &Hub, running: &Running, lease: Duration) {
    let held = running.held();
    if held.is_empty() {
        return;
    }
    let asked: Vec<_> = held.iter().map(|job| (job.tenant, job.id, job.attempt)).collect();
    match claim::renew(hub, &asked, lease).await {
        Ok(ours) => {
            for job in held.iter().filter(|job| !ours.contains(&job.id)) {
                lose(running, job);
            }
        }
        // Not renewed is not lost: the next renewal tells.
        Err(fault) => tracing::warn!(error = %fault, "Could not renew the leases of {} jobs", held.len()),
    }
}

/// Somebody else has it: what we do for it is in vain.
fn lose(running: &Running, job: &Claimed) {
    if let Some(held) = running.lock().get(&job.id)
        && held.claimed.attempt == job.attempt
    {
        held.lost.cancel();
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text")
}
