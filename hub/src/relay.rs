//! Redis channels that come and go with who follows them: one subscription per channel and process, shared by its
//! followers, ended with the last of them.

use std::ops::ControlFlow;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use dashmap::DashMap;
use tokio::sync::broadcast;

use crate::kv::Kv;
use crate::tasks::Tasks;

/// Messages a follower may lag behind; the oldest are lost to it, and it is told.
const FOLLOWER_QUEUE_MAX: usize = 256;

/// Hands out what arrives on followed channels. Cheap to clone.
#[derive(Clone)]
pub struct Relay(Arc<Inner>);

struct Inner {
    kv: Kv,
    tasks: Tasks,
    channels: DashMap<String, broadcast::Sender<Bytes>>,
}

impl Inner {
    /// Breaks when nothing will come any more. What a reader that lagged missed is gone: followers carry what may be lost.
    fn hand_out(
        &self,
        message: Result<fred::types::Message, broadcast::error::RecvError>,
    ) -> ControlFlow<()> {
        let message = match message {
            Ok(message) => message,
            Err(broadcast::error::RecvError::Lagged(_)) => return ControlFlow::Continue(()),
            Err(broadcast::error::RecvError::Closed) => return ControlFlow::Break(()),
        };
        let follower = self
            .channels
            .get(&*message.channel)
            .map(|sender| sender.value().clone());
        if let (Some(sender), Some(body)) = (follower, message.value.into_bytes()) {
            // Nobody left: the subscription ends in a moment.
            sender.send(body).ok();
        }
        ControlFlow::Continue(())
    }

    /// Somebody may have followed again meanwhile; then the subscription is theirs.
    async fn unsubscribe(&self, channel: String) {
        if self.channels.contains_key(&channel) {
            return;
        }
        if let Err(fault) = self.kv.unsubscribe(&channel).await {
            tracing::debug!(error = format!("{fault:#}"), "Could not unsubscribe");
        }
    }
}

impl Relay {
    /// Starts the one task that reads this process's subscriptions for all followers.
    pub fn start(kv: Kv, tasks: &Tasks) -> Self {
        let messages = kv.messages();
        let relay = Self(Arc::new(Inner {
            kv,
            tasks: tasks.clone(),
            channels: DashMap::new(),
        }));
        let inner = Arc::downgrade(&relay.0);
        tasks.spawn_supporter("hub.relay", read(inner, messages));
        relay
    }

    /// What arrives on `channel` from now on.
    pub async fn follow(&self, channel: String) -> anyhow::Result<Following> {
        let (receiver, first) = match self.0.channels.entry(channel.clone()) {
            dashmap::Entry::Occupied(entry) => (entry.get().subscribe(), false),
            dashmap::Entry::Vacant(entry) => {
                let (sender, receiver) = broadcast::channel(FOLLOWER_QUEUE_MAX);
                entry.insert(sender);
                (receiver, true)
            }
        };
        let following = Following {
            receiver: Some(receiver),
            relay: self.clone(),
            channel,
        };
        if first {
            self.0.kv.subscribe(&following.channel).await?;
        }
        Ok(following)
    }
}

/// Hands out until nothing comes any more or nobody is left to follow.
async fn read(inner: Weak<Inner>, mut messages: broadcast::Receiver<fred::types::Message>) {
    loop {
        let message = messages.recv().await;
        let Some(inner) = inner.upgrade() else { return };
        if inner.hand_out(message).is_break() {
            return;
        }
    }
}

/// One follower's place on a channel.
pub struct Following {
    receiver: Option<broadcast::Receiver<Bytes>>,
    relay: Relay,
    channel: String,
}

impl Following {
    /// The next message; what a slow follower missed is passed over. Never resolves once the process stops.
    pub async fn next(&mut self) -> Bytes {
        let Some(receiver) = &mut self.receiver else {
            return std::future::pending().await;
        };
        loop {
            match receiver.recv().await {
                Ok(body) => return body,
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    metrics::counter!("switchboard_relay_missed_total").increment(missed);
                }
                Err(broadcast::error::RecvError::Closed) => return std::future::pending().await,
            }
        }
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.receiver = None;
        let last = self
            .relay
            .0
            .channels
            .remove_if(&self.channel, |_, sender| sender.receiver_count() == 0);
        if let Some((channel, _)) = last {
            let inner = Arc::clone(&self.relay.0);
            let tasks = inner.tasks.clone();
            tasks.spawn("hub.relay.unsubscribe", async move {
                inner.unsubscribe(channel).await;
            });
        }
    }
}
