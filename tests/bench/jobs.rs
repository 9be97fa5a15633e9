//! Jobs by themselves: pick-up time at a steady rate, CPU of a whole cycle, and how fast a backlog shrinks beside a plain
//! SKIP LOCKED loop on the same Postgres in the same run. `cargo bench --workspace --bench jobs`, with
//! `TEST_DATABASE_URL`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a bench is a test that prints"
)]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hub::Hub;
use hub::ids::TenantId;
use hub::job::{NewJob, Queue, Work};
use hub::testing::World;
use loadtest::process::Watched;
use serde::{Deserialize, Serialize};
use worker::{Job, Outcome, Registry};

/// Jobs a second of the open loop, each in a transaction of its own.
const RATES: [u32; 3] = [50, 200, 500];
const STEADY_S: u32 = 10;
/// Tenants the jobs are spread over.
const TENANTS: usize = 10;
/// Jobs of a backlog.
const BACKLOG: usize = 10_000;
/// Connections of the plain loop.
const LOOPS: usize = 16;

/// A job that does nothing.
#[derive(Serialize, Deserialize)]
struct Nothing {
    due_us: u64,
}

impl Work for Nothing {
    const KIND: &'static str = "bench.nothing";
    const QUEUE: Queue = Queue::High;
}

/// When each job was picked up, after it was due.
#[derive(Clone)]
struct Picked {
    start: Instant,
    waits_us: Arc<Mutex<Vec<u64>>>,
}

impl Picked {
    fn now_us(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap()
    }

    fn registry(&self) -> Registry {
        let picked = self.clone();
        Registry::new().on(move |_, job: Job<Nothing>| {
            let wait_us = picked.now_us().saturating_sub(job.payload.due_us);
            picked.waits_us.lock().unwrap().push(wait_us);
            async { Ok(Outcome::Done) }
        })
    }

    async fn reach(&self, count: usize) {
        let all = async {
            while self.waits_us.lock().unwrap().len() < count {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(3), all).await.unwrap();
    }

    fn take(&self) -> Vec<u64> {
        let mut waits_us = std::mem::take(&mut *self.waits_us.lock().unwrap());
        waits_us.sort_unstable();
        waits_us
    }
}

/// CPU seconds of this process, of Postgres, of Redis.
struct Cpu([Watched; 3]);

impl Cpu {
    async fn of(world: &World) -> Self {
        let mut admin = world.admin().await;
        let backend: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
            .fetch_one(&mut admin)
            .await
            .unwrap();
        let me = std::process::id();
        let redis = std::fs::read_dir("/proc").unwrap().flatten().find_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            (parent(pid)? == me).then_some(pid)
        });
        let watched = |pid, with_children| Watched {
            name: String::new(),
            pid,
            with_children,
        };
        let postmaster = parent(u32::try_from(backend).unwrap()).unwrap();
        Self([
            watched(me, false),
            watched(postmaster, true),
            watched(redis.unwrap(), false),
        ])
    }

    fn now_s(&self) -> [f64; 3] {
        [0, 1, 2].map(|n| self.0[n].usage().unwrap().cpu_s)
    }
}

fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn per_job(before: [f64; 3], after: [f64; 3], jobs: usize) -> String {
    let us = [0, 1, 2].map(|n| (after[n] - before[n]) * 1e6 / jobs as f64);
    format!(
        "CPU per job: Switchboard {:.0} µs, Postgres {:.0} µs, Redis {:.0} µs",
        us[0], us[1], us[2]
    )
}

async fn steady(world: &World, tenants: &[TenantId], picked: &Picked, cpu: &Cpu, rate: u32) {
    let count = usize::try_from(rate * STEADY_S).unwrap();
    let (before, start) = (cpu.now_s(), tokio::time::Instant::now());
    let (first_us, mut tasks) = (picked.now_us(), tokio::task::JoinSet::new());
    for n in 0..count {
        let after = Duration::from_secs_f64(n as f64 / f64::from(rate));
        tokio::time::sleep_until(start + after).await;
        let due_us = first_us + u64::try_from(after.as_micros()).unwrap();
        tasks.spawn(enqueue(
            world.hub.clone(),
            tenants[n % tenants.len()],
            vec![due_us],
        ));
    }
    tasks.join_all().await;
    picked.reach(count).await;
    let (after, waits_us) = (cpu.now_s(), picked.take());
    let at = |share: f64| waits_us[(count as f64 * share) as usize] as f64 / 1000.0;
    println!(
        "{rate}/s: due to picked up p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms; {}",
        at(0.5),
        at(0.99),
        at(0.999_999),
        per_job(before, after, count)
    );
}

async fn enqueue(hub: Hub, tenant: TenantId, due_us: Vec<u64>) {
    let mut tx = hub.db.tenant(tenant).await.unwrap();
    for due_us in due_us {
        tx.enqueue(NewJob::of(&Nothing { due_us }).unwrap());
    }
    tx.commit().await.unwrap();
}

/// Enqueued while nobody works; how many a second are done once somebody does.
async fn backlog(world: &World, tenants: &[TenantId], picked: &Picked, cpu: &Cpu) -> f64 {
    for n in 0..BACKLOG / 500 {
        enqueue(world.hub.clone(), tenants[n % tenants.len()], vec![0; 500]).await;
    }
    let (before, start) = (cpu.now_s(), Instant::now());
    let hub = world.another_hub().await;
    let working = tokio::spawn(worker::run_with(
        hub.clone(),
        Queue::ALL.to_vec(),
        picked.registry(),
    ));
    picked.reach(BACKLOG).await;
    hub.tasks.stop();
    working.await.unwrap().unwrap();
    let per_second = BACKLOG as f64 / start.elapsed().as_secs_f64();
    assert_eq!(picked.take().len(), BACKLOG, "each once");
    println!(
        "backlog of {BACKLOG}: {per_second:.0} jobs/s; {}",
        per_job(before, cpu.now_s(), BACKLOG)
    );
    per_second
}

/// What anybody would write first: one statement takes a row and marks it done, over and over.
async fn plain(world: &World, cpu: &Cpu) -> f64 {
    let pool = sqlx::postgres::PgPoolOptions::new()
        .max_connections(u32::try_from(LOOPS).unwrap())
        .connect(&world.admin_url)
        .await
        .unwrap();
    for statement in [
        "CREATE TABLE plain (id bigint PRIMARY KEY, payload jsonb NOT NULL, state text NOT NULL, finished_at timestamptz)",
        "CREATE INDEX ON plain (id) WHERE state = 'ready'",
        "INSERT INTO plain SELECT n, '{\"due_us\": 0}', 'ready' FROM generate_series(1, 10000) AS n",
        "ANALYZE plain",
    ] {
        sqlx::query(statement).execute(&pool).await.unwrap();
    }
    let (before, start) = (cpu.now_s(), Instant::now());
    let mut loops = tokio::task::JoinSet::new();
    for _ in 0..LOOPS {
        let pool = pool.clone();
        loops.spawn(async move {
            let mut connection = pool.acquire().await.unwrap();
            let take = "UPDATE plain SET state = 'done', finished_at = now() WHERE id = (SELECT id FROM plain \
                        WHERE state = 'ready' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING payload";
            let take = || sqlx::query(take);
            while take().fetch_optional(&mut *connection).await.unwrap().is_some() {}
        });
    }
    loops.join_all().await;
    let per_second = BACKLOG as f64 / start.elapsed().as_secs_f64();
    println!(
        "plain SKIP LOCKED loop, {LOOPS} connections, same Postgres: {per_second:.0} jobs/s; {}",
        per_job(before, cpu.now_s(), BACKLOG)
    );
    per_second
}

#[tokio::main]
async fn main() {
    let world = World::with(
        |config| config.database.connections_max = 20,
        hub::clock::Clock::system(),
    )
    .await;
    let mut tenants = Vec::new();
    for n in 0..TENANTS {
        tenants.push(world.tenant(&format!("tenant-{n}")).await);
    }
    let cpu = Cpu::of(&world).await;
    let picked = Picked {
        start: Instant::now(),
        waits_us: Arc::default(),
    };
    let hub = world.another_hub().await;
    let working = tokio::spawn(worker::run_with(
        hub.clone(),
        Queue::ALL.to_vec(),
        picked.registry(),
    ));
    enqueue(world.hub.clone(), tenants[0], vec![0]).await;
    picked.reach(1).await;
    picked.take();
    for rate in RATES {
        steady(&world, &tenants, &picked, &cpu, rate).await;
    }
    hub.tasks.stop();
    working.await.unwrap().unwrap();
    for _round in 0..2 {
        let ours = backlog(&world, &tenants, &picked, &cpu).await;
        let theirs = plain_round(&world, &cpu).await;
        println!("ratio to the plain loop: {:.2}", ours / theirs);
    }
}

async fn plain_round(world: &World, cpu: &Cpu) -> f64 {
    let mut admin = world.admin().await;
    sqlx::query("DROP TABLE IF EXISTS plain")
        .execute(&mut admin)
        .await
        .unwrap();
    plain(world, cpu).await
}
