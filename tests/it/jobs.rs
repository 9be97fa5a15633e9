//! Jobs: what happens to them when workers die, Redis forgets and tenants flood. Real Postgres, real Redis, real workers.
#![expect(
    clippy::panic,
    clippy::excessive_nesting,
    reason = "a test that cannot go on panics, in its helpers too"
)]

mod basics;
mod faults;
mod scheduler;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hub::Hub;
use hub::ids::TenantId;
use hub::job::{NewJob, Queue, Work};
use hub::testing::World;
use serde::{Deserialize, Serialize};
use worker::{Job, Outcome, Registry};

/// A job that tests hand out.
#[derive(Debug, Serialize, Deserialize)]
struct Chore {
    name: String,
}

impl Work for Chore {
    const KIND: &'static str = "test.chore";
    const QUEUE: Queue = Queue::Default;
    const LIMIT_S: u64 = 20;
}

/// How often each chore was begun, by name.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<HashMap<String, usize>>>);

impl Log {
    pub(crate) fn add(&self, name: &str) -> usize {
        let mut log = self.0.lock().unwrap();
        let count = log.entry(name.to_owned()).or_default();
        *count += 1;
        *count
    }

    pub(crate) fn count(&self, name: &str) -> usize {
        self.0.lock().unwrap().get(name).copied().unwrap_or(0)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// A worker process, as far as the stores can tell.
pub(crate) struct Worker {
    hub: Hub,
    ended: tokio::task::JoinHandle<anyhow::Result<()>>,
}

impl Worker {
    pub(crate) async fn start(world: &World, registry: Registry) -> Self {
        let hub = world.another_hub().await;
        let queues = Queue::ALL.to_vec();
        #[expect(clippy::disallowed_methods, reason = "the test plays the process")]
        let ended = tokio::spawn(worker::run_with(hub.clone(), queues, registry));
        Self { hub, ended }
    }

    /// As kill -9 does, as far as one process can: nothing it had in mind is done any more.
    pub(crate) async fn kill(self) {
        self.ended.abort();
        self.hub.tasks.shut_down(Duration::ZERO).await;
    }

    pub(crate) async fn stop(self) {
        self.hub.tasks.stop();
        self.ended.await.unwrap().unwrap();
        self.hub.tasks.shut_down(Duration::from_secs(5)).await;
    }
}

pub(crate) async fn enqueue(hub: &Hub, tenant: TenantId, jobs: impl IntoIterator<Item = NewJob>) {
    let mut tx = hub.db.tenant(tenant).await.unwrap();
    for job in jobs {
        tx.enqueue(job);
    }
    tx.commit().await.unwrap();
}

pub(crate) fn chore(name: impl Into<String>) -> NewJob {
    NewJob::of(&Chore { name: name.into() }).unwrap()
}

/// Waits until `holds`; fails after 30 s.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait)
        .await
        .unwrap_or_else(|_| panic!("never came true: {what}"));
}

/// Rows by state.
pub(crate) async fn states(world: &World) -> HashMap<String, i64> {
    let mut admin = world.admin().await;
    let rows: Vec<(String, i64)> = sqlx::query_as("SELECT state, count(*) FROM jobs GROUP BY state")
        .fetch_all(&mut admin)
        .await
        .unwrap();
    rows.into_iter().collect()
}

pub(crate) async fn count(world: &World, state: &str) -> i64 {
    states(world).await.get(state).copied().unwrap_or(0)
}

/// Notes the chore and is done.
pub(crate) fn noting(log: &Log) -> Registry {
    let log = log.clone();
    Registry::new().on(move |_, job: Job<Chore>| {
        let log = log.clone();
        async move {
            log.add(&job.payload.name);
            Ok(Outcome::Done)
        }
    })
}
