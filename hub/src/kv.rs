//! Redis behind one door: connection policy, commands with a time limit, subscriptions that come back by themselves.
//! Nothing else imports the client library, except hub's modules that own a Redis structure.

mod script;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use fred::prelude::*;
use fred::types::config::UnresponsiveConfig;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::broadcast;

use crate::keys;
use crate::tasks::Tasks;

pub(crate) use script::Script;

/// Commands waiting for a lost connection; more are refused, so memory stays bounded while Redis is away.
const COMMANDS_WAITING_MAX: usize = 50_000;
/// Messages a subscription holds for a slow reader; a reader that lags is told so and repairs from Postgres.
const SUBSCRIPTION_QUEUE_MAX: usize = 8_192;

/// How long Redis may take to see us off.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// A connection to Redis, single, Sentinel or Cluster by its URL's scheme. Cheap to clone.
#[derive(Clone)]
pub struct Kv {
    client: Client,
    subscriber: fred::clients::SubscriberClient,
    config: Arc<Config>,
}

/// A message of a subscribed channel.
#[derive(Clone, Debug)]
pub struct Published {
    /// The channel's name.
    pub channel: String,
    /// The body.
    pub body: bytes::Bytes,
}

impl Kv {
    /// Connects; fails when Redis does not answer within ten seconds, afterwards reconnects for ever.
    pub async fn connect(url: &SecretString, tasks: &Tasks) -> anyhow::Result<Self> {
        let config = Config::from_url(url.expose_secret()).context("read the Redis URL")?;
        let client = build(&config).build().context("make the Redis client")?;
        let subscriber = build(&config)
            .build_subscriber_client()
            .context("make the Redis subscriber")?;
        let start = async {
            client.init().await?;
            subscriber.init().await
        };
        tokio::time::timeout(Duration::from_secs(10), start)
            .await
            .context("connect to Redis within 10 s")?
            .context("connect to Redis")?;
        // Subscribes again after each reconnect.
        let manager = subscriber.manage_subscriptions();
        let stop = tasks.stop_token();
        tasks.spawn("kv.subscriptions", async move {
            stop.cancelled().await;
            manager.abort();
        });
        Ok(Self {
            client,
            subscriber,
            config: Arc::new(config),
        })
    }

    /// The multiplexed client, for hub's own modules. Never block on it: see [`Self::dedicated`].
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// A connection of its own for blocking reads, which would hold up everybody on the shared one.
    pub(crate) async fn dedicated(&self) -> anyhow::Result<Client> {
        let client = build(&self.config)
            .build()
            .context("make a dedicated Redis client")?;
        client.init().await.context("connect a dedicated Redis client")?;
        Ok(client)
    }

    /// Whether this is a cluster, where channels are sharded.
    pub fn is_cluster(&self) -> bool {
        self.client.is_clustered()
    }

    /// Takes leave of Redis, so that its end is no fault any more.
    pub async fn close(&self) {
        let leave = async { tokio::join!(self.client.quit(), self.subscriber.quit()) };
        // The process ends next, with or without a farewell.
        tokio::time::timeout(CLOSE_LIMIT, leave).await.ok();
    }

    /// Answers when Redis does.
    pub async fn ping(&self) -> anyhow::Result<()> {
        self.client.ping::<()>(None).await.context("ping Redis")
    }

    /// Answers when Redis takes writes: one that is full, or a primary that became a replica, answers pings all the same.
    pub async fn takes_writes(&self) -> anyhow::Result<()> {
        let life = Some(Expiration::PX(10_000));
        self.client
            .set::<(), _, _>(keys::HEALTH, 1, life, None, false)
            .await
            .context("write to Redis")
    }

    /// Sends `body` to whoever is subscribed right now. Lossy by nature: what must arrive is a row first.
    pub async fn publish(&self, channel: &str, body: bytes::Bytes) -> anyhow::Result<()> {
        self.offer(channel, body).await.map(drop)
    }

    /// The same; false when nobody is subscribed. A cluster's node knows of its own subscribers only, so true there.
    pub async fn offer(&self, channel: &str, body: bytes::Bytes) -> anyhow::Result<bool> {
        let sent: Result<i64, _> = if self.is_cluster() {
            self.client.spublish(channel, body).await
        } else {
            self.client.publish(channel, body).await
        };
        sent.map(|got| got > 0 || self.is_cluster())
            .with_context(|| format!("publish to {channel}"))
    }

    /// Subscribes this process to a channel; its messages come by [`Self::messages`].
    pub async fn subscribe(&self, channel: &str) -> anyhow::Result<()> {
        let done = if self.is_cluster() {
            self.subscriber.ssubscribe(channel).await
        } else {
            self.subscriber.subscribe(channel).await
        };
        done.with_context(|| format!("subscribe to {channel}"))
    }

    /// Ends a subscription of this process.
    pub async fn unsubscribe(&self, channel: &str) -> anyhow::Result<()> {
        let done = if self.is_cluster() {
            self.subscriber.sunsubscribe(channel).await
        } else {
            self.subscriber.unsubscribe(channel).await
        };
        done.with_context(|| format!("unsubscribe from {channel}"))
    }

    /// Everything that arrives on this process's subscriptions from now on. `Lagged` means: repair from Postgres.
    pub fn messages(&self) -> broadcast::Receiver<fred::types::Message> {
        self.subscriber.message_rx()
    }
}

impl From<fred::types::Message> for Published {
    fn from(message: fred::types::Message) -> Self {
        Self {
            channel: message.channel.to_string(),
            body: message.value.into_bytes().unwrap_or_default(),
        }
    }
}

/// The library's defaults never reconnect, never time out and queue without limit: set here once.
fn build(config: &Config) -> Builder {
    let mut builder = Builder::from_config(config.clone());
    builder
        .with_performance_config(|performance| {
            performance.default_command_timeout = Duration::from_secs(3);
            performance.broadcast_channel_capacity = SUBSCRIPTION_QUEUE_MAX;
        })
        .with_connection_config(|connection| {
            connection.connection_timeout = Duration::from_secs(5);
            connection.max_command_buffer_len = COMMANDS_WAITING_MAX;
            connection.unresponsive = UnresponsiveConfig {
                max_timeout: Some(Duration::from_secs(10)),
                interval: Duration::from_secs(2),
            };
        })
        .set_policy(ReconnectPolicy::new_exponential(0, 50, 2_000, 2));
    builder
}
