//! `loadtest calls`: whole calls through both emulators; answer, first audio, delay per direction frame by frame,
//! late and lost frames, how fast a barge-in stops the agent, how late listeners hear, CPU per second of call.
mod listeners;
mod probes;
mod together;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::listeners::Listeners;
use self::probes::Probes;
pub(super) use self::together::{Cpu, Steady};
use self::together::{Place, Together};
use super::floor;
use crate::openai::{self, Reply, Script, Turn};
use crate::product::{Entrance, Product};
use crate::run::{Options, Run};
use crate::speech::{self, Voice};
use crate::stage::exact;
use crate::{clock, twilio, ulaw};

/// A listener is told of the call's end within this time.
const BYE_LIMIT: Duration = Duration::from_secs(5);

/// Arguments of the scenario.
#[derive(Clone, Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct Args {
    #[command(flatten)]
    entrance: Entrance,
    #[command(flatten)]
    options: Options,
    /// Where the emulated Twilio listens; the product's `TWILIO_API_URL`.
    #[arg(long, default_value = "127.0.0.1:9101")]
    twilio: SocketAddr,
    /// Where the emulated OpenAI listens; the product's `OPENAI_BASE_URL`, with `/v1`.
    #[arg(long, default_value = "127.0.0.1:9102")]
    openai: SocketAddr,
    /// How long each call is timed, frame by frame, after its barge-in.
    #[arg(long, default_value = "20s", value_parser = crate::stage::duration)]
    hold: Duration,
    /// Time all calls together: the first wait for the last, and CPU of this time is told by itself.
    #[arg(long)]
    together: bool,
    /// How many of the calls a member of staff listens to.
    #[arg(long, default_value_t = 0)]
    listeners: u64,
    /// Where they listen, when it is another instance than the target.
    #[arg(long)]
    listen_at: Option<url::Url>,
    /// Let the agent finish its greeting.
    #[arg(long)]
    no_barge_in: bool,
    /// Wait for a key press before the first call, so that the product can be started now.
    #[arg(long)]
    wait: bool,
    /// Afterwards measure a raw TCP relay and a plain bridge on the same machine, for ratios.
    #[arg(long)]
    floor: bool,
}

/// Runs it.
pub async fn run(args: Args) -> Result<ExitCode> {
    args.options.check_target(&args.entrance.target)?;
    let twilio = twilio::Emulator::start(twilio::Config {
        listen: args.twilio,
        public_url: args.entrance.public(),
        target: args.entrance.target.clone(),
        accounts: vec![args.entrance.twilio_account()],
        keep_audio: false,
        ..twilio::Config::default()
    })
    .await?;
    let openai = openai::Emulator::start(openai::Config {
        listen: args.openai,
        keep_audio: false,
        script: script(),
        ..openai::Config::default()
    })
    .await?;
    if args.wait {
        tracing::warn!("The emulators listen; press Enter when Switchboard is ready.");
        tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await??;
    }
    if args.entrance.prepare {
        let product = Product::enter(&args.entrance).await?;
        product
            .prepare(&args.entrance.twilio_account(), &args.entrance.to)
            .await
            .context("prepare the tenant")?;
    }
    let staff = if args.listeners > 0 {
        let product = Product::enter(&args.entrance).await?;
        Some(product.at(args.listen_at.as_ref(), &args.options)?)
    } else {
        None
    };
    let run = Run::start("calls", args.options.clone());
    let drive = Drive::new(run.clone(), twilio, openai, staff, &args).await;
    let stop = CancellationToken::new();
    let watching = tokio::spawn({
        let (run, stop) = (run.clone(), stop.clone());
        async move { run.watch(stop).await }
    });
    drive.all().await;
    stop.cancel();
    watching.await.context("end the sampling")?;
    drive.settle().await;
    drive.conclude();
    let late_ms = drive.twilio.lateness().percentile_ms(99.0);
    if args.floor {
        compare(&run, &drive, &args).await?;
    }
    run.report(Some(late_ms))
}

/// The ratios: the product's CPU time over that of a raw relay and of a plain bridge.
async fn compare(run: &Run, drive: &Drive, args: &Args) -> Result<()> {
    let calls = usize::try_from(drive.peak()).unwrap_or(1).clamp(1, 200);
    let relay_ms = floor::relay(calls, Duration::from_secs(10))
        .await
        .context("measure the relay")?;
    run.number("floor_relay_cpu_ms_per_call_s", relay_ms);
    let (plain_ms, steady) = floor::plain(drive, args.options.clone())
        .await
        .context("measure the plain bridge")?;
    run.number("floor_plain_cpu_ms_per_call_s", plain_ms);
    let steady_ms = steady.and_then(|steady| steady.cpu_ms_per_call_s.into_values().next());
    if let Some(steady_ms) = steady_ms {
        run.number("floor_plain_steady_cpu_ms_per_call_s", steady_ms);
    }
    for watched in &args.options.pids {
        let name = &watched.name;
        let ratio = |floor: &str, what: &str, floor_ms: f64| {
            if let Some(ours_ms) = run.read(&format!("{what}cpu_ms_per_call_s_{name}")) {
                run.number(
                    &format!("ratio_{what}{floor}_over_{name}"),
                    floor_ms / ours_ms.max(1e-9),
                );
            }
        };
        ratio("relay", "", relay_ms);
        ratio("plain", "", plain_ms);
        if let Some(steady_ms) = steady_ms {
            ratio("relay", "steady_", relay_ms);
            ratio("plain", "steady_", steady_ms);
        }
    }
    Ok(())
}

/// A long greeting to interrupt, then silence: the model only echoes probe frames.
fn script() -> Script {
    let greeting = "Hello, and thank you very much for calling. This is the front desk. We are open every day from \
                    nine to five, and you can ask me about bookings, prices, opening hours and anything else.";
    Script {
        greeting: Some(Reply::say(greeting)),
        otherwise: Turn {
            hears: "One moment, please.".to_owned(),
            reply: Reply::Nothing,
        },
        thinking_ms: 0,
        ..Script::default()
    }
}

/// What all calls of a run share.
pub(super) struct Drive {
    pub(super) run: Run,
    pub(super) twilio: twilio::Emulator,
    openai: openai::Emulator,
    probes: Arc<Probes>,
    to: String,
    hold: Duration,
    together: bool,
    interruption: Option<Bytes>,
    listeners: Option<Arc<Listeners>>,
    listened: u64,
    ended: Mutex<Vec<(u64, twilio::Moments)>>,
}

impl Drive {
    async fn new(
        run: Run,
        twilio: twilio::Emulator,
        openai: openai::Emulator,
        staff: Option<Product>,
        args: &Args,
    ) -> Self {
        let mut interruption = speech::render(Voice::Caller, "One moment, please.")
            .await
            .to_vec();
        interruption.extend(ulaw::silence(800));
        let probes = Arc::new(Probes::new(&run));
        let arriving = Arc::clone(&probes);
        openai.set_probe(Arc::new(move |tag, now_us| arriving.at_model(tag, now_us)));
        let listeners = staff.map(|staff| Arc::new(Listeners::new(&run, staff)));
        Self {
            run,
            twilio,
            openai,
            probes,
            to: args.entrance.to.clone(),
            hold: args.hold,
            together: args.together,
            listeners,
            listened: args.listeners,
            interruption: (!args.no_barge_in).then(|| Bytes::from(interruption)),
            ended: Mutex::default(),
        }
    }

    /// The address of the model, for a bridge of our own.
    pub(super) fn openai(&self) -> &openai::Emulator {
        &self.openai
    }

    /// Places every call of the run and keeps when things happened to it.
    async fn all(&self) {
        let listeners = self.listeners.clone();
        if let Some(steady) = self.all_of(&self.run, listeners, || self.run.cpu_s()).await {
            self.run.number("steady_calls", exact(steady.calls));
            self.run.number("steady_s", steady.seconds);
            for (name, ms) in steady.cpu_ms_per_call_s {
                self.run.number(&format!("steady_cpu_ms_per_call_s_{name}"), ms);
            }
        }
        for (n, caller) in self.twilio.callers().into_iter().enumerate() {
            self.ended
                .lock()
                .expect("no holder of the lock panics")
                .push((n as u64, caller.moments()));
        }
    }

    /// Places every call when it is due, and waits for the last to end.
    async fn all_of(
        &self,
        run: &Run,
        listeners: Option<Arc<Listeners>>,
        cpu: impl Fn() -> Cpu,
    ) -> Option<Steady> {
        let together = self.together.then(Together::new);
        let tasks = TaskTracker::new();
        let mut n = 0;
        while let Some(due) = run.due(n) {
            sleep_until(due).await;
            run.begin();
            let from = format!("+1555{:07}", 200_000 + n % 100_000);
            match self.twilio.call(&from, &self.to) {
                Ok(caller) => {
                    let one = One {
                        run: run.clone(),
                        probes: Arc::clone(&self.probes),
                        interruption: self.interruption.clone(),
                        hold: self.hold,
                        place: together.as_ref().map(Together::place),
                        listener: listeners
                            .clone()
                            .filter(|_| n < self.listened)
                            .map(|all| (all, from)),
                    };
                    tasks.spawn(one.whole(n, due, caller));
                }
                Err(error) => {
                    drop(together.as_ref().map(Together::place));
                    run.finish(Err(error));
                }
            }
            n += 1;
        }
        tasks.close();
        let steady = match together {
            Some(together) => Some(together.measure(n, self.hold, cpu).await),
            None => None,
        };
        tasks.wait().await;
        steady
    }

    /// The same calls once more, measured nowhere; the seconds they talked, and what `cpu` said while all did.
    pub(super) async fn again(
        &self,
        options: Options,
        cpu: impl Fn() -> Cpu,
    ) -> Result<(f64, Option<Steady>)> {
        let before = self.twilio.callers().len();
        self.probes.pause();
        let again = Run::start("again", options);
        let steady = self.all_of(&again, None, cpu).await;
        let talked_us: u64 = self
            .twilio
            .callers()
            .into_iter()
            .skip(before)
            .filter_map(|caller| {
                let moments = caller.moments();
                Some(moments.ended_us?.saturating_sub(moments.stream_open_us?))
            })
            .sum();
        Ok((exact(talked_us) / 1e6, steady))
    }

    /// Calls at the same time, at most.
    fn peak(&self) -> u64 {
        let ended = self.ended.lock().expect("no holder of the lock panics");
        let mut edges: Vec<(u64, bool)> = Vec::new();
        for (_, moments) in ended.iter() {
            if let (Some(from), Some(to)) = (moments.stream_open_us, moments.ended_us) {
                edges.extend([(from, true), (to, false)]);
            }
        }
        edges.sort_unstable();
        let (mut now, mut most) = (0_u64, 0);
        for (_, begins) in edges {
            now = if begins { now + 1 } else { now.saturating_sub(1) };
            most = most.max(now);
        }
        most
    }

    /// Gives the product five seconds to close its sessions after the last call.
    async fn settle(&self) {
        let deadline = Instant::now() + Duration::from_secs(5);
        while Instant::now() < deadline && self.openai.sessions().iter().any(|s| s.closed_us.is_none()) {
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// What is only known afterwards: barge-ins, seconds of call, CPU per second of call, sessions left open.
    fn conclude(&self) {
        let ended = self.ended.lock().expect("no holder of the lock panics").clone();
        let sessions = self.openai.sessions();
        for session in &sessions {
            let Some(call) = session.probe_call else { continue };
            let Some((_, moments)) = ended.iter().find(|(n, _)| *n == call) else {
                continue;
            };
            let (Some(heard), Some(cleared_us)) = (session.utterances.first(), moments.cleared_us) else {
                continue;
            };
            self.run
                .histogram("barge_in_stop")
                .record(cleared_us.saturating_sub(heard.started_us));
            if let (Some(cut), Some(first_us)) = (session.truncations.first(), moments.first_audio_us) {
                let truly_ms = cleared_us.saturating_sub(first_us) / 1000;
                self.run
                    .histogram("cut_error")
                    .record(truly_ms.abs_diff(cut.audio_end_ms) * 1000);
            }
        }
        let talked_us: u64 = ended
            .iter()
            .filter_map(|(_, m)| Some(m.ended_us?.saturating_sub(m.stream_open_us?)))
            .sum();
        let talked_s = exact(talked_us) / 1e6;
        self.run.number("call_seconds", talked_s);
        self.run.number("peak_calls", exact(self.peak()));
        self.run.number(
            "sessions_left_open",
            exact(sessions.iter().filter(|s| s.closed_us.is_none()).count() as u64),
        );
        let errors: usize = sessions.iter().map(|session| session.errors.len()).sum();
        self.run.number("model_errors", exact(errors as u64));
        for error in sessions.iter().flat_map(|session| &session.errors).take(3) {
            self.run.note(format!("the model answered {error}"));
        }
        for (name, cpu_s) in self.run.cpu_s() {
            self.run.number(
                &format!("cpu_ms_per_call_s_{name}"),
                cpu_s * 1000.0 / talked_s.max(1e-9),
            );
        }
        self.probes.conclude();
        if let Some(listeners) = &self.listeners {
            listeners.conclude();
        }
    }
}

struct One {
    run: Run,
    probes: Arc<Probes>,
    interruption: Option<Bytes>,
    hold: Duration,
    /// Among calls that are timed together.
    place: Option<Place>,
    /// Who listens, and the number the call comes from.
    listener: Option<(Arc<Listeners>, String)>,
}

impl One {
    async fn whole(mut self, n: u64, due: Instant, caller: twilio::Caller) {
        let listening = self.listener.take().map(|(listeners, from)| {
            let caller = caller.clone();
            tokio::spawn(async move { listeners.follow(&caller, &from).await })
        });
        let outcome = self.talk(n, due, &caller).await;
        // A call that failed is waited for no longer.
        self.place = None;
        caller.hang_up();
        let ended = caller.ended().await;
        if let Some(listening) = listening
            && timeout(BYE_LIMIT, listening).await.is_err()
        {
            self.run.add("listeners_left_open", 1.0);
        }
        self.run.finish(outcome.and(ended.map(drop)));
    }

    async fn talk(&mut self, n: u64, due: Instant, caller: &twilio::Caller) -> Result<()> {
        let probes = Arc::clone(&self.probes);
        caller.tap(Arc::new(move |audio, now_us| probes.at_caller(audio, now_us)));
        let due_us = clock::at_us(due.into_std());
        let measured = self.run.measured(due);
        let note = |name: &str, at_us: Option<u64>| {
            if let Some(at_us) = at_us.filter(|_| measured) {
                self.run.histogram(name).record(at_us.saturating_sub(due_us));
            }
        };
        note(
            "answer",
            caller
                .wait("answer", Duration::from_secs(20), |m| {
                    m.webhook_answered_us.is_some()
                })
                .await?
                .webhook_answered_us,
        );
        note("stream_open", caller.stream_open().await?.stream_open_us);
        note("first_audio", caller.first_audio().await?.first_audio_us);
        match &self.interruption {
            Some(audio) => {
                sleep(Duration::from_secs(1)).await;
                caller.say(audio.clone());
                caller.cleared(1).await?;
                caller.said().await?;
            }
            // The greeting is some ten seconds long.
            None => sleep(Duration::from_secs(13)).await,
        }
        caller.probe(n);
        match self.place.take() {
            Some(place) => place.talk().await,
            None => sleep(self.hold).await,
        }
        caller.silence();
        Ok(())
    }
}
