//! One job's way: done, delayed, doubled, failed, dead, replayed.

use std::time::{Duration, Instant};

use hub::job::NewJob;
use hub::role::Role;
use hub::testing::World;
use serde_json::{Value, json};
use worker::{Job, Outcome, Registry};

use crate::api::Api;
use crate::ruler::within;

use super::{Chore, Log, Worker, chore, count, enqueue, eventually, noting};

#[tokio::test]
async fn a_job_is_done_soon_after_its_commit() {
    let world = World::start().await;
    let tenant = world.tenant("acme").await;
    let log = Log::default();
    let worker = Worker::start(&world, noting(&log)).await;
    enqueue(&world.hub, tenant, [chore("warm up")]).await;
    eventually("the first is done", async || log.count("warm up") == 1).await;
    enqueue(&world.hub, tenant, [chore("sweep the floor")]).await;
    let done = eventually("it is done", async || log.count("sweep the floor") == 1);
    // By its hint, not by the sweeper a second later.
    within(&world, Duration::from_millis(900), "by its hint", done).await;
    eventually("its row says so", async || count(&world, "done").await == 2).await;
    worker.stop().await;
}

#[tokio::test]
async fn what_was_rolled_back_is_not_done() {
    let world = World::start().await;
    let tenant = world.tenant("acme").await;
    let mut tx = world.hub.db.tenant(tenant).await.unwrap();
    tx.enqueue(chore("never"));
    drop(tx);
    let log = Log::default();
    let worker = Worker::start(&world, noting(&log)).await;
    enqueue(&world.hub, tenant, [chore("after")]).await;
    eventually("the later one is done", async || log.count("after") == 1).await;
    assert_eq!(log.count("never"), 0);
    worker.stop().await;
}

#[tokio::test]
async fn a_delayed_job_waits_for_its_time() {
    let world = World::start().await;
    let tenant = world.tenant("acme").await;
    let log = Log::default();
    let worker = Worker::start(&world, noting(&log)).await;
    let started = Instant::now();
    let at = world.hub.clock.now().after(Duration::from_secs(2));
    enqueue(&world.hub, tenant, [chore("later").not_before(at), chore("now")]).await;
    let done = eventually("it is done", async || log.count("later") == 1);
    within(&world, Duration::from_secs(5), "at its time", done).await;
    assert!(
        started.elapsed() >= Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
    worker.stop().await;
}

#[tokio::test]
async fn a_key_keeps_doubles_out_while_the_first_is_unfinished() {
    let world = World::start().await;
    let tenant = world.tenant("acme").await;
    let other = world.tenant("bolt").await;
    let keyed = || chore("once").once_per("the key");
    enqueue(&world.hub, tenant, [keyed(), keyed()]).await;
    enqueue(&world.hub, tenant, [keyed()]).await;
    enqueue(&world.hub, other, [keyed()]).await;
    assert_eq!(count(&world, "ready").await, 2, "one of each tenant");
    let log = Log::default();
    let worker = Worker::start(&world, noting(&log)).await;
    eventually("both are done", async || count(&world, "done").await == 2).await;
    enqueue(&world.hub, tenant, [keyed()]).await;
    eventually("the key is free again", async || log.count("once") == 3).await;
    worker.stop().await;
}

#[tokio::test]
async fn a_failure_is_retried_and_a_hopeless_one_is_dead_and_can_be_replayed() {
    let world = World::start().await;
    let (tenant, other) = (world.tenant("acme").await, world.tenant("bolt").await);
    let log = Log::default();
    let noted = log.clone();
    let registry = Registry::new().on(move |_, job: Job<Chore>| {
        let times = noted.add(&job.payload.name);
        async move {
            match (job.payload.name.as_str(), times) {
                ("hiccup", 1) => anyhow::bail!("not yet"),
                ("hopeless", 1) => Ok(Outcome::Fatal("no such number".to_owned())),
                _ => Ok(Outcome::Done),
            }
        }
    });
    let worker = Worker::start(&world, registry).await;
    enqueue(&world.hub, tenant, [chore("hiccup"), chore("hopeless")]).await;
    eventually("one is done, one dead", async || {
        count(&world, "done").await == 1 && count(&world, "dead").await == 1
    })
    .await;
    assert_eq!((log.count("hiccup"), log.count("hopeless")), (2, 1));

    let api = Api::start(&world).await;
    let ann = world.staff(tenant, "ann", Role::Admin).await;
    let stranger = world.staff(other, "bob", Role::Admin).await;
    let list = async |token: &str| -> Value {
        let answer = api.get("/jobs/dead").bearer_auth(token).send().await.unwrap();
        answer.json().await.unwrap()
    };
    let letters = list(&ann.token).await;
    let letter = &letters["items"][0];
    assert_eq!(letter["last_error"], "no such number");
    assert_eq!(letter["payload"], json!({ "name": "hopeless" }));
    assert_eq!(
        (
            &letters["next_cursor"],
            letters["items"].as_array().unwrap().len()
        ),
        (&Value::Null, 1)
    );
    assert_eq!(list(&stranger.token).await["items"], json!([]));
    let stats: Value = api
        .get("/jobs/stats")
        .bearer_auth(&ann.token)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        (&stats["items"][0]["queue"], &stats["items"][0]["dead"]),
        (&json!("default"), &json!(1))
    );

    let replay = format!("/jobs/{}/replay", letter["id"].as_str().unwrap());
    let status = async |token: &str| {
        api.post(&replay)
            .bearer_auth(token)
            .send()
            .await
            .unwrap()
            .status()
    };
    assert_eq!(status(&stranger.token).await, 404);
    assert_eq!(status(&ann.token).await, 202);
    eventually("the replay is done", async || count(&world, "done").await == 2).await;
    assert_eq!(log.count("hopeless"), 2);
    assert_eq!(status(&ann.token).await, 404);
    worker.stop().await;
}

#[tokio::test]
async fn later_does_not_count_as_an_attempt() {
    let world = World::start().await;
    let tenant = world.tenant("acme").await;
    let log = Log::default();
    let noted = log.clone();
    let registry = Registry::new().on(move |hub, job: Job<Chore>| {
        let times = noted.add(&job.payload.name);
        async move {
            assert_eq!(job.attempt, 1);
            Ok(if times < 3 {
                Outcome::Later(hub.clock.now())
            } else {
                Outcome::Done
            })
        }
    });
    let worker = Worker::start(&world, registry).await;
    enqueue(&world.hub, tenant, [chore("patience")]).await;
    eventually("it is done", async || count(&world, "done").await == 1).await;
    assert_eq!(log.count("patience"), 3);
    worker.stop().await;
}

#[tokio::test]
async fn a_payload_that_cannot_be_read_is_a_dead_letter_at_once() {
    let world = World::start().await;
    let tenant = world.tenant("acme").await;
    let worker = Worker::start(&world, noting(&Log::default())).await;
    let mut job = NewJob::of(&Chore { name: "x".into() }).unwrap();
    job.payload = serde_json::json!({ "nom": 1 });
    enqueue(&world.hub, tenant, [job]).await;
    eventually("it is dead", async || count(&world, "dead").await == 1).await;
    worker.stop().await;
}
