//! Redis loses, forgets and dies; the screens see everything all the same.

use std::time::Duration;

use hub::ids::TenantId;
use hub::role::Role;
use hub::testing::World;
use hub::{Hub, keys};
use serde_json::json;

use super::{Node, Screen, emit};
use crate::ruler::within;

/// Well before a heartbeat.
const SOON: Duration = Duration::from_secs(5);

/// Commits an event without telling Redis, as a process does that is killed right after its commit.
async fn emit_untold(world: &World, tenant: TenantId, words: &str) {
    let statement = "WITH next AS (UPDATE feeds SET seq = seq + 1 WHERE tenant_id = $1 RETURNING seq)
        INSERT INTO events (tenant_id, seq, kind, data, at) SELECT $1, seq, 'test.said', $2, now() FROM next";
    sqlx::query(statement)
        .bind(tenant)
        .bind(json!({ "words": words }))
        .execute(&mut world.admin().await)
        .await
        .unwrap();
}

/// Commits `count` events, one every few milliseconds; answers the last number.
async fn flow(hub: Hub, tenant: TenantId, count: usize) -> i64 {
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    for n in 0..count {
        ticks.tick().await;
        emit(&hub, tenant, &n.to_string()).await;
    }
    i64::try_from(count).unwrap()
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|n| n.to_string()).collect()
}

#[tokio::test]
async fn a_gap_is_read_as_soon_as_the_next_number_comes() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let ann = world.staff(acme, "ann", Role::Staff).await;
    let node = Node::start(&world.hub).await;
    let mut screen = Screen::open(&node, &ann).await;
    emit_untold(&world, acme, "untold").await;
    emit(&world.hub, acme, "told").await;
    within(&world, SOON, "with the next number", screen.upto(2)).await;
    assert_eq!(screen.heard, ["untold", "told"]);
}

#[tokio::test]
async fn a_lost_publication_is_noticed_though_nothing_follows() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let ann = world.staff(acme, "ann", Role::Staff).await;
    let node = Node::start(&world.hub).await;
    let mut screen = Screen::open(&node, &ann).await;
    emit_untold(&world, acme, "untold").await;
    within(&world, SOON, "by itself", screen.upto(1)).await;
}

#[tokio::test]
async fn a_flushed_redis_loses_nothing() {
    let mut world = World::start().await;
    let acme = world.tenant("acme").await;
    let ann = world.staff(acme, "ann", Role::Staff).await;
    let node = Node::start(&world.hub).await;
    let mut screen = Screen::open(&node, &ann).await;
    let writer = tokio::spawn(flow(world.hub.clone(), acme, 200));
    screen.upto(50).await;
    flush(&world.redis().url()).await;
    screen.upto(writer.await.unwrap()).await;
    assert_eq!(screen.heard, numbered(200));
    let mut newcomer = Screen::open(&node, &ann).await;
    emit(&world.hub, acme, "after").await;
    newcomer.upto(201).await;
}

async fn flush(url: &str) {
    let address = url.trim_start_matches("redis://");
    let mut redis = tokio::net::TcpStream::connect(address).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut redis, b"FLUSHALL\r\n")
        .await
        .unwrap();
    let mut answer = [0; 5];
    tokio::io::AsyncReadExt::read_exact(&mut redis, &mut answer)
        .await
        .unwrap();
    assert_eq!(&answer, b"+OK\r\n");
}

#[tokio::test]
async fn redis_dies_and_comes_back_while_events_flow() {
    let mut world = World::start().await;
    let acme = world.tenant("acme").await;
    let ann = world.staff(acme, "ann", Role::Staff).await;
    let node = Node::start(&world.hub).await;
    let other = Node::start(&world.another_hub().await).await;
    let (mut screen, mut there) = (Screen::open(&node, &ann).await, Screen::open(&other, &ann).await);
    let writer = tokio::spawn(flow(world.hub.clone(), acme, 60));
    screen.upto(20).await;
    world.redis().kill();
    // Without Redis everything still comes, by the look at Postgres.
    screen.upto(30).await;
    // Somebody who comes now is let in, and sees what is missing.
    there.come_back(&other, &ann).await;
    assert!(there.recovered);
    there.upto(30).await;
    world.redis().start_again().await;
    let last = writer.await.unwrap();
    screen.upto(last).await;
    there.upto(last).await;
    assert_eq!(screen.heard, numbered(60));
    assert_eq!(there.heard, numbered(60));
    other.hub.tasks.stop();
}

#[tokio::test]
async fn a_message_on_the_wrong_channel_reaches_nobody() {
    let world = World::start().await;
    let (acme, bolt) = (world.tenant("acme").await, world.tenant("bolt").await);
    let ann = world.staff(acme, "ann", Role::Staff).await;
    let node = Node::start(&world.hub).await;
    let mut screen = Screen::open(&node, &ann).await;
    let frame = json!({ "type": "event", "seq": 1, "kind": "test.said", "data": { "words": "stolen" } });
    let event = json!({ "seq": 1, "audience": "read_only", "frame": frame });
    for body in [
        json!({ "tenant": bolt, "events": [event] }).to_string(),
        "nonsense".to_owned(),
    ] {
        let channel = keys::live_channel(acme);
        world.hub.kv.publish(&channel, body.into()).await.unwrap();
    }
    emit(&world.hub, acme, "ours").await;
    screen.upto(1).await;
    assert_eq!(screen.heard, ["ours"]);
}
