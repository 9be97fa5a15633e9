//! What breaks: workers that die, Redis that forgets or is away, handlers that panic, tenants that flood.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hub::feed::NewEvent;
use hub::testing::World;
use tokio::sync::Notify;
use worker::{Job, Outcome, Registry};

use super::{Chore, Log, Worker, chore, count, enqueue, eventually, noting};
use crate::ruler::within;

/// Begins, and never ends by itself.
fn stuck(log: &Log) -> Registry {
    let log = log.clone();
    Registry::new().on(move |_, job: Job<Chore>| {
        log.add(&job.payload.name);
        std::future::pending()
    })
}

/// Leases short enough to wait for.
async fn world() -> World {
    World::with(|config| config.jobs.lease_s = 2, hub::clock::Clock::system()).await
}

#[tokio::test]
async fn a_dead_workers_job_is_taken_over_when_its_lease_is_over() {
    let world = world().await;
    let tenant = world.tenant("acme").await;
    let log = Log::default();
    let doomed = Worker::start(&world, stuck(&log)).await;
    enqueue(&world.hub, tenant, [chore("paint")]).await;
    eventually("it was begun", async || log.count("paint") == 1).await;
    doomed.kill().await;
    let taken_over = async {
        let heir = Worker::start(&world, noting(&log)).await;
        eventually("it is done", async || count(&world, "done").await == 1).await;
        heir
    };
    let heir = within(
        &world,
        Duration::from_secs(6),
        "when its lease is over",
        taken_over,
    )
    .await;
    assert_eq!(log.count("paint"), 2);
    heir.stop().await;
}

#[tokio::test]
async fn a_long_job_keeps_its_lease_and_is_begun_once() {
    let world = world().await;
    let tenant = world.tenant("acme").await;
    let log = Log::default();
    let noted = log.clone();
    let long = move |_, job: Job<Chore>| {
        noted.add(&job.payload.name);
        async {
            tokio::time::sleep(Duration::from_secs(6)).await;
            Ok(Outcome::Done)
        }
    };
    let one = Worker::start(&world, Registry::new().on(long.clone())).await;
    let two = Worker::start(&world, Registry::new().on(long)).await;
    enqueue(&world.hub, tenant, [chore("paint")]).await;
    eventually("it is done", async || count(&world, "done").await == 1).await;
    assert_eq!(log.count("paint"), 1);
    one.stop().await;
    two.stop().await;
}

#[tokio::test]
async fn a_panicking_job_is_dead_after_three_times_and_others_are_done_meanwhile() {
    let world = world().await;
    let tenant = world.tenant("acme").await;
    let log = Log::default();
    let noted = log.clone();
    let registry = Registry::new().on(move |_, job: Job<Chore>| {
        let times = noted.add(&job.payload.name);
        async move {
            assert_ne!(job.payload.name, "poison", "as told, {times}");
            Ok(Outcome::Done)
        }
    });
    let worker = Worker::start(&world, registry).await;
    enqueue(&world.hub, tenant, [chore("poison")]).await;
    enqueue(&world.hub, tenant, (0..50).map(|n| chore(format!("good {n}")))).await;
    eventually("the good ones are done", async || {
        count(&world, "done").await == 50
    })
    .await;
    eventually("it is dead", async || count(&world, "dead").await == 1).await;
    assert_eq!(log.count("poison"), 3);
    worker.stop().await;
}

#[tokio::test]
async fn a_job_that_kills_its_worker_is_dead_after_three_workers() {
    let world = World::with(|config| config.jobs.lease_s = 1, hub::clock::Clock::system()).await;
    let tenant = world.tenant("acme").await;
    let log = Log::default();
    enqueue(&world.hub, tenant, [chore("poison")]).await;
    for victim in 1..=3 {
        let doomed = Worker::start(&world, stuck(&log)).await;
        eventually("it was begun", async || log.count("poison") == victim).await;
        doomed.kill().await;
    }
    let last = Worker::start(&world, stuck(&log)).await;
    eventually("it is dead", async || count(&world, "dead").await == 1).await;
    assert_eq!(log.count("poison"), 3);
    last.stop().await;
}

#[tokio::test]
async fn an_effect_in_the_jobs_own_transaction_happens_once_whoever_believes_to_have_the_job() {
    let world = World::with(|config| config.jobs.lease_s = 1, hub::clock::Clock::system()).await;
    let tenant = world.tenant("acme").await;
    let log = Log::default();
    let (noted, thaw) = (log.clone(), Arc::new(Notify::new()));
    let refused = Arc::new(AtomicUsize::new(0));
    let (thawing, counted) = (Arc::clone(&thaw), Arc::clone(&refused));
    let registry = Registry::new().on(move |hub: hub::Hub, job: Job<Chore>| {
        let times = noted.add(&job.payload.name);
        let (thaw, refused) = (Arc::clone(&thawing), Arc::clone(&counted));
        async move {
            let mut tx = hub.db.tenant(job.tenant).await?;
            tx.emit(NewEvent::new("test.painted", &serde_json::json!({}))?);
            if times == 1 {
                thaw.notified().await;
            }
            if let Err(fault) = job.done_in(&mut tx).await {
                refused.fetch_add(1, Ordering::SeqCst);
                return Err(fault.into());
            }
            tx.commit().await?;
            Ok(Outcome::Done)
        }
    });
    // Frozen: it neither renews nor learns that it lost the job, as after SIGSTOP.
    let frozen = world.another_hub().await;
    let hint = {
        enqueue(&world.hub, tenant, [chore("paint")]).await;
        hub::job::sweep::due(&frozen, hub::job::Queue::Default, 1)
            .await
            .unwrap()
    };
    let mine = hub::job::claim(&frozen, &hint, Duration::from_secs(1))
        .await
        .unwrap();
    let claimed = mine.first().unwrap();
    let mut late = frozen.db.tenant(tenant).await.unwrap();
    late.emit(NewEvent::new("test.painted", &serde_json::json!({})).unwrap());
    log.add("paint");
    let heir = Worker::start(&world, registry).await;
    eventually("the heir has done it", async || count(&world, "done").await == 1).await;
    let done = hub::job::claim::done_in(&mut late, claimed.id, claimed.attempt, &frozen.node).await;
    assert!(matches!(done, Err(hub::Error::Stale)));
    drop(late);
    thaw.notify_one();
    let mut admin = world.admin().await;
    let painted: i64 = sqlx::query_scalar("SELECT count(*) FROM events")
        .fetch_one(&mut admin)
        .await
        .unwrap();
    assert_eq!(painted, 1);
    assert_eq!(refused.load(Ordering::SeqCst), 0);
    heir.stop().await;
}

#[tokio::test]
async fn flushing_redis_again_and_again_under_load_loses_nothing_and_doubles_nothing() {
    const JOBS: usize = 2_000;
    let world = world().await;
    let tenants = [world.tenant("acme").await, world.tenant("bolt").await];
    let log = Log::default();
    let workers = [
        Worker::start(&world, noting(&log)).await,
        Worker::start(&world, noting(&log)).await,
    ];
    let started = Instant::now();
    for batch in 0..JOBS / 20 {
        let jobs = (0..20).map(|n| chore(format!("{batch}/{n}")));
        enqueue(&world.hub, tenants[batch % 2], jobs).await;
        if batch % 7 == 0 {
            world.flush_redis().await;
        }
    }
    world.flush_redis().await;
    let done = eventually("all are done", async || {
        count(&world, "done").await == i64::try_from(JOBS).unwrap()
    });
    within(&world, Duration::from_secs(10), "soon after the last flush", done).await;
    println!(
        "{JOBS} jobs with {} flushes in {:?}",
        JOBS / 140 + 1,
        started.elapsed()
    );
    let names = (0..JOBS).map(|n| format!("{}/{}", n / 20, n % 20));
    for name in names {
        assert_eq!(log.count(&name), 1, "{name}");
    }
    for worker in workers {
        worker.stop().await;
    }
}

#[tokio::test]
async fn jobs_go_on_within_seconds_while_redis_is_away_and_after_it_came_back() {
    let mut world = world().await;
    let tenant = world.tenant("acme").await;
    let log = Log::default();
    let worker = Worker::start(&world, noting(&log)).await;
    enqueue(&world.hub, tenant, [chore("before")]).await;
    eventually("it is done", async || log.count("before") == 1).await;
    world.redis().kill();
    for n in 0..3 {
        let name = format!("without {n}");
        let done = async {
            enqueue(&world.hub, tenant, [chore(&name)]).await;
            eventually("it is done without Redis", async || log.count(&name) == 1).await;
        };
        within(&world, Duration::from_secs(8), "within seconds", done).await;
    }
    world.redis().start_again().await;
    enqueue(&world.hub, tenant, [chore("after")]).await;
    eventually("it is done", async || log.count("after") == 1).await;
    worker.stop().await;
    assert_eq!(log.len(), 5);
}

#[tokio::test]
async fn a_flood_of_one_tenant_does_not_keep_another_waiting() {
    let world = world().await;
    let (greedy, modest) = (world.tenant("acme").await, world.tenant("bolt").await);
    let log = Log::default();
    let noted = log.clone();
    let registry = Registry::new().on(move |_, job: Job<Chore>| {
        let log = noted.clone();
        async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            log.add(&job.payload.name);
            Ok(Outcome::Done)
        }
    });
    for batch in 0..10 {
        enqueue(
            &world.hub,
            greedy,
            (0..500).map(|n| chore(format!("flood {batch}/{n}"))),
        )
        .await;
    }
    let worker = Worker::start(&world, registry).await;
    eventually("the flood is on", async || log.len() > 100).await;
    let mut longest_queue = 0;
    for n in 0..10 {
        let (before, name) = (log.len(), format!("modest {n}"));
        let done = async {
            enqueue(&world.hub, modest, [chore(&name)]).await;
            eventually("it is done in the flood", async || log.count(&name) == 1).await;
        };
        within(&world, Duration::from_secs(1), "beside the flood", done).await;
        longest_queue = longest_queue.max(log.len() - before);
    }
    println!(
        "{longest_queue} jobs done while the modest tenant waited for one, {} of the flood done",
        log.len()
    );
    assert!(
        longest_queue < 400,
        "{longest_queue} jobs of the flood went first"
    );
    assert!(
        log.len() < 4_000,
        "the flood was over too early to prove anything"
    );
    worker.kill().await;
}

#[tokio::test]
async fn a_stopping_worker_finishes_what_it_can_and_gives_the_rest_back_uncounted() {
    let world = World::with(|config| config.shutdown.drain_s = 2, hub::clock::Clock::system()).await;
    let tenant = world.tenant("acme").await;
    let log = Log::default();
    let noted = log.clone();
    let registry = Registry::new().on(move |_, job: Job<Chore>| {
        noted.add(&job.payload.name);
        async move {
            let long = if job.payload.name == "long" { 600 } else { 1 };
            tokio::time::sleep(Duration::from_secs(long)).await;
            Ok(Outcome::Done)
        }
    });
    let worker = Worker::start(&world, registry).await;
    enqueue(&world.hub, tenant, [chore("long"), chore("short")]).await;
    eventually("both were begun", async || log.len() == 2).await;
    worker.stop().await;
    let mut admin = world.admin().await;
    let rows: Vec<(String, i32)> =
        sqlx::query_as("SELECT state, attempts FROM jobs ORDER BY payload->>'name'")
            .fetch_all(&mut admin)
            .await
            .unwrap();
    assert_eq!(rows, [("ready".to_owned(), 0), ("done".to_owned(), 1)]);
    let heir = Worker::start(&world, noting(&log)).await;
    eventually("the other one is done", async || count(&world, "done").await == 2).await;
    heir.stop().await;
}

#[tokio::test]
async fn rubbish_in_the_streams_is_passed_over() {
    let world = world().await;
    let tenant = world.tenant("acme").await;
    world.spoil_job_streams().await;
    let log = Log::default();
    let worker = Worker::start(&world, noting(&log)).await;
    enqueue(&world.hub, tenant, [chore("paint")]).await;
    eventually("it is done", async || log.count("paint") == 1).await;
    worker.stop().await;
}

#[tokio::test]
async fn how_many_jobs_a_second() {
    const JOBS: i64 = 5_000;
    let world = World::with(
        |config| config.jobs.concurrent_max = 64,
        hub::clock::Clock::system(),
    )
    .await;
    let tenant = world.tenant("acme").await;
    for _ in 0..JOBS / 500 {
        enqueue(&world.hub, tenant, (0..500).map(|n| chore(n.to_string()))).await;
    }
    let started = Instant::now();
    let worker = Worker::start(&world, noting(&Log::default())).await;
    eventually("all are done", async || count(&world, "done").await == JOBS).await;
    println!(
        "{:.0} jobs/s by one worker",
        5_000.0 / started.elapsed().as_secs_f64()
    );
    worker.stop().await;
}
