//! Background jobs and the scheduler.
//!
//! # Adding a job
//! 1. What it is told, in `hub` beside the noun that wants it, with its name and queue:
//!    ```ignore
//!    #[derive(Serialize, Deserialize)]
//!    pub struct SendMessage { pub message: MessageId }
//!    impl job::Work for SendMessage {
//!        const KIND: &'static str = "message.send";
//!        const QUEUE: Queue = Queue::High;
//!    }
//!    ```
//!    and where it is wanted, in the transaction that wants it: `tx.enqueue(NewJob::of(&SendMessage { message })?)`
//!    (`.not_before(at)` delays it, `.once_per(key)` keeps doubles out).
//! 2. What does it, in `worker/src/<job>.rs`: `pub(crate) async fn run(hub: Hub, job: Job<SendMessage>) -> Result<Outcome>`.
//!    An error is a failed attempt: it is retried with back-off, then becomes a dead letter. [`Outcome`] has the rest.
//!    A job may be run twice (its worker died after the effect): look before you act, or mark it done in the transaction
//!    of its effect by [`Job::done_in`].
//! 3. Its line in `worker/src/handlers.rs`: `.on(message_send::run)`.
//!
//! Periodic work is in [`scheduler`].

mod attachment_fetch;
mod call_hang_up;
mod call_recording;
mod call_summarise;
mod connection_sweep;
mod handlers;
mod line;
mod message_send;
mod registry;
mod running;
pub mod scheduler;
mod slots;
mod submission_process;
mod sweeper;
mod upload_forget;

pub use registry::{Job, Outcome, Registry};

use std::sync::Arc;
use std::time::Duration;

use hub::Hub;
use hub::job::Queue;
use tokio::net::TcpListener;

use running::Running;
use slots::Slots;

/// Of the time a shutdown gives, this part is for jobs to finish; in the rest the others are given back.
const FINISH_SHARE: f64 = 0.7;

/// Works on `queues` until the soft stop, with every handler of the product.
pub async fn run(hub: Hub, queues: Vec<Queue>) -> anyhow::Result<()> {
    run_with(hub, queues, handlers::all()?).await
}

/// The same with its own listener for health and metrics, when the process does nothing else.
pub async fn serve(hub: Hub, listener: TcpListener, queues: Vec<Queue>) -> anyhow::Result<()> {
    let health = health(hub.clone(), listener);
    let (worked, served) = tokio::join!(run(hub, queues), health);
    worked.and(served)
}

/// Works on `queues` with the handlers of `registry`.
pub async fn run_with(hub: Hub, queues: Vec<Queue>, registry: Registry) -> anyhow::Result<()> {
    let slots = Slots::new(hub.config.jobs.concurrent_max);
    let running = Running::start(&hub, registry);
    let lines = queues
        .iter()
        .map(|queue| line::serve(hub.clone(), *queue, slots.clone(), Arc::clone(&running)));
    let sweeper = sweeper::run(&hub, &queues);
    tracing::info!(
        queues = queues
            .iter()
            .map(|queue| queue.as_str())
            .collect::<Vec<_>>()
            .join(","),
        "Worker {} is at work",
        hub.node
    );
    tokio::join!(futures_util::future::join_all(lines), sweeper);
    running.finish(finish_limit(&hub)).await;
    Ok(())
}

pub(crate) async fn health(hub: Hub, listener: TcpListener) -> anyhow::Result<()> {
    let connections_max = hub.config.listen.connections_max;
    let tasks = hub.tasks.clone();
    hub::serve::serve(hub::health::router(hub), listener, &tasks, connections_max).await
}

fn finish_limit(hub: &Hub) -> Duration {
    Duration::from_secs(hub.config.shutdown.drain_s).mul_f64(FINISH_SHARE)
}
