//! The one task that takes what Redis brings for all tenants with clients here and gives it to their feeds.

use std::collections::HashMap;
use std::time::Instant;

use fred::types::Message as Arrived;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::feed::Feed;
use super::message::Message;
use super::ring::Event;
use super::stream::Input;
use super::{Live, frame};
use crate::Hub;
use crate::auth::{Revoked, revocation};
use crate::ids::TenantId;
use crate::keys;
use crate::kv::Published;

/// Runs until the soft stop.
pub(super) async fn run(hub: Hub, mut arrived: broadcast::Receiver<Arrived>) {
    let live = hub.live.clone();
    let stop = live.tasks().stop_token();
    // Tenants whose feed wants to be looked at again, and when.
    let mut due: HashMap<TenantId, Instant> = HashMap::new();
    loop {
        let next = due.values().min().copied();
        tokio::select! {
            () = stop.cancelled() => return,
            message = arrived.recv() => match message {
                Ok(message) => {
                    if let Some((tenant, at)) = receive(&hub, &message.into()) {
                        due.insert(tenant, at);
                    }
                }
                Err(RecvError::Lagged(missed)) => {
                    metrics::counter!("switchboard_live_publications_lagged_total").increment(missed);
                    live.look_now();
                }
                Err(RecvError::Closed) => return,
            },
            () = live.poked() => {
                due.extend(live.feeds().into_iter().map(|feed| (feed.tenant, now())));
            }
            () = sleep_until(next) => {}
        }
        let at = now();
        let over: Vec<TenantId> = due
            .iter()
            .filter(|(_, due)| **due <= at)
            .map(|(tenant, _)| *tenant)
            .collect();
        for tenant in over {
            due.remove(&tenant);
            if let Some(feed) = live.feed(tenant)
                && let Some(again) = apply(&live, &feed, Input::Tick)
            {
                due.insert(tenant, again);
            }
        }
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// Gives a feed what happened, and starts the read it asks for.
pub(super) fn apply(live: &Live, feed: &std::sync::Arc<Feed>, input: Input) -> Option<Instant> {
    let (read_after, due) = feed.step(input, now());
    if let Some(after) = read_after {
        live.repair(feed, after);
    }
    due
}

fn receive(hub: &Hub, published: &Published) -> Option<(TenantId, Instant)> {
    let live = &hub.live;
    if published.channel == keys::REVOCATIONS {
        if let Ok(revoked) = serde_json::from_slice::<Revoked>(&published.body) {
            revocation::forget(hub, revoked);
            if let Some(feed) = live.feed(revoked.of_tenant()) {
                feed.order_revoked(&revoked);
            }
        }
        return None;
    }
    if !published.channel.ends_with(keys::LIVE_CHANNEL_END) {
        return None;
    }
    let message: Message = match serde_json::from_slice(&published.body) {
        Ok(message) => message,
        Err(fault) => {
            refuse(&published.channel, "unreadable", &fault);
            return None;
        }
    };
    let tenant = TenantId::trusted(message.tenant);
    // The channel says whose clients would get it; the body, whose it is.
    if keys::live_channel(tenant) != published.channel {
        refuse(&published.channel, "another tenant's", &"tenant mismatch");
        return None;
    }
    let feed = live.feed(tenant)?;
    let signals = message.signals.into_iter();
    let signals = signals.map(|sent| ((sent.key, frame::event(sent.frame.get())), sent.from));
    let dues = [
        feed.signal(signals.collect(), now()),
        feed.saw(message.clients, live.clock().now(), now()),
    ];
    let events: Vec<Event> = message.events.into_iter().map(Event::from).collect();
    let due = if events.is_empty() {
        None
    } else {
        apply(live, &feed, Input::Published(events))
    };
    let due = dues.into_iter().flatten().chain(due).min()?;
    Some((tenant, due))
}

/// Somebody writes to our channels what we did not: worth a look.
fn refuse(channel: &str, what: &str, fault: &dyn std::fmt::Display) {
    metrics::counter!("switchboard_live_publications_refused_total").increment(1);
    tracing::error!(error = %fault, "Dropped {what} message on {channel}");
}
