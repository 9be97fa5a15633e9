//! Periodic work: once per slot, whoever leads, whatever dies, with Redis and without.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hub::Hub;
use hub::testing::World;
use worker::scheduler::{self, Tick};

use super::{Log, eventually};

/// A scheduler process, as far as the stores can tell.
struct Scheduler {
    hub: Hub,
    ended: tokio::task::JoinHandle<anyhow::Result<()>>,
}

impl Scheduler {
    async fn start(world: &World, ticks: Vec<Tick>) -> Self {
        let hub = world.another_hub().await;
        #[expect(clippy::disallowed_methods, reason = "the test plays the process")]
        let ended = tokio::spawn(scheduler::run_with(hub.clone(), ticks));
        Self { hub, ended }
    }

    async fn stop(self) {
        self.hub.tasks.stop();
        self.ended.await.unwrap().unwrap();
    }
}

/// Every second, noted by node.
fn every_second(log: &Log) -> Vec<Tick> {
    let log = log.clone();
    vec![Tick::new("test.second", "* * * * * *", move |hub: Hub| {
        let log = log.clone();
        async move {
            log.add(&hub.node);
            log.add("all");
            Ok(())
        }
    })]
}

async fn slots(world: &World) -> i64 {
    let mut admin = world.admin().await;
    sqlx::query_scalar("SELECT count(*) FROM ticks WHERE name LIKE 'test.%'")
        .fetch_one(&mut admin)
        .await
        .unwrap()
}

#[tokio::test]
async fn of_two_schedulers_one_leads_and_the_other_follows_when_it_leaves() {
    let world = World::start().await;
    let log = Log::default();
    let first = Scheduler::start(&world, every_second(&log)).await;
    eventually("the first leads", async || log.count(&first.hub.node) >= 1).await;
    let second = Scheduler::start(&world, every_second(&log)).await;
    eventually("it goes on", async || log.count(&first.hub.node) >= 4).await;
    assert_eq!(log.count(&second.hub.node), 0);
    first.stop().await;
    eventually("the second leads", async || log.count(&second.hub.node) >= 2).await;
    second.stop().await;
    assert_eq!(log.count("all"), usize::try_from(slots(&world).await).unwrap());
}

#[tokio::test]
async fn without_redis_all_lead_and_each_slot_is_done_once() {
    let mut world = World::start().await;
    let log = Log::default();
    let mut schedulers = Vec::new();
    for _ in 0..3 {
        schedulers.push(Scheduler::start(&world, every_second(&log)).await);
    }
    world.redis().kill();
    eventually("it goes on", async || log.count("all") >= 5).await;
    for scheduler in schedulers {
        scheduler.stop().await;
    }
    assert_eq!(log.count("all"), usize::try_from(slots(&world).await).unwrap());
}

#[tokio::test]
async fn a_slot_whose_leader_died_in_the_middle_is_done_by_the_next() {
    let world = World::start().await;
    let (log, dies) = (Log::default(), Arc::new(AtomicBool::new(true)));
    let ticks = || {
        let (log, dies) = (log.clone(), Arc::clone(&dies));
        vec![Tick::new("test.yearly", "0 0 1 1 *", move |_| {
            let (times, dies) = (log.add("yearly"), Arc::clone(&dies));
            async move {
                if dies.load(Ordering::SeqCst) && times == 1 {
                    std::future::pending::<()>().await;
                }
                Ok(())
            }
        })]
    };
    let doomed = Scheduler::start(&world, ticks()).await;
    eventually("it is in the middle", async || log.count("yearly") == 1).await;
    doomed.ended.abort();
    doomed.hub.tasks.shut_down(Duration::ZERO).await;
    let heir = Scheduler::start(&world, ticks()).await;
    eventually("the slot is done", async || slots(&world).await == 1).await;
    heir.stop().await;
    assert_eq!(log.count("yearly"), 2);
}

#[tokio::test]
async fn the_products_own_ticks_all_work() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    super::enqueue(&world.hub, acme, [super::chore("old"), super::chore("new")]).await;
    let mut admin = world.admin().await;
    sqlx::query(
        "UPDATE jobs SET state = 'done', finished_at = now() - CASE payload->>'name' WHEN 'old' THEN interval '8 days'
         ELSE interval '6 days' END",
    )
    .execute(&mut admin)
    .await
    .unwrap();
    let hub = world.another_hub().await;
    #[expect(clippy::disallowed_methods, reason = "the test plays the process")]
    let scheduler = tokio::spawn(scheduler::run(hub.clone()));
    eventually("each was done once", async || {
        let done: i64 = sqlx::query_scalar("SELECT count(DISTINCT name) FROM ticks")
            .fetch_one(&mut admin)
            .await
            .unwrap();
        done >= 6
    })
    .await;
    hub.tasks.stop();
    scheduler.await.unwrap().unwrap();
    let left: Vec<String> = sqlx::query_scalar("SELECT payload->>'name' FROM jobs")
        .fetch_all(&mut admin)
        .await
        .unwrap();
    assert_eq!(left, ["new"]);
}
