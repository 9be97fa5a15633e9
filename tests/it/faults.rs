//! What must survive: each role killed under load, Redis flushed and restarted under load. Nothing acknowledged is lost or
//! doubled, no slot leaks. Twenty rounds of each, with the real binary.

mod business;
mod calls;
mod postgres;
mod redis;
mod texts;

use std::time::Duration;

use hub::testing::World;

use crate::fleet::{Process, Role};
use business::Business;
use calls::Exchange;
use texts::Texts;

const ROUNDS: usize = 20;
/// How long a round's load runs before the fault strikes.
const LOAD: Duration = Duration::from_millis(150);

/// The roles a text passes through, and the load on them.
struct Fleet {
    world: World,
    business: Business,
    api: Process,
    worker: Process,
}

impl Fleet {
    async fn start() -> Self {
        Self::over(World::start().await).await
    }

    async fn over(world: World) -> Self {
        let mut business = Business::open(&world).await;
        let settings = business.settings();
        let api = Process::start(&world, Role::Api, &settings).await;
        let worker = Process::start(&world, Role::Worker, &settings).await;
        business.aim(&api);
        Self {
            world,
            business,
            api,
            worker,
        }
    }
}

#[tokio::test]
async fn killing_api_under_load_loses_and_doubles_no_text() {
    let mut fleet = Fleet::start().await;
    let texts = Texts::flow(&fleet.business);
    for _ in 0..ROUNDS {
        tokio::time::sleep(LOAD).await;
        fleet.api.kill();
        fleet.api.start_again().await;
    }
    texts.settle(&fleet.world).await;
}

#[tokio::test]
async fn killing_a_worker_under_load_loses_and_doubles_no_text() {
    let mut fleet = Fleet::start().await;
    let texts = Texts::flow(&fleet.business);
    for _ in 0..ROUNDS {
        tokio::time::sleep(LOAD).await;
        fleet.worker.kill();
        fleet.worker.start_again().await;
    }
    texts.settle(&fleet.world).await;
}

#[tokio::test]
async fn killing_the_scheduler_under_load_changes_nothing() {
    let fleet = Fleet::start().await;
    let mut scheduler = Process::start(&fleet.world, Role::Scheduler, &fleet.business.settings()).await;
    let texts = Texts::flow(&fleet.business);
    for _ in 0..ROUNDS {
        tokio::time::sleep(LOAD).await;
        scheduler.kill();
        scheduler.start_again().await;
    }
    texts.settle(&fleet.world).await;
    let mut admin = fleet.world.admin().await;
    let doubled: i64 = sqlx::query_scalar("SELECT count(*) - count(DISTINCT (name, slot)) FROM ticks")
        .fetch_one(&mut admin)
        .await
        .unwrap();
    assert_eq!(doubled, 0, "a tick ran twice");
}

#[tokio::test]
async fn flushing_redis_under_load_loses_and_doubles_no_text() {
    let fleet = Fleet::start().await;
    let texts = Texts::flow(&fleet.business);
    for _ in 0..ROUNDS {
        tokio::time::sleep(LOAD).await;
        fleet.world.flush_redis().await;
    }
    texts.settle(&fleet.world).await;
}

#[tokio::test]
async fn restarting_redis_under_load_loses_and_doubles_no_text() {
    let mut fleet = Fleet::start().await;
    let texts = Texts::flow(&fleet.business);
    for _ in 0..ROUNDS {
        tokio::time::sleep(LOAD).await;
        fleet.world.redis().kill();
        fleet.world.redis().start_again().await;
    }
    texts.settle(&fleet.world).await;
}

#[tokio::test]
async fn killing_calls_under_load_leaks_no_slot_and_loses_no_record() {
    let world = World::start().await;
    let mut business = Business::open(&world).await;
    let mut exchange = Exchange::start(&world, &business).await;
    for round in 0..ROUNDS {
        exchange.round(round, &mut business).await;
    }
    exchange.settle(&world, &business).await;
}
