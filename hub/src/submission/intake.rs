//! Group commit for intake: requests that arrive together are written by one statement and share one commit, which makes
//! the rate independent of the disk. Two writers take turns, so that one batch is being filled while the other commits.
//!
//! A batch holds rows of many tenants. It is written under the system role, which may insert submissions and jobs and read
//! nothing back but which were new; each row's tenant was proved before it got here, and the foreign key to the tenant's
//! own inbox holds it there.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::anyhow;
use tokio::sync::{Mutex, mpsc, oneshot};

use super::{NewSubmission, ProcessSubmission};
use crate::Hub;
use crate::clock::Timestamp;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::ids::SubmissionId;
use crate::job::Work;
use crate::job::stream::{Hint, Lane};

/// Requests waiting to be written; one more is told to come back, which providers do.
const WAITING_MAX: usize = 8_192;
/// Rows of one statement.
const BATCH_MAX: usize = 500;
const WRITERS: usize = 2;
/// From the request's side; the statement has its own limit.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// After the soft stop, requests that were in flight still come; without one for this long the writers end.
const IDLE_LIMIT: Duration = Duration::from_secs(1);

/// The way into the writers. Cheap to clone; they start with the first submission.
#[derive(Clone, Default)]
pub struct Intake(Arc<OnceLock<mpsc::Sender<Waiting>>>);

struct Waiting {
    submission: NewSubmission,
    written: oneshot::Sender<Result<()>>,
}

impl Intake {
    /// Commits a submission and the job that works it in. A repeat of one is committed already, and is fine.
    ///
    /// # Errors
    /// `Unavailable` when the database is, or when too many wait already.
    pub async fn commit(&self, hub: &Hub, submission: NewSubmission) -> Result<()> {
        let queue = self.0.get_or_init(|| start(hub));
        let (written, answer) = oneshot::channel();
        let waiting = Waiting { submission, written };
        match queue.try_send(waiting) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => {
                metrics::counter!("switchboard_intake_refused_total").increment(1);
                return Err(Error::Unavailable(
                    "intake",
                    anyhow!("{WAITING_MAX} requests wait already"),
                ));
            }
            // The writers ended with the soft stop; this request was still under way.
            Err(mpsc::error::TrySendError::Closed(waiting)) => {
                let hints = write(&hub.db, hub.clock.now(), &[waiting.submission]).await?;
                hub.db.hand_out(&hints).await;
                return Ok(());
            }
        }
        match tokio::time::timeout(ANSWER_LIMIT, answer).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_dropped)) => Err(Error::Unavailable("intake", anyhow!("the writer ended"))),
            Err(_elapsed) => Err(Error::Unavailable("intake", anyhow!("not written in time"))),
        }
    }
}

fn start(hub: &Hub) -> mpsc::Sender<Waiting> {
    // Bounded by WAITING_MAX; full means the caller is refused.
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    let receiver = Arc::new(Mutex::new(receiver));
    for _ in 0..WRITERS {
        let (hub, receiver) = (hub.clone(), Arc::clone(&receiver));
        hub.tasks
            .clone()
            .spawn("intake.writer", async move { writer(&hub, &receiver).await });
    }
    sender
}

/// Fills a batch while it holds the queue, lets the other writer have it, and commits.
async fn writer(hub: &Hub, queue: &Mutex<mpsc::Receiver<Waiting>>) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    loop {
        let mut receiver = queue.lock().await;
        let taken = tokio::select! {
            taken = receiver.recv_many(&mut batch, BATCH_MAX) => taken,
            () = idle_after_stop(hub) => 0,
        };
        if taken == 0 {
            receiver.close();
            // What came between the last look and the closing.
            while let Ok(waiting) = receiver.try_recv() {
                batch.push(waiting);
            }
        }
        drop(receiver);
        let is_last = taken == 0;
        commit(hub, std::mem::take(&mut batch)).await;
        if is_last {
            return;
        }
    }
}

async fn idle_after_stop(hub: &Hub) {
    hub.tasks.stopping().await;
    tokio::time::sleep(IDLE_LIMIT).await;
}

async fn commit(hub: &Hub, batch: Vec<Waiting>) {
    if batch.is_empty() {
        return;
    }
    let (submissions, waiting): (Vec<_>, Vec<_>) = batch
        .into_iter()
        .map(|waiting| (waiting.submission, waiting.written))
        .unzip();
    let now = hub.clock.now();
    #[expect(clippy::cast_precision_loss, reason = "a batch has at most some hundred rows")]
    metrics::histogram!("switchboard_intake_batch_rows").record(submissions.len() as f64);
    match write(&hub.db, now, &submissions).await {
        Ok(hints) => {
            for written in waiting {
                // Dropped when the client hung up; the row stands.
                written.send(Ok(())).ok();
            }
            // After the answers: a slow Redis is no provider's business.
            hub.db.hand_out(&hints).await;
        }
        // One row that the database refuses (its inbox is gone) must not fail the others: each by itself.
        Err(Error::Database(fault))
            if fault
                .as_database_error()
                .is_some_and(|fault| fault.constraint().is_some()) =>
        {
            for (submission, written) in submissions.into_iter().zip(waiting) {
                let outcome = write(&hub.db, now, &[submission]).await;
                let hints = outcome.as_ref().map(Clone::clone).unwrap_or_default();
                written.send(outcome.map(|_| ())).ok();
                hub.db.hand_out(&hints).await;
            }
        }
        // The database is away: trying each would only keep everybody behind them waiting. Providers come back.
        Err(fault) => {
            tracing::warn!(error = ?fault, "A batch of {} submissions was not written", waiting.len());
            for written in waiting {
                let cause = anyhow!("the batch was not written");
                written.send(Err(Error::Unavailable("intake", cause))).ok();
            }
        }
    }
}

/// One statement for submissions and jobs; a job has its submission's id, and exists only where the submission is new.
/// Answers the jobs, to be handed out.
async fn write(db: &Db, now: Timestamp, submissions: &[NewSubmission]) -> Result<Vec<Hint>> {
    let mut columns = Columns::default();
    for new in submissions {
        let id = SubmissionId::at(now);
        columns.tenants.push(new.tenant.uuid());
        columns.ids.push(id.uuid());
        columns.inboxes.push(new.inbox.uuid());
        columns.sources.push(new.body.source().to_owned());
        columns.keys.push(new.dedup_key.clone());
        columns
            .bodies
            .push(serde_json::to_value(&new.body).map_err(anyhow::Error::from)?);
        let work = ProcessSubmission { submission: id };
        columns
            .payloads
            .push(serde_json::to_value(&work).map_err(anyhow::Error::from)?);
    }
    let mut tx = db.system().await?;
    let new = sqlx::query!(
        r#"WITH raw AS (
             SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::jsonb[], $7::jsonb[])
                 AS raw (tenant_id, id, inbox_id, source, dedup_key, body, payload)
         ), new AS (
             INSERT INTO submissions (tenant_id, id, inbox_id, source, dedup_key, body, received_at)
             SELECT tenant_id, id, inbox_id, source, dedup_key, body, $8 FROM raw
             ON CONFLICT DO NOTHING RETURNING tenant_id, id
         )
         INSERT INTO jobs (tenant_id, id, queue, kind, payload, priority, attempts_max, run_at, dispatched_at, created_at)
         SELECT new.tenant_id, new.id, $9, $10, raw.payload, $11, $12, now(), now(), $8
         FROM new JOIN raw ON raw.tenant_id = new.tenant_id AND raw.id = new.id
         RETURNING tenant_id, id, dispatched_at AS "dispatched_at!""#,
        &columns.tenants,
        &columns.ids,
        &columns.inboxes,
        &columns.sources,
        &columns.keys,
        &columns.bodies,
        &columns.payloads,
        now as _,
        ProcessSubmission::QUEUE.as_str(),
        ProcessSubmission::KIND,
        ProcessSubmission::PRIORITY,
        ProcessSubmission::ATTEMPTS_MAX
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    let hints = new.into_iter().map(|row| Hint {
        tenant: row.tenant_id,
        job: row.id,
        queue: ProcessSubmission::QUEUE,
        lane: Lane::of(ProcessSubmission::PRIORITY),
        handed_out_ms: row.dispatched_at.as_millisecond(),
    });
    Ok(hints.collect())
}

#[derive(Default)]
struct Columns {
    tenants: Vec<uuid::Uuid>,
    ids: Vec<uuid::Uuid>,
    inboxes: Vec<uuid::Uuid>,
    sources: Vec<String>,
    keys: Vec<String>,
    bodies: Vec<serde_json::Value>,
    payloads: Vec<serde_json::Value>,
}
