//! `loadtest inbox`: many live screens; how late events reach them, and whether any is missed, doubled or out of
//! order while connections are cut again and again.
mod typing;

use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::stream::{self, StreamExt};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::floor;
use super::texts;
use crate::clock;
use crate::product::{Entrance, Event, Frame, Live, Product};
use crate::run::{Options, Run};
use crate::stage::exact;

/// Arguments of the scenario.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    entrance: Entrance,
    #[command(flatten)]
    options: Options,
    /// Live screens.
    #[arg(long, default_value_t = 100)]
    clients: usize,
    /// Connections cut per second, by chance.
    #[arg(long, default_value_t = 1.0)]
    cuts: f64,
    /// After so long every screen is cut at the same moment, and all come back at once.
    #[arg(long, value_parser = crate::stage::duration)]
    herd: Option<Duration>,
    /// Screens that connect at the same time.
    #[arg(long, default_value_t = 20)]
    connecting: usize,
    /// Different senders.
    #[arg(long, default_value_t = 200)]
    contacts: u32,
    /// First run the same stages with one screen, so that a delivery's own cost is known.
    #[arg(long)]
    marginal: bool,
    /// Instead of texts, let screens type for so long, one at a time and again in bursts of 32: what a delivery costs by
    /// itself, and what an idle screen takes.
    #[arg(long, value_parser = crate::stage::duration)]
    typing: Option<Duration>,
    /// Afterwards measure a plain send loop to as many sockets, for ratios.
    #[arg(long)]
    floor: bool,
    /// How long the screens may take to catch up after the last event.
    #[arg(long, default_value = "15s", value_parser = crate::stage::duration)]
    drain: Duration,
}

/// What all screens share.
struct Screens {
    run: Run,
    product: Product,
    /// The number every screen must reach, and when the first one had it.
    newest: AtomicU64,
    first_us: Mutex<HashMap<u64, u64>>,
    caught_up: Vec<AtomicU64>,
    cuts: Vec<Notify>,
}

/// Runs it.
pub async fn run(args: Args) -> Result<ExitCode> {
    args.options.check_target(&args.entrance.target)?;
    let product = Product::enter(&args.entrance).await?;
    if args.entrance.prepare {
        let account = args.entrance.twilio_account();
        product
            .prepare(&account, &args.entrance.to)
            .await
            .context("prepare the tenant")?;
    }
    if let Some(length) = args.typing {
        return typing::run(&args, &product, length).await;
    }
    let alone = if args.marginal {
        Some(alone(&product, &args).await.context("measure one screen alone")?)
    } else {
        None
    };
    let rss_before = rss(&args.options);
    let sockets = open(&product, &args).await.context("open the screens")?;
    let rss_after = rss(&args.options);
    let run = Run::start("inbox", args.options.clone());
    for (name, bytes) in rss_after {
        let grown = exact(bytes.saturating_sub(rss_before.get(&name).copied().unwrap_or(bytes)));
        run.number(
            &format!("rss_kb_per_client_{name}"),
            grown / 1000.0 / exact(args.clients as u64),
        );
    }
    measure(&run, product, sockets, &args, args.cuts).await?;
    conclude(&run, &args, alone.as_ref()).await?;
    let late_ms = run.histogram("generator_late").percentile_ms(99.0);
    run.report(Some(late_ms))
}

/// The same events with one screen only: what they cost before anybody else sees them.
async fn alone(product: &Product, args: &Args) -> Result<Run> {
    let run = Run::start("inbox alone", args.options.clone());
    let screen = product.live(None).await?;
    measure(&run, product.clone(), vec![screen], args, 0.0).await?;
    for (name, cpu_s) in run.cpu_s() {
        run.number(&format!("cpu_s_{name}"), cpu_s);
    }
    Ok(run)
}

/// Sends all events while the screens follow and are cut.
async fn measure(run: &Run, product: Product, sockets: Vec<Live>, args: &Args, cuts: f64) -> Result<()> {
    for name in [
        "missed",
        "doubled",
        "out_of_order",
        "reloads",
        "reconnects",
        "deliveries",
    ] {
        run.number(name, 0.0);
    }
    let screens = Arc::new(Screens {
        run: run.clone(),
        product,
        newest: AtomicU64::new(0),
        first_us: Mutex::default(),
        caught_up: sockets.iter().map(|_| AtomicU64::new(0)).collect(),
        cuts: sockets.iter().map(|_| Notify::new()).collect(),
    });
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let (sampling, end) = (run.clone(), stop.clone());
    tasks.spawn(async move { sampling.watch(end).await });
    for (index, socket) in sockets.into_iter().enumerate() {
        tasks.spawn(screen(Arc::clone(&screens), index, socket, stop.clone()));
    }
    tasks.spawn(cut(Arc::clone(&screens), cuts, args.options.seed, stop.clone()));
    if let Some(after) = args.herd.filter(|_| screens.cuts.len() > 1) {
        tasks.spawn(herd(Arc::clone(&screens), after, stop.clone()));
    }
    texts::send(run, &args.entrance, args.contacts, &Arc::default()).await?;
    run.number("behind", exact(settle(&screens, args.drain).await));
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    Ok(())
}

async fn open(product: &Product, args: &Args) -> Result<Vec<Live>> {
    let opening = stream::iter(0..args.clients)
        .map(|_| product.live(None))
        .buffer_unordered(args.connecting);
    let opened: Vec<Result<Live>> = opening.collect().await;
    opened.into_iter().collect()
}

/// CPU per delivery: with all that came before it, by itself, and of a plain send loop.
async fn conclude(run: &Run, args: &Args, alone: Option<&Run>) -> Result<()> {
    let deliveries = run.read("deliveries").unwrap_or(0.0);
    for (name, cpu_s) in run.cpu_s() {
        let per_delivery_us = cpu_s * 1e6 / deliveries.max(1.0);
        run.number(&format!("cpu_us_per_delivery_{name}"), per_delivery_us);
        let Some(alone) = alone else { continue };
        let more_s = cpu_s - alone.read(&format!("cpu_s_{name}")).unwrap_or(0.0);
        let more = deliveries - alone.read("deliveries").unwrap_or(0.0);
        run.number(
            &format!("marginal_cpu_us_per_delivery_{name}"),
            more_s * 1e6 / more.max(1.0),
        );
    }
    if args.floor {
        let rate = args
            .options
            .stages
            .iter()
            .map(|stage| stage.rate)
            .fold(1.0, f64::max);
        let fan = floor::Fan {
            clients: args.clients,
            bytes: 500.0,
            burst: 1,
            per_second: rate,
        };
        let floor_us = fan
            .measure(Duration::from_secs(10))
            .await
            .context("measure the floor")?;
        run.number("floor_send_cpu_us_per_delivery", floor_us);
    }
    Ok(())
}

fn rss(options: &Options) -> HashMap<String, u64> {
    let usage =
        |watched: &crate::process::Watched| Some((watched.name.clone(), watched.usage().ok()?.rss_bytes));
    options.pids.iter().filter_map(usage).collect()
}

/// Waits until every screen has everything; how many have not.
async fn settle(screens: &Screens, drain: Duration) -> u64 {
    let deadline = tokio::time::Instant::now() + drain;
    let mut quiet_since = (
        screens.newest.load(Ordering::Relaxed),
        tokio::time::Instant::now(),
    );
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let newest = screens.newest.load(Ordering::Relaxed);
        if newest != quiet_since.0 {
            quiet_since = (newest, tokio::time::Instant::now());
        }
        let behind = screens
            .caught_up
            .iter()
            .filter(|seq| seq.load(Ordering::Relaxed) < newest)
            .count();
        // Two seconds without anything new: jobs behind the webhooks are done.
        let quiet = quiet_since.1.elapsed() > Duration::from_secs(2);
        if (behind == 0 && quiet) || tokio::time::Instant::now() > deadline {
            return behind as u64;
        }
    }
}

/// Cuts connections by chance.
async fn cut(screens: Arc<Screens>, per_second: f64, seed: u64, stop: CancellationToken) {
    if per_second <= 0.0 || screens.cuts.is_empty() {
        return;
    }
    let mut dice = StdRng::seed_from_u64(seed ^ 0x000C_0FFE);
    let mut beat = tokio::time::interval(Duration::from_secs_f64(1.0 / per_second));
    loop {
        tokio::select! {
            _ = beat.tick() => {}
            () = stop.cancelled() => return,
        }
        if let Some(victim) = screens.cuts.get(dice.random_range(0..screens.cuts.len())) {
            victim.notify_one();
        }
    }
}

/// Cuts every connection at once.
async fn herd(screens: Arc<Screens>, after: Duration, stop: CancellationToken) {
    tokio::select! {
        () = tokio::time::sleep(after) => screens.cuts.iter().for_each(Notify::notify_one),
        () = stop.cancelled() => {}
    }
}

/// One screen: follows the feed, is cut, comes back with its position.
async fn screen(screens: Arc<Screens>, index: usize, mut live: Live, stop: CancellationToken) {
    loop {
        let cut = screens.cuts.get(index).map(Notify::notified);
        let Some(cut) = cut else { return };
        tokio::select! {
            () = stop.cancelled() => return,
            () = cut => {}
            lost = follow(&screens, index, &mut live) => {
                if let Err(error) = lost {
                    screens.run.note(format!("a screen was lost: {error:#}"));
                }
            }
        }
        // Dropped without a close frame, as a network does it.
        let position = live.position.clone();
        let came_back = tokio::select! {
            live = come_back(&screens, position) => live,
            () = stop.cancelled() => return,
        };
        live = came_back;
    }
}

async fn come_back(screens: &Screens, position: crate::product::Position) -> Live {
    let started = tokio::time::Instant::now();
    loop {
        match screens.product.live(Some(&position)).await {
            Ok(live) => {
                screens.run.add("reconnects", 1.0);
                screens
                    .run
                    .histogram("reconnect")
                    .record(clock::us(started.elapsed()));
                if !live.recovered {
                    screens.run.add("reloads", 1.0);
                }
                return live;
            }
            Err(error) => {
                screens.run.note(format!("could not come back: {error:#}"));
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

async fn follow(screens: &Screens, index: usize, live: &mut Live) -> Result<()> {
    loop {
        match live.next().await? {
            Frame::Event(event) => take(screens, index, live, &event),
            Frame::Reload => screens.run.add("reloads", 1.0),
            Frame::Bye => ensure!(false, "the server said bye"),
        }
    }
}

fn take(screens: &Screens, index: usize, live: &mut Live, event: &Event) {
    let now_us = clock::now_us();
    let run = &screens.run;
    match event.seq.checked_sub(live.position.seq + 1) {
        Some(0) => {}
        Some(gap) => run.add("missed", exact(gap)),
        None if event.seq == live.position.seq => run.add("doubled", 1.0),
        None => run.add("out_of_order", 1.0),
    }
    live.position.seq = live.position.seq.max(event.seq);
    screens.newest.fetch_max(event.seq, Ordering::Relaxed);
    if let Some(mine) = screens.caught_up.get(index) {
        mine.fetch_max(event.seq, Ordering::Relaxed);
    }
    run.add("deliveries", 1.0);
    let first_us = {
        let mut first = screens.first_us.lock().expect("no holder of the lock panics");
        // A bound for long runs: what is far behind is no longer compared.
        if first.len() > 100_000 {
            first.clear();
        }
        *first.entry(event.seq).or_insert(now_us)
    };
    run.histogram("fan_out").record(now_us - first_us);
    if let Some(n) = texts::unit(event, run.options().seed)
        && let Some(due) = run.due(n)
    {
        texts::record(run, "delivery", due);
    }
}
