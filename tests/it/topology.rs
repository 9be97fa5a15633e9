//! Every way Redis is run: what hub puts on it works as a cluster and under Sentinel, through a failover too.
#![expect(
    clippy::large_futures,
    reason = "a test that cannot go on panics, in its helpers too"
)]

mod servers;

use std::time::{Duration, Instant};

use hub::Hub;
use hub::capacity::{Bound, acquire, drift};
use hub::clock::Clock;
use hub::job::{NewJob, Queue};
use hub::testing::World;
use servers::{Cluster, Sentinel};

use crate::capacity::{TTL, admitted, call, limits, refused, short};
use crate::jobs::{Log, Worker, chore, count, enqueue, eventually, noting};

/// A world over another Redis than its own.
async fn over(url: &str) -> World {
    let url = url.to_owned();
    World::with(|config| config.redis.url = url.into(), Clock::system()).await
}

/// A message that `from` publishes arrives at `to`; asked again until it does.
async fn reaches(from: &Hub, to: &Hub, channel: &str) {
    let mut messages = to.kv.messages();
    eventually("a message arrives", async || {
        from.kv.publish(channel, b"hello".to_vec().into()).await.ok();
        let next = tokio::time::timeout(Duration::from_millis(300), messages.recv()).await;
        matches!(next, Ok(Ok(message)) if *message.channel == *channel && message.value.as_bytes() == Some(b"hello"))
    })
    .await;
}

async fn everything_works(world: &World) {
    let (here, there) = (short(&world.hub), short(&world.another_hub().await));
    let tenants = [world.tenant("acme").await, world.tenant("bolt").await];

    // Channels of many hash slots, so of every node.
    for n in 0..12 {
        let channel = format!("sb:{{test-{n}}}:live");
        here.kv.subscribe(&channel).await.unwrap();
        reaches(&there, &here, &channel).await;
    }

    let log = Log::default();
    let worker = Worker::start(world, noting(&log)).await;
    enqueue(&here, tenants[0], [chore("warm up")]).await;
    eventually("the first is done", async || log.count("warm up") == 1).await;
    let asked = Instant::now();
    for (tenant, queue) in tenants.into_iter().cycle().zip(Queue::ALL) {
        let job = |name: String| NewJob { queue, ..chore(name) };
        enqueue(
            &here,
            tenant,
            (0..20).map(|n| job(format!("{} {n}", queue.as_str()))),
        )
        .await;
    }
    eventually("all queues are served", async || {
        count(world, "done").await == 141
    })
    .await;
    // By hints: neither the sweeper nor a poll is that quick with 7 queues.
    println!("140 jobs of 7 queues in {:?}", asked.elapsed());

    let slot = admitted(&here, tenants[0], call(), limits(2, 3)).await;
    tokio::time::sleep(TTL / 2).await;
    let _second = admitted(&there, tenants[0], call(), limits(2, 3)).await;
    assert_eq!(
        refused(&here, tenants[0], limits(2, 3)).await,
        Some(Bound::Tenant)
    );
    let _third = admitted(&there, tenants[1], call(), limits(2, 3)).await;
    assert_eq!(refused(&here, tenants[1], limits(2, 3)).await, Some(Bound::Fleet));
    assert_eq!(drift(&here).await.unwrap().slots_without_call, 3);
    slot.release().await;
    assert_eq!(refused(&here, tenants[0], limits(2, 3)).await, None);

    let ttl = Duration::from_secs(5);
    assert!(hub::leader::hold(&here, "test", ttl).await.unwrap());
    let other = world.another_hub().await;
    assert!(!hub::leader::hold(&other, "test", ttl).await.unwrap());
    hub::leader::leave(&here, "test").await;
    assert!(hub::leader::hold(&other, "test", ttl).await.unwrap());
    worker.stop().await;
}

#[tokio::test]
async fn everything_works_on_a_cluster() {
    let cluster = Cluster::start().await;
    let world = over(&cluster.url()).await;
    assert!(world.hub.kv.is_cluster());
    everything_works(&world).await;
}

#[tokio::test]
async fn a_cluster_that_lost_its_memory_gets_everything_again() {
    let cluster = Cluster::start().await;
    let world = over(&cluster.url()).await;
    let tenant = world.tenant("acme").await;
    let log = Log::default();
    let worker = Worker::start(&world, noting(&log)).await;
    for batch in 0..20 {
        enqueue(&world.hub, tenant, (0..10).map(|n| chore(format!("{batch}/{n}")))).await;
        if batch % 5 == 0 {
            cluster.flush();
        }
    }
    eventually("all are done", async || count(&world, "done").await == 200).await;
    assert_eq!(log.len(), 200);
    worker.stop().await;
}

#[tokio::test]
async fn everything_works_under_sentinel_and_goes_on_after_a_failover() {
    let mut sentinel = Sentinel::start().await;
    let world = over(&sentinel.url()).await;
    everything_works(&world).await;

    let tenant = world.tenant("curl").await;
    let log = Log::default();
    let worker = Worker::start(&world, noting(&log)).await;
    let hub = short(&world.hub);
    let _kept = admitted(&hub, tenant, call(), limits(2, 9)).await;
    let failed = Instant::now();
    sentinel.kill_the_primary();
    for n in 0..20 {
        enqueue(&world.hub, tenant, [chore(format!("during {n}"))]).await;
    }
    eventually("the jobs are done meanwhile", async || log.len() == 20).await;
    println!("20 jobs over a failover in {:?}", failed.elapsed());
    eventually("Redis answers again", async || world.hub.kv.ping().await.is_ok()).await;
    println!("a new primary after {:?}", failed.elapsed());
    reaches(&world.another_hub().await, &world.hub, "sb:{test-1}:live").await;
    let other = short(&world.another_hub().await);
    eventually("the slot is known to the new primary", async || {
        drift(&other)
            .await
            .is_ok_and(|drift| drift.slots_without_call == 1)
    })
    .await;
    drop(acquire(&hub, tenant, call(), limits(2, 9)).await);
    enqueue(&world.hub, tenant, [chore("after")]).await;
    eventually("it is done", async || log.count("after") == 1).await;
    worker.stop().await;
}
