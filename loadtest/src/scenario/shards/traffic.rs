//! People write to the sessions, on an open-loop schedule; a message counts as delivered when its second tick was given, which the
//! product does once it has committed.
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde_json::Value;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::Args;
use super::fake::{Fake, session};
use crate::clock;
use crate::run::Run;
use crate::scenario::postgres;
use crate::scenario::texts::{UNDER_WAY_MAX, record};
use crate::stage::exact;

/// Customers that come at the same time.
const COMING: usize = 8;

/// Lets them come.
pub(super) async fn customers(fake: &Fake, count: u64) -> Result<()> {
    let coming = stream::iter(0..count).map(|number| fake.come(number));
    coming.buffer_unordered(COMING).try_collect().await
}

/// Messages on their way, by their ids: when each was due.
type UnderWay = Mutex<HashMap<String, Instant>>;

/// Sends what the schedule wants and waits for the ticks.
pub(super) async fn run(run: &Run, fake: &Fake, args: &Args) -> Result<()> {
    let (under_way, stop) = (UnderWay::default(), CancellationToken::new());
    let watching = run.watch(stop.clone());
    let ticking = tick(run, fake, &under_way, stop.clone());
    let working = async {
        let said = say(run, fake, args, &under_way).await;
        drain(&under_way, args.drain).await;
        stop.cancel();
        said
    };
    let ((), ticked, said) = tokio::join!(watching, ticking, working);
    ticked?;
    let open = under_way.lock().expect("no holder of the lock panics").len();
    run.number("undelivered", exact(open as u64));
    if let Err(error) = count(run, args, said).await {
        run.note(format!("the rows were not counted: {error:#}"));
    }
    Ok(())
}

/// How many were said.
async fn say(run: &Run, fake: &Fake, args: &Args, under_way: &UnderWay) -> u64 {
    let mark = clock::unix_s();
    let seed = run.options().seed;
    let mut saying = stream::FuturesUnordered::new();
    let (mut n, mut said_all) = (0, 0);
    while let Some(due) = run.due(n) {
        loop {
            tokio::select! {
                () = sleep_until(due) => break,
                Some(is_said) = saying.next(), if !saying.is_empty() => said_all += u64::from(is_said),
            }
        }
        run.histogram("generator_late").record(clock::us(due.elapsed()));
        if saying.len() >= UNDER_WAY_MAX {
            run.add("dropped", 1.0);
            n += 1;
            continue;
        }
        let id = format!("3EB0{mark:08X}{n:08X}");
        under_way
            .lock()
            .expect("no holder of the lock panics")
            .insert(id.clone(), due);
        run.begin();
        let number = n % args.sessions;
        saying.push(async move {
            let text = format!("Is the boiler repaired? [lt-{seed}-{n}]");
            let said = fake
                .say(number % args.customers, &session(number), &id, &text)
                .await;
            if said.is_err() {
                under_way
                    .lock()
                    .expect("no holder of the lock panics")
                    .remove(&id);
            }
            let is_said = said.is_ok();
            run.finish(said);
            is_said
        });
        n += 1;
    }
    while let Some(is_said) = saying.next().await {
        said_all += u64::from(is_said);
    }
    said_all
}

async fn drain(under_way: &UnderWay, limit: Duration) {
    let end = Instant::now() + limit;
    while !under_way.lock().expect("no holder of the lock panics").is_empty() && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Takes delivered messages off the list.
async fn tick(run: &Run, fake: &Fake, under_way: &UnderWay, stop: CancellationToken) -> Result<()> {
    let mut after = 0;
    loop {
        let receipts = tokio::select! {
            receipts = fake.receipts(after) => receipts.context("read the receipts")?,
            () = stop.cancelled() => return Ok(()),
        };
        for receipt in receipts {
            after = receipt.number;
            settle(run, under_way, &receipt.data);
        }
    }
}

fn settle(run: &Run, under_way: &UnderWay, receipt: &Value) {
    let mut under_way = under_way.lock().expect("no holder of the lock panics");
    for id in delivered(receipt) {
        if let Some(due) = under_way.remove(id) {
            record(run, "delivered", due);
        }
    }
}

/// The messages that a receipt calls delivered: an empty type says so.
fn delivered(receipt: &Value) -> impl Iterator<Item = &str> {
    let is_tick = receipt.get("type").is_some_and(|kind| kind == "");
    let ids = receipt.get("ids").and_then(Value::as_array).filter(|_| is_tick);
    ids.into_iter().flatten().filter_map(Value::as_str)
}

/// Looks into the database whether each stands there once, where we may look; rows come a little after the ticks.
async fn count(run: &Run, args: &Args, said: u64) -> Result<()> {
    let url = args.count_url.as_ref().unwrap_or(&args.database_url);
    let pattern = format!("%[lt-{}-%", run.options().seed);
    let sql =
        format!("SELECT count(*) || ' ' || count(DISTINCT body) FROM messages WHERE body LIKE '{pattern}'");
    let end = Instant::now() + args.drain;
    loop {
        let answer = postgres::answer(url, &sql).await?;
        let mut counts = answer
            .split_whitespace()
            .filter_map(|count| count.parse::<f64>().ok());
        let (rows, different) = (counts.next().unwrap_or(0.0), counts.next().unwrap_or(0.0));
        run.number("rows", rows);
        run.number("rows_doubled", rows - different);
        run.number("rows_missing", exact(said) - different);
        if different >= exact(said) || Instant::now() >= end {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
