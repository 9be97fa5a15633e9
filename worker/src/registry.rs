//! The table from a job's kind to its handler, and what a handler is given and answers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::future::BoxFuture;
use hub::Hub;
use hub::clock::Timestamp;
use hub::db::Tx;
use hub::ids::{JobId, TenantId};
use hub::job::{Claimed, Work};
use tokio_util::sync::CancellationToken;

/// A job as its handler sees it.
#[derive(Debug)]
pub struct Job<W> {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub id: JobId,
    /// The how-manieth attempt this is, from 1.
    pub attempt: i32,
    /// Whether a failure of this attempt makes it a dead letter.
    pub is_last_attempt: bool,
    /// When it was wanted.
    pub wanted_at: Timestamp,
    /// What is to be done.
    pub payload: W,
    /// Cancelled when the worker is about to stop: a long job may end early with [`Outcome::Later`].
    pub stopping: CancellationToken,
    worker: Arc<str>,
}

impl<W> Job<W> {
    /// Marks the job done in the transaction of its effect: both happen, once, or neither, even when another worker
    /// believes that it has the job.
    ///
    /// # Errors
    /// When the job was taken over meanwhile; then the transaction must not be committed (`?` sees to that).
    pub async fn done_in(&self, tx: &mut Tx) -> hub::Result<()> {
        hub::job::claim::done_in(tx, self.id, self.attempt, &self.worker).await
    }
}

/// How a handler's attempt ended, when it did not fail.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Done,
    /// It is done, and the transaction of its effect has written that ([`Job::done_in`]).
    Written,
    /// It is to be run again at this time; the attempt does not count.
    Later(Timestamp),
    /// It will never succeed, for this reason: a dead letter at once.
    Fatal(String),
}

type Handle =
    dyn Fn(Hub, Claimed, CancellationToken) -> BoxFuture<'static, anyhow::Result<Outcome>> + Send + Sync;

/// One kind's handler.
#[derive(Clone)]
pub(crate) struct Handler {
    pub(crate) handle: Arc<Handle>,
    pub(crate) limit: Duration,
}

/// Handlers by kind.
#[derive(Clone, Default)]
pub struct Registry {
    handlers: HashMap<&'static str, Handler>,
}

impl Registry {
    /// No handlers yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the handler of `W`; the last one of a kind counts.
    #[must_use]
    pub fn on<W, F, Fut>(mut self, handler: F) -> Self
    where
        W: Work,
        F: Fn(Hub, Job<W>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = anyhow::Result<Outcome>> + Send + 'static,
    {
        let handle =
            move |hub: Hub, claimed: Claimed, stopping| -> BoxFuture<'static, anyhow::Result<Outcome>> {
                let worker = Arc::clone(&hub.node);
                match job(claimed, stopping, worker) {
                    Ok(job) => Box::pin(handler(hub, job)),
                    // A payload that we cannot read today will not be readable later.
                    Err(fault) => Box::pin(async move { Ok(Outcome::Fatal(format!("{fault:#}"))) }),
                }
            };
        let handler = Handler {
            handle: Arc::new(handle),
            limit: Duration::from_secs(W::LIMIT_S),
        };
        self.handlers.insert(W::KIND, handler);
        self
    }

    pub(crate) fn get(&self, kind: &str) -> Option<&Handler> {
        self.handlers.get(kind)
    }
}

fn job<W: Work>(claimed: Claimed, stopping: CancellationToken, worker: Arc<str>) -> anyhow::Result<Job<W>> {
    Ok(Job {
        tenant: claimed.tenant,
        id: claimed.id,
        attempt: claimed.attempt,
        is_last_attempt: claimed.attempt >= claimed.attempts_max,
        wanted_at: claimed.created_at,
        payload: serde_json::from_value(claimed.payload).context("read the job's payload")?,
        stopping,
        worker,
    })
}
