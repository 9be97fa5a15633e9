//! The list of a tenant's clients in Redis: who is online, over all processes. Written once a second when something
//! changed and every ten seconds anyway, so that a flushed Redis is full again by itself.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use fred::prelude::*;

use super::Live;
use super::feed::Feed;
use super::message::{Person, Seen};
use super::who::{HOLDS, Who};
use crate::Hub;
use crate::clock::Timestamp;
use crate::ids::TenantId;
use crate::keys;
use crate::kv::Kv;

/// Between two rounds.
const ROUND_EVERY: Duration = Duration::from_secs(1);
/// Rounds after which everything is said again.
const ROUNDS_TO_REFRESH: u32 = 10;
/// A Redis that takes longer is left alone until the next round.
const REDIS_LIMIT: Duration = Duration::from_secs(1);

/// Runs until the soft stop.
pub(super) async fn run(live: Live) {
    let stop = live.tasks().stop_token();
    for round in 0_u32.. {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(ROUND_EVERY) => {}
        }
        // When Redis does not answer one, the others wait for the next round.
        let mut answers = true;
        for feed in live.feeds() {
            tick(&live, &feed);
            let due = round % ROUNDS_TO_REFRESH == 0 || feed.shelf().presence_changed;
            answers = answers && (!due || refresh(&live, &feed).await);
        }
    }
}

fn tick(live: &Live, feed: &Arc<Feed>) {
    let changes = feed.shelf().who.tick(live.clock().now());
    let changes = changes.into_iter().map(|change| (change, None));
    if feed.signal(changes.collect(), now()).is_some() {
        live.poke();
    }
}

fn now() -> std::time::Instant {
    tokio::time::Instant::now().into_std()
}

/// Says who is here and learns who is elsewhere. False: Redis did not answer; it is all said again in its turn, and who
/// went runs out by itself.
pub(super) async fn refresh(live: &Live, feed: &Arc<Feed>) -> bool {
    let at = live.clock().now();
    let until_ms = at.after(HOLDS).as_millisecond();
    let (here, went) = {
        let mut shelf = feed.shelf();
        shelf.presence_changed = false;
        let here: Vec<Seen> = shelf
            .clients
            .values()
            .filter_map(|entry| entry.seen(until_ms))
            .collect();
        (here, std::mem::take(&mut shelf.went))
    };
    if here.is_empty() && went.is_empty() {
        return true;
    }
    let exchange = exchange(live.kv(), feed.tenant, &here, &went, at);
    let Ok(Ok(all)) = tokio::time::timeout(REDIS_LIMIT, exchange).await else {
        feed.shelf().presence_changed = true;
        return false;
    };
    let changes = feed.shelf().who.list(all, at);
    let changes = changes.into_iter().map(|change| (change, None));
    if feed.signal(changes.collect(), now()).is_some() {
        live.poke();
    }
    true
}

async fn exchange(
    kv: &Kv,
    tenant: TenantId,
    here: &[Seen],
    went: &[Arc<str>],
    at: Timestamp,
) -> anyhow::Result<Vec<Seen>> {
    let key = keys::presence(tenant);
    let pipeline = kv.client().pipeline();
    if !here.is_empty() {
        let mut fields = HashMap::new();
        for seen in here {
            fields.insert(seen.client.clone(), serde_json::to_string(seen)?);
        }
        pipeline.hset::<(), _, _>(&key, fields).await?;
    }
    if !went.is_empty() {
        let went: Vec<String> = went.iter().map(ToString::to_string).collect();
        pipeline.hdel::<(), _, _>(&key, went).await?;
    }
    let hold_ms = i64::try_from(HOLDS.as_millis())?;
    pipeline.pexpire::<(), _>(&key, hold_ms, None).await?;
    pipeline.last::<()>().await.context("write presence")?;
    let (all, over) = read(kv, &key, at).await?;
    if !over.is_empty() {
        kv.client().hdel::<(), _, _>(&key, over).await?;
    }
    Ok(all)
}

/// What the list holds, and the names in it whose time is over.
async fn read(kv: &Kv, key: &str, at: Timestamp) -> anyhow::Result<(Vec<Seen>, Vec<String>)> {
    let all: HashMap<String, String> = kv.client().hgetall(key).await.context("read presence")?;
    let (mut here, mut over) = (Vec::new(), Vec::new());
    for (name, text) in all {
        match serde_json::from_str::<Seen>(&text) {
            Ok(seen) if seen.until_ms > at.as_millisecond() => here.push(seen),
            _ => over.push(name),
        }
    }
    Ok((here, over))
}

/// Who of a tenant is online. Without Redis: as far as this process knows.
pub async fn online(hub: &Hub, tenant: TenantId) -> Vec<Person> {
    let at = hub.clock.now();
    let key = keys::presence(tenant);
    let Ok(Ok((all, _))) = tokio::time::timeout(REDIS_LIMIT, read(&hub.kv, &key, at)).await else {
        let feed = hub.live.feed(tenant);
        return feed.map(|feed| feed.shelf().who.online()).unwrap_or_default();
    };
    let mut who = Who::default();
    for seen in all {
        who.saw(seen, at);
    }
    who.online()
}
