//! Status callbacks of one call, stream or message: in order, unless faults say otherwise.
use std::sync::{Arc, Mutex};

use tokio::sync::mpsc;

use super::webhook::{self, Webhook};
use super::world::World;

/// Callbacks that may wait for a slow receiver; Twilio drops what is beyond, and so do we.
const QUEUE_MAX: usize = 64;

/// Sends callbacks one after the other in a task of its own, until closed.
#[derive(Debug)]
pub(crate) struct Callbacks {
    queue: Mutex<Option<mpsc::Sender<(String, Webhook)>>>,
}

impl Callbacks {
    pub(crate) fn start(world: &Arc<World>) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE_MAX);
        world.spawn(deliver(Arc::clone(world), receiver));
        Self {
            queue: Mutex::new(Some(sender)),
        }
    }

    /// Queues a callback about `state`.
    pub(crate) fn send(&self, state: &str, webhook: Webhook) {
        let queue = self.queue.lock().expect("no holder of the lock panics");
        if let Some(queue) = queue.as_ref() {
            // Full: the callback is lost, as Twilio promises no delivery.
            let _ = queue.try_send((state.to_owned(), webhook));
        }
    }

    /// No more will come; what is queued is still sent.
    pub(crate) fn close(&self) {
        self.queue.lock().expect("no holder of the lock panics").take();
    }
}

async fn deliver(world: Arc<World>, mut queue: mpsc::Receiver<(String, Webhook)>) {
    let mut held = None;
    while let Some((state, webhook)) = queue.recv().await {
        let faults = world
            .faults
            .lock()
            .expect("no holder of the lock panics")
            .callbacks
            .clone();
        if faults.dropped.contains(&state) {
            world.ledger.record(
                "callback.dropped",
                serde_json::json!({"state": state, "url": webhook.url}),
            );
            continue;
        }
        if faults.reordered && held.is_none() {
            held = Some(webhook);
            continue;
        }
        tokio::time::sleep(faults.delay()).await;
        for webhook in [Some(webhook), held.take()].into_iter().flatten() {
            for _ in 0..=faults.duplicates {
                // An unanswered callback is recorded by `send`; there is no retry.
                let _ = webhook::send(&world, &webhook).await;
            }
        }
    }
    if let Some(webhook) = held {
        let _ = webhook::send(&world, &webhook).await;
    }
}
