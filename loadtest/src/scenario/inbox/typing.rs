//! `loadtest inbox --typing`: what an open screen costs in memory, and a delivery in CPU time, by itself. Some screens type,
//! all others are told: events without intake, jobs or rows. Once one at a time, once 32 in each of the server's rounds.
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::stream::{self, StreamExt};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::{Args, floor};
use crate::process::Usage;
use crate::product::Product;
use crate::run::{Options, Run};
use crate::stage::{Stage, exact};
use crate::thin::{Seen, Thin};

/// Between two words of one screen; the server allows twenty a second.
const TYPES_EVERY: Duration = Duration::from_millis(80);
/// The server sends signals in rounds of this length, so a burst of 32 takes as many in each.
const ROUND: Duration = Duration::from_millis(40);
/// Screens that type for bursts of 32.
const TYPISTS: usize = 64;
/// For what is written after the connections: presence, caches.
const SETTLE: Duration = Duration::from_secs(12);
/// A burst.
const BURST: u32 = 32;

/// The screens, and those among them that type.
struct Room {
    run: Run,
    seen: Arc<Seen>,
    says: Vec<mpsc::Sender<Value>>,
    screens: usize,
}

/// Frames, their bytes and the reads they came in, and CPU seconds by process.
struct Counted {
    frames: f64,
    bytes: f64,
    reads: f64,
    cpu_s: BTreeMap<String, f64>,
}

/// Runs it.
pub(super) async fn run(args: &Args, product: &Product, length: Duration) -> Result<ExitCode> {
    ensure!(args.clients >= TYPISTS, "at least {TYPISTS} clients are needed");
    let (slow, fast) = (rate(1), rate(TYPISTS));
    let options = Options {
        // Both phases in one figure, since a run has one schedule.
        stages: vec![Stage {
            seconds: length.as_secs_f64() * 2.0,
            rate: f64::midpoint(slow, fast),
        }],
        ..args.options.clone()
    };
    let mut room = Room {
        run: Run::start("inbox typing", options),
        seen: Arc::default(),
        says: Vec::new(),
        screens: 0,
    };
    open_all(&mut room, args, product).await?;
    let quiet = room.count(sleep(length)).await;
    let single = room.count(room.types(1, length)).await;
    sleep(ROUND * 5).await;
    let bursts = room.count(room.types(TYPISTS, length)).await;
    room.tell(1, &single, &quiet);
    room.tell(BURST, &bursts, &quiet);
    sleep(SETTLE).await;
    let after = memory(&args.options);
    room.memory("after_traffic", &after, args.clients);
    if args.floor {
        floors(&room.run, args.clients, &single).await?;
    }
    let lost = room.seen.lost.load(Ordering::Relaxed);
    room.run.number("screens_lost", exact(lost));
    room.run.report(None)
}

/// Words per second when so many screens type.
fn rate(typists: usize) -> f64 {
    exact(typists as u64) / TYPES_EVERY.as_secs_f64()
}

/// Opens a tenth, then the rest: the difference is what screens cost, and not what the first of them wakes.
async fn open_all(room: &mut Room, args: &Args, product: &Product) -> Result<()> {
    let first = args.clients / 10;
    open(room, args, product, first).await?;
    sleep(SETTLE).await;
    let (before, kernel_before) = (memory(&args.options), slab_bytes());
    open(room, args, product, args.clients - first).await?;
    sleep(SETTLE).await;
    let (idle, kernel) = (memory(&args.options), slab_bytes());
    let more = exact((args.clients - first) as u64);
    for (name, usage) in idle {
        let grown = before
            .get(&name)
            .map_or(0.0, |b| difference(usage.rss_bytes, b.rss_bytes));
        room.run
            .number(&format!("rss_kb_per_idle_screen_{name}"), grown / 1000.0 / more);
    }
    let name = "kernel_slab_kb_per_screen_both_ends";
    room.run
        .number(name, difference(kernel, kernel_before) / 1000.0 / more);
    for (name, usage) in before {
        room.run.number(
            &format!("rss_mb_first_tenth_{name}"),
            exact(usage.rss_bytes) / 1e6,
        );
    }
    Ok(())
}

async fn open(room: &mut Room, args: &Args, product: &Product, count: usize) -> Result<()> {
    let mut opening = stream::iter(0..count)
        .map(|_| Thin::open(product))
        .buffer_unordered(args.connecting);
    while let Some(opened) = opening.next().await {
        let thin = opened.context("open a screen")?;
        // Two words may wait; a generator that is late drops the rest.
        let (say, said) = mpsc::channel(2);
        if room.says.len() < TYPISTS {
            room.says.push(say);
        }
        room.screens += 1;
        tokio::spawn(thin.follow(Arc::clone(&room.seen), br#""kind":"typing""#, said));
    }
    Ok(())
}

impl Room {
    /// Some screens type for a while, each in a conversation of its own and at its own moment.
    async fn types(&self, typists: usize, length: Duration) {
        let conversations: Vec<uuid::Uuid> = (0..typists).map(|_| uuid::Uuid::now_v7()).collect();
        let gap = TYPES_EVERY / u32::try_from(typists).unwrap_or(u32::MAX);
        let start = Instant::now();
        let mut n = 0_u32;
        loop {
            let due = start + gap * n;
            if due.duration_since(start) >= length {
                return;
            }
            tokio::time::sleep_until(due).await;
            let turn = n as usize % typists;
            if let (Some(say), Some(conversation)) = (self.says.get(turn), conversations.get(turn)) {
                let draft = format!("{n:08} {}", "and so on, ".repeat(12));
                let words = json!({"type": "typing", "conversation_id": conversation, "draft": draft});
                self.run.begin();
                let said = say.try_send(words);
                self.run.finish(said.context("the screen that types is late"));
            }
            n += 1;
        }
    }

    /// What is seen and used while `doing`.
    async fn count(&self, doing: impl Future<Output = ()>) -> Counted {
        let read = || {
            let seen = [&self.seen.frames, &self.seen.bytes, &self.seen.reads];
            (
                seen.map(|count| exact(count.load(Ordering::Relaxed))),
                self.run.cpu_s(),
            )
        };
        let (before, cpu_before) = read();
        doing.await;
        // What is under way arrives.
        sleep(Duration::from_millis(500)).await;
        let (after, cpu_after) = read();
        let [frames, bytes, reads] =
            [0, 1, 2].map(|at: usize| after.get(at).unwrap_or(&0.0) - before.get(at).unwrap_or(&0.0));
        let cpu_s = cpu_after
            .into_iter()
            .map(|(name, s)| (name.clone(), s - cpu_before.get(&name).unwrap_or(&0.0)))
            .collect();
        Counted {
            frames,
            bytes,
            reads,
            cpu_s,
        }
    }

    fn tell(&self, window: u32, counted: &Counted, quiet: &Counted) {
        let run = &self.run;
        run.number(&format!("deliveries_window_{window}"), counted.frames);
        run.number(
            &format!("frames_per_read_window_{window}"),
            counted.frames / counted.reads.max(1.0),
        );
        for (name, cpu_s) in &counted.cpu_s {
            let idle_s = quiet.cpu_s.get(name).copied().unwrap_or(0.0);
            run.number(&format!("cpu_s_quiet_{name}"), idle_s);
            run.number(
                &format!("cpu_us_per_delivery_window_{window}_{name}"),
                (cpu_s - idle_s) * 1e6 / counted.frames.max(1.0),
            );
        }
    }

    fn memory(&self, when: &str, usages: &BTreeMap<String, Usage>, clients: usize) {
        for (name, usage) in usages {
            let first = self
                .run
                .read(&format!("rss_mb_first_tenth_{name}"))
                .unwrap_or(0.0);
            let more = exact((clients - clients / 10) as u64);
            let grown = exact(usage.rss_bytes) / 1000.0 - first * 1000.0;
            self.run
                .number(&format!("rss_kb_per_screen_{when}_{name}"), grown / more);
        }
    }
}

/// The plain send loop at the same rates with frames of the same size.
async fn floors(run: &Run, clients: usize, single: &Counted) -> Result<()> {
    let bytes = (single.bytes / single.frames.max(1.0)).round();
    run.number("frame_bytes", bytes);
    let windows = [(1, rate(1)), (BURST, 1.0 / ROUND.as_secs_f64())];
    for (window, per_second) in windows {
        let fan = floor::Fan {
            clients,
            bytes,
            burst: window,
            per_second,
        };
        let floor_us = fan
            .measure(Duration::from_secs(10))
            .await
            .context("measure the floor")?;
        run.number(
            &format!("floor_send_cpu_us_per_delivery_window_{window}"),
            floor_us,
        );
        for watched in &run.options().pids {
            let name = format!("cpu_us_per_delivery_window_{window}_{}", watched.name);
            if let Some(ours_us) = run.read(&name) {
                let ratio = floor_us / ours_us.max(0.001);
                run.number(&format!("floor_ratio_window_{window}_{}", watched.name), ratio);
            }
        }
    }
    Ok(())
}

fn memory(options: &Options) -> BTreeMap<String, Usage> {
    let usage = |watched: &crate::process::Watched| Some((watched.name.clone(), watched.usage().ok()?));
    options.pids.iter().filter_map(usage).collect()
}

fn difference(after: u64, before: u64) -> f64 {
    exact(after) - exact(before)
}

/// The kernel's own memory for its objects, of the whole machine.
fn slab_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Slab:"));
    let kilobytes = line.and_then(|rest| rest.split_whitespace().next());
    kilobytes.and_then(|n| n.parse::<u64>().ok()).unwrap_or(0) * 1024
}
