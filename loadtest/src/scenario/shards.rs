//! `loadtest shards`: linked WhatsApp sessions by the thousand against the fake server: what one costs while it rests and while
//! people write, how they come back when the network was away, and how another worker takes them over.
//!
//! The scenario starts everything itself, since it must end workers: the fake server, the job worker, and shard workers, over
//! stores that nobody else uses; `./services.sh with-stores` lends some.
mod fake;
mod found;
mod program;
mod seed;
mod traffic;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::Instant;

use crate::clock;
use crate::process::Usage;
use crate::progress;
use crate::run::{Options, Run};
use crate::stage::exact;
use fake::{Fake, Stay};
use found::Found;
use program::{Product, Program};

/// All sessions must be connected within this time, in every part.
const PATIENCE: Duration = Duration::from_mins(5);
/// Between two looks at how many are connected.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Arguments of the scenario.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    options: Options,
    /// Linked sessions, twenty to a tenant.
    #[arg(long, default_value_t = 1000)]
    sessions: u64,
    /// People who write to them, each to as many sessions as fall to them.
    #[arg(long, default_value_t = 100)]
    customers: u64,
    /// How long they rest, first to come to rest and then to be measured.
    #[arg(long, default_value = "30s", value_parser = crate::stage::duration)]
    idle: Duration,
    /// How long WhatsApp is away before all come back.
    #[arg(long, default_value = "5s", value_parser = crate::stage::duration)]
    down: Duration,
    /// How long receipts may take after the last message.
    #[arg(long, default_value = "30s", value_parser = crate::stage::duration)]
    drain: Duration,
    /// Postgres, as the product uses it.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: String,
    /// The same for somebody who may see every row, to count them; by default the product's.
    #[arg(long)]
    count_url: Option<String>,
    /// Redis.
    #[arg(long, env = "REDIS_URL", hide_env_values = true)]
    redis_url: String,
    /// The product's.
    #[arg(long, env = "SECRET_KEY", hide_env_values = true)]
    secret_key: String,
    /// The product's program; by default the one beside this program.
    #[arg(long)]
    switchboard: Option<PathBuf>,
    /// The fake server's program; by default the one beside this program.
    #[arg(long)]
    fake: Option<PathBuf>,
}

/// What the parts share.
struct Site {
    args: Args,
    product: Product,
    fake: Fake,
    found: Found,
}

/// Runs it.
pub async fn run(args: Args) -> Result<ExitCode> {
    let fake = Fake::start(&program::beside(args.fake.as_ref(), "fake-whatsapp")?).await?;
    let product = Product::new(&args, &fake.socket)?;
    let mut site = Site {
        args,
        product,
        fake,
        found: Found::default(),
    };
    let _jobs = site.product.role("worker").await?;
    let bare = site.bare().await.context("measure a worker without sessions")?;
    seed::sessions(&site.product, &site.fake, site.args.sessions)
        .await
        .context("bring the sessions in")?;
    let first = site.connect().await.context("connect the sessions")?;
    site.rest(&first, bare).await?;
    site.storm(&first).await.context("storm")?;
    let second = site.take_over(first).await.context("take over")?;
    let third = site.hand_over(second).await.context("hand over")?;
    site.work(&third, bare).await
}

impl Site {
    async fn worker(&self) -> Result<Program> {
        self.product.role("shard-worker").await
    }

    /// What a worker takes that has nothing to do.
    async fn bare(&self) -> Result<Usage> {
        let worker = self.worker().await?;
        tokio::time::sleep(Duration::from_secs(3)).await;
        let usage = worker.usage()?;
        worker.stop().await?;
        Ok(usage)
    }

    /// All sessions, by one worker, from its start.
    async fn connect(&mut self) -> Result<Program> {
        let began_us = self.fake.now_us().await?;
        let worker = self.worker().await?;
        self.until_all("connect").await?;
        let cpu_s = worker.usage()?.cpu_s;
        self.found
            .number("connect_cpu_ms_per_session", cpu_s * 1000.0 / self.count());
        self.came("connect", began_us).await?;
        Ok(worker)
    }

    /// Nothing happens, and that is measured.
    async fn rest(&mut self, worker: &Program, bare: Usage) -> Result<()> {
        progress::line(&format!("shards: at rest for twice {:?}", self.args.idle));
        tokio::time::sleep(self.args.idle).await;
        let before = (worker.usage()?, self.stores());
        let began = Instant::now();
        tokio::time::sleep(self.args.idle).await;
        let (usage, length_s) = (worker.usage()?, began.elapsed().as_secs_f64());
        self.found.number("bare_rss_mb", exact(bare.rss_bytes) / 1e6);
        self.found.number("idle_rss_mb", exact(usage.rss_bytes) / 1e6);
        let grown = exact(usage.rss_bytes.saturating_sub(bare.rss_bytes));
        self.found
            .number("idle_rss_kib_per_session", grown / 1024.0 / self.count());
        self.found
            .number("idle_cores_worker", (usage.cpu_s - before.0.cpu_s) / length_s);
        for (name, cpu_s) in self.stores() {
            let used_s = cpu_s - before.1.get(&name).copied().unwrap_or(cpu_s);
            self.found
                .number(&format!("idle_cores_{name}"), used_s / length_s);
        }
        Ok(())
    }

    /// WhatsApp goes away with everybody, and comes back.
    async fn storm(&mut self, worker: &Program) -> Result<()> {
        self.fake.shut(true).await?;
        self.fake.cut_all().await?;
        tokio::time::sleep(self.args.down).await;
        let (began_us, before) = (self.fake.now_us().await?, worker.usage()?);
        self.fake.shut(false).await?;
        self.until_all("storm").await?;
        let cpu_s = worker.usage()?.cpu_s - before.cpu_s;
        self.found
            .number("storm_cpu_ms_per_session", cpu_s * 1000.0 / self.count());
        self.came("storm", began_us).await
    }

    /// The worker dies, and one that was just started is alone.
    async fn take_over(&mut self, dying: Program) -> Result<Program> {
        let heir = self.worker().await?;
        let began_us = self.fake.now_us().await?;
        dying.kill().await?;
        self.until_gone().await?;
        self.until_all("take-over").await?;
        self.came("takeover", began_us).await?;
        Ok(heir)
    }

    /// A deploy: a new worker comes, and the old one is asked to go.
    async fn hand_over(&mut self, leaving: Program) -> Result<Program> {
        let heir = self.worker().await?;
        let began_us = self.fake.now_us().await?;
        leaving.stop().await?;
        self.until_all("hand-over").await?;
        self.came("handover", began_us).await?;
        let stays = self.stays().await?;
        let gaps = stays.iter().filter_map(|stays| fake::last_gap_us(stays));
        self.found.times("handover_gap", gaps);
        Ok(heir)
    }

    /// People write.
    async fn work(self, worker: &Program, bare: Usage) -> Result<ExitCode> {
        traffic::customers(&self.fake, self.args.customers)
            .await
            .context("let the customers come")?;
        let mut options = self.args.options.clone();
        options.pids.push(worker.watched.clone());
        options.pids.push(self.fake.program.watched.clone());
        let run = Run::start("shards", options);
        traffic::run(&run, &self.fake, &self.args).await?;
        let usage = worker.usage()?;
        let grown = exact(usage.rss_bytes.saturating_sub(bare.rss_bytes));
        run.number("busy_rss_mb", exact(usage.rss_bytes) / 1e6);
        run.number("busy_rss_kib_per_session", grown / 1024.0 / self.count());
        run.number("overlaps", exact(self.fake.overlaps().await?));
        run.number("sessions", self.count());
        self.found.tell(&run);
        let late_ms = run.histogram("generator_late").percentile_ms(99.0);
        run.report(Some(late_ms))
    }

    fn count(&self) -> f64 {
        exact(self.args.sessions)
    }

    /// CPU seconds of whatever `--pid` names.
    fn stores(&self) -> std::collections::BTreeMap<String, f64> {
        let watched = self.args.options.pids.iter();
        watched
            .filter_map(|watched| Some((watched.name.clone(), watched.usage().ok()?.cpu_s)))
            .collect()
    }

    async fn until_all(&self, part: &str) -> Result<()> {
        let (began, mut told) = (Instant::now(), Instant::now());
        loop {
            let connected = self.fake.connected(self.args.sessions).await?;
            if connected == self.args.sessions {
                return Ok(());
            }
            if told.elapsed() >= Duration::from_secs(5) {
                told = Instant::now();
                progress::line(&format!(
                    "shards: {part}: {connected} of {} sessions connected",
                    self.args.sessions
                ));
            }
            ensure!(
                began.elapsed() < PATIENCE,
                "only {connected} sessions are connected after {PATIENCE:?}"
            );
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// A dead process's sockets are closed by the kernel, which the fake may not have noticed yet.
    async fn until_gone(&self) -> Result<()> {
        let began = Instant::now();
        while self.fake.connected(self.args.sessions).await? > 0 {
            ensure!(began.elapsed() < PATIENCE, "the dead worker's sockets stay open");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    async fn stays(&self) -> Result<Vec<Vec<Stay>>> {
        self.fake.stays(self.args.sessions).await
    }

    /// Writes down how long after `began_us` each session was let in.
    async fn came(&mut self, part: &'static str, began_us: u64) -> Result<()> {
        let stays = self.stays().await?;
        let last = stays.iter().filter_map(|stays| stays.last());
        let times: Vec<u64> = last.map(|stay| stay.from_us.saturating_sub(began_us)).collect();
        let all_us = times.iter().max().copied().unwrap_or_default();
        progress::line(&format!(
            "shards: {part}: all after {:.1} s",
            clock::seconds(all_us)
        ));
        self.found
            .number(&format!("{part}_all_s"), clock::seconds(all_us));
        self.found.times(part, times);
        Ok(())
    }
}
