//! A run: its options, its figures as they grow, a sample every second, progress, and the verdict at the end.
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Result, ensure};
use serde::Serialize;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::histogram::Shared;
use crate::process::{Usage, Watched};
use crate::report::{self, Report};
use crate::stage::{Schedule, Stage, exact};
use crate::threshold::Threshold;

/// What every scenario takes.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Ramp stages, `LENGTH:RATE_PER_SECOND`; the first begins at its rate, each later one ramps to its own.
    #[arg(long = "stage", default_value = "10s:5")]
    pub stages: Vec<Stage>,
    /// Conditions such as `answer_p99<50ms`; a missed one ends the program with 99.
    #[arg(long = "threshold")]
    pub thresholds: Vec<Threshold>,
    /// Processes whose CPU time and memory are told: `PID`, `NAME=PID`, `NAME=PID+` with its children.
    #[arg(long = "pid")]
    pub pids: Vec<Watched>,
    /// Figures as JSON.
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// Figures as one self-contained page with plots.
    #[arg(long)]
    pub html: Option<PathBuf>,
    /// Units of work in the first seconds are not measured.
    #[arg(long, default_value = "2s", value_parser = crate::stage::duration)]
    pub warm_up: Duration,
    /// Seed of everything random.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Allow a target that is not on this machine.
    #[arg(long)]
    pub allow_remote: bool,
}

impl Options {
    /// Refuses targets elsewhere unless told otherwise.
    pub fn check_target(&self, url: &url::Url) -> Result<()> {
        let local = match url.host() {
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            None => false,
        };
        ensure!(
            local || self.allow_remote,
            "{url} is not on this machine; --allow-remote if it is yours to load"
        );
        Ok(())
    }
}

/// One second of a run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Sample {
    /// Seconds since the start.
    pub at_s: f64,
    /// Units that became due in this second.
    pub offered: f64,
    /// Units that were done in this second.
    pub done: f64,
    /// Units under way.
    pub under_way: u64,
    /// CPU share of every watched process, 1.0 = one core.
    pub cpu: BTreeMap<String, f64>,
    /// Resident bytes of every watched process.
    pub rss_bytes: BTreeMap<String, u64>,
}

/// The living figures of a run; cheap to clone.
#[derive(Clone)]
pub struct Run {
    inner: Arc<Inner>,
}

struct Inner {
    scenario: &'static str,
    options: Options,
    schedule: Schedule,
    started: Instant,
    begun: AtomicU64,
    done: AtomicU64,
    failed: AtomicU64,
    histograms: Mutex<BTreeMap<String, Shared>>,
    numbers: Mutex<BTreeMap<String, f64>>,
    notes: Mutex<Vec<String>>,
    samples: Mutex<Vec<Sample>>,
    watched: Vec<Watched>,
    before: BTreeMap<String, Usage>,
}

impl Run {
    /// Starts the clock.
    pub fn start(scenario: &'static str, options: Options) -> Self {
        let mut watched = options.pids.clone();
        watched.push(Watched::myself());
        let before = usages(&watched);
        let inner = Inner {
            scenario,
            schedule: Schedule::new(options.stages.clone()),
            options,
            started: Instant::now(),
            begun: AtomicU64::new(0),
            done: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            histograms: Mutex::default(),
            numbers: Mutex::default(),
            notes: Mutex::default(),
            samples: Mutex::default(),
            watched,
            before,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// The options of the run.
    pub fn options(&self) -> &Options {
        &self.inner.options
    }

    /// When unit `n` is due.
    pub fn due(&self, n: u64) -> Option<Instant> {
        self.inner.schedule.at(n).map(|after| self.inner.started + after)
    }

    /// Whether a unit that is due then counts.
    pub fn measured(&self, due: Instant) -> bool {
        due.duration_since(self.inner.started) >= self.inner.options.warm_up
    }

    /// A duration's histogram, made on first use.
    pub fn histogram(&self, name: &str) -> Shared {
        let mut histograms = self
            .inner
            .histograms
            .lock()
            .expect("no holder of the lock panics");
        histograms.entry(name.to_owned()).or_default().clone()
    }

    /// Sets a figure that is not a duration.
    pub fn number(&self, name: &str, value: f64) {
        self.inner
            .numbers
            .lock()
            .expect("no holder of the lock panics")
            .insert(name.to_owned(), value);
    }

    /// Adds to such a figure.
    pub fn add(&self, name: &str, value: f64) {
        let mut numbers = self.inner.numbers.lock().expect("no holder of the lock panics");
        *numbers.entry(name.to_owned()).or_default() += value;
    }

    /// A figure set before.
    pub fn read(&self, name: &str) -> Option<f64> {
        self.inner
            .numbers
            .lock()
            .expect("no holder of the lock panics")
            .get(name)
            .copied()
    }

    /// CPU seconds that every watched process has used since the start.
    pub fn cpu_s(&self) -> BTreeMap<String, f64> {
        let before = |name: &String| self.inner.before.get(name).map_or(0.0, |usage| usage.cpu_s);
        let now = usages(&self.inner.watched);
        now.into_iter()
            .map(|(name, usage)| (name.clone(), usage.cpu_s - before(&name)))
            .collect()
    }

    /// Something the reader of the report must know.
    pub fn note(&self, text: String) {
        let mut notes = self.inner.notes.lock().expect("no holder of the lock panics");
        if notes.len() < 50 && !notes.contains(&text) {
            notes.push(text);
        }
    }

    /// A unit of work began.
    pub fn begin(&self) {
        self.inner.begun.fetch_add(1, Ordering::Relaxed);
    }

    /// A unit of work is done; a failure says why.
    pub fn finish(&self, outcome: Result<()>) {
        self.inner.done.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = outcome {
            self.inner.failed.fetch_add(1, Ordering::Relaxed);
            // Without the details behind the first brace, so that a thousand equal failures are one note.
            let text = format!("{error:#}");
            let text = text.split('{').next().unwrap_or_default();
            self.note(format!(
                "failed: {}",
                text.trim().chars().take(400).collect::<String>()
            ));
        }
    }

    /// Samples every second and shows progress, until cancelled.
    pub async fn watch(&self, stop: CancellationToken) {
        let inner = &self.inner;
        let mut progress = crate::progress::Progress::new(inner.scenario, inner.schedule.length());
        let mut beat = tokio::time::interval(Duration::from_secs(1));
        beat.tick().await;
        let (mut last_done, mut last, mut last_at) = (0, inner.before.clone(), 0.0);
        loop {
            tokio::select! {
                _ = beat.tick() => {}
                () = stop.cancelled() => break,
            }
            let at_s = inner.started.elapsed().as_secs_f64();
            let (begun, done) = (
                inner.begun.load(Ordering::Relaxed),
                inner.done.load(Ordering::Relaxed),
            );
            let now = usages(&inner.watched);
            let span = (at_s - last_at).max(0.001);
            let cpu = now.iter().map(|(name, usage)| {
                let before = last.get(name).map_or(usage.cpu_s, |before| before.cpu_s);
                (name.clone(), (usage.cpu_s - before) / span)
            });
            let sample = Sample {
                at_s,
                offered: (inner.schedule.due_by(at_s) - inner.schedule.due_by(last_at)) / span,
                done: exact(done - last_done) / span,
                under_way: begun - done,
                cpu: cpu.collect(),
                rss_bytes: now
                    .iter()
                    .map(|(name, usage)| (name.clone(), usage.rss_bytes))
                    .collect(),
            };
            progress.show(&sample, inner.failed.load(Ordering::Relaxed));
            inner
                .samples
                .lock()
                .expect("no holder of the lock panics")
                .push(sample);
            (last_done, last, last_at) = (done, now, at_s);
        }
        progress.finish();
    }

    /// The report of a finished run: written where wanted, and the exit code it deserves.
    pub fn report(&self, generator_late_ms: Option<f64>) -> Result<ExitCode> {
        let inner = &self.inner;
        let elapsed_s = inner.started.elapsed().as_secs_f64();
        let (begun, done) = (
            inner.begun.load(Ordering::Relaxed),
            inner.done.load(Ordering::Relaxed),
        );
        let offered = inner
            .schedule
            .due_by(inner.schedule.length().as_secs_f64())
            .floor();
        let mut numbers = inner
            .numbers
            .lock()
            .expect("no holder of the lock panics")
            .clone();
        numbers.insert("offered".to_owned(), offered);
        numbers.insert("begun".to_owned(), exact(begun));
        numbers.insert("done".to_owned(), exact(done));
        numbers.insert("failed".to_owned(), exact(inner.failed.load(Ordering::Relaxed)));
        numbers.insert(
            "achieved".to_owned(),
            if offered > 0.0 { exact(done) / offered } else { 1.0 },
        );
        if let Some(late_ms) = generator_late_ms {
            numbers.insert("generator_late_p99_ms".to_owned(), late_ms);
        }
        for (name, usage) in usages(&inner.watched) {
            let before = inner.before.get(&name).copied().unwrap_or_default();
            let cpu_s = usage.cpu_s - before.cpu_s;
            numbers.insert(format!("cpu_s_{name}"), cpu_s);
            numbers.insert(
                format!("cpu_ms_per_unit_{name}"),
                cpu_s * 1000.0 / exact(done).max(1.0),
            );
            numbers.insert(format!("rss_mb_{name}"), exact(usage.rss_bytes) / 1e6);
        }
        let histograms = inner
            .histograms
            .lock()
            .expect("no holder of the lock panics")
            .clone();
        let report = Report {
            schema: report::SCHEMA,
            scenario: inner.scenario,
            started_at: crate::clock::rfc3339(),
            elapsed_s,
            seed: inner.options.seed,
            stages: inner.options.stages.clone(),
            durations: histograms
                .iter()
                .filter_map(|(name, h)| Some((name.clone(), h.figures()?)))
                .collect(),
            numbers,
            verdicts: Vec::new(),
            notes: inner.notes.lock().expect("no holder of the lock panics").clone(),
            samples: inner
                .samples
                .lock()
                .expect("no holder of the lock panics")
                .clone(),
        };
        report.conclude(&inner.options)
    }
}

fn usages(watched: &[Watched]) -> BTreeMap<String, Usage> {
    watched
        .iter()
        .filter_map(|process| Some((process.name.clone(), process.usage().ok()?)))
        .collect()
}
