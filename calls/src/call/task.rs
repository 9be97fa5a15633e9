//! The task that owns a call: its sockets, its agent and its machine, in one loop. No lock, database or Redis in it.

mod caller;
mod deeds;
mod seldom;

use std::future::poll_fn;
use std::sync::Arc;
use std::time::{Duration, Instant};

use connectors::twilio::stream::Words;
use hub::call::order::Order;
use hub::call::{Call, Outcome, Source, visitor};
use hub::capacity::Lease;
use hub::ids::TenantId;
use hub::turn::Speaker;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::machine::{Limits, Machine, ToolDone};
use super::scribe::{Left, Note, Scribe};
use crate::agent::briefing::Briefing;
use crate::agent::{Agent, AgentEvent};
use crate::exchange::{Exchange, Prepared, Seat};
use crate::listen::Tap;
use crate::media::{Arrived, Incoming, Socket};
use caller::Quality;
use seldom::{Event, Seldom};

/// A stream that broke may come back within this time, by Twilio's own reconnect or by our resume document.
const SOCKET_GRACE: Duration = Duration::from_secs(4);
/// Calls still live this long before the process must end are moved to another node.
const MOVE_MARGIN: Duration = Duration::from_secs(10);
/// Tools that run at once; the machine allows eight a turn.
const TOOLS_MAX: usize = 16;

/// Everything a call is.
pub(super) struct Task {
    exchange: Exchange,
    tenant: TenantId,
    call: Call,
    provider_id: String,
    briefing: Arc<Briefing>,
    lease: Lease,
    agent: Box<dyn Agent>,
    machine: Machine,
    scribe: Scribe,
    tap: Tap,
    socket: Option<Socket>,
    /// Since when there is no socket.
    gone: Option<Duration>,
    /// The call's place here.
    seat: Seat,
    tools: mpsc::Sender<ToolDone>,
    seldom: Seldom,
    quality: Quality,
    started: Instant,
    heard_agent: bool,
    /// A transfer failed as far as we know; should the stream be stopped until then, it may have come about all the same.
    transfer_unknown: Option<Duration>,
}

/// What ended the loop.
enum End {
    /// The call is over.
    Over(Outcome),
    /// It goes on without us: the caller is connected to a person, as far as we know.
    LetGo(Option<Outcome>),
    /// Another node carries it on.
    Moved,
    /// Twilio stopped its stream.
    Stopped,
    /// Somebody else says that it is over.
    AlreadyOver,
}

impl Task {
    pub(super) fn new(exchange: Exchange, arrived: Arrived, prepared: Prepared, mut seat: Seat) -> Self {
        let Prepared {
            agent,
            briefing,
            lease,
        } = prepared;
        let Arrived {
            socket,
            tenant,
            call,
            provider_id,
            ..
        } = arrived;
        let longest = Duration::from_secs(briefing.settings.max_duration_s.into());
        let limits = Limits {
            max_duration: if call.visitor {
                longest.min(visitor::DURATION_MAX)
            } else {
                longest
            },
            silence: Duration::from_secs(briefing.settings.silence_s.into()),
        };
        let over = CancellationToken::new();
        let scribe = Scribe::start(&exchange.hub, tenant, call.id, agent.kind(), over.clone());
        let (tools, tools_done) = mpsc::channel(TOOLS_MAX);
        let (_, none) = mpsc::channel(1);
        let sockets = std::mem::replace(&mut seat.sockets, none);
        Self {
            tap: Tap::new(&exchange.hub, tenant, call.id),
            machine: Machine::new(limits, agent.kind(), briefing.first_turn, briefing.said.clone()),
            exchange,
            tenant,
            call,
            provider_id,
            briefing,
            lease,
            agent,
            scribe,
            socket: Some(socket),
            gone: None,
            seat,
            tools,
            seldom: Seldom::new(tools_done, sockets, over),
            quality: Quality::starting(Duration::ZERO),
            started: Instant::now(),
            heard_agent: false,
            transfer_unknown: None,
        }
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// To the end of the call, as far as it is this process's.
    pub(super) async fn run(mut self) {
        tracing::info!(call.id = %self.call.id, tenant.id = %self.tenant, agent = self.agent.kind().as_str(), "Call {} is live", self.call.id);
        let end = Box::pin(self.converse()).await;
        self.tap.over();
        if let Some(audio) = self.agent.unfinished_voicemail() {
            self.keep_voicemail(audio);
        }
        let now = self.now();
        self.write_down(true, now).await;
        tracing::info!(call.id = %self.call.id, duration_ms = u64::try_from(now.as_millis()).unwrap_or(0), "Call {} leaves this node", self.call.id);
        Box::pin(self.leave(end)).await;
    }

    async fn converse(&mut self) -> End {
        self.seldom
            .follow_orders(&self.exchange.hub, self.tenant, self.call.id)
            .await;
        let stopping = self.exchange.hub.tasks.stop_token();
        let drain =
            Duration::from_secs(self.exchange.hub.config.shutdown.calls_drain_s).saturating_sub(MOVE_MARGIN);
        self.seldom.move_on_after(async move {
            stopping.cancelled().await;
            tokio::time::sleep(drain).await;
        });
        let mut tick = std::pin::pin!(tokio::time::sleep(Duration::ZERO));
        let mut due = self.started;
        loop {
            if let Some(end) = self.act().await {
                return end;
            }
            // Sooner, never later: audio comes fifty times a second and must not push the tick away.
            let next = self.started + self.machine.next_tick(self.now());
            if next < due || tick.is_elapsed() {
                due = next;
                tick.as_mut().reset(due.into());
            }
            tokio::select! {
                biased;
                incoming = receive(self.socket.as_mut()) => if let Some(end) = self.incoming(incoming) {
                    return end;
                },
                event = poll_fn(|cx| self.agent.poll_event(cx)) => self.agent_event(event),
                event = poll_fn(|cx| self.seldom.poll(cx)) => if let Some(end) = self.seldom(event).await {
                    return end;
                },
                () = &mut tick => if let Some(end) = self.tick().await {
                    return end;
                },
            }
        }
    }

    async fn seldom(&mut self, event: Event) -> Option<End> {
        match event {
            Event::Tool(done) => self.machine.tool_done(done, self.started.elapsed()),
            Event::Order(order) => self.obey(&order),
            Event::Arrived(arrived) => self.adopt(*arrived).await,
            Event::Over => return Some(End::AlreadyOver),
            Event::MoveOn => return Some(self.drained()),
        }
        None
    }

    fn agent_event(&mut self, event: AgentEvent) {
        let interrupts = matches!(event, AgentEvent::CallerStarted);
        let now = self.now();
        if let AgentEvent::Failed(reason) = &event {
            tracing::warn!(call.id = %self.call.id, error = reason, "Call {}'s agent failed", self.call.id);
        }
        self.machine.agent(event, now);
        if interrupts {
            self.quality.interrupted_at(Instant::now());
        }
    }

    fn obey(&mut self, order: &Order) {
        match order {
            Order::Listen => self.tap.open(Instant::now()),
            Order::HangUp { .. } => self.machine.staff_hangs_up(),
        }
    }

    /// Two sockets for one call: the one that media comes from stays. A ghost is replaced, a copy is refused.
    async fn adopt(&mut self, arrived: Arrived) {
        if self.socket.is_some() && self.quality.is_flowing(self.now()) {
            metrics::counter!("switchboard_media_refused_total").increment(1);
            arrived.socket.close("the call has a stream").await;
            return;
        }
        tracing::info!(call.id = %self.call.id, "Call {}'s stream came back", self.call.id);
        self.socket = Some(arrived.socket);
        self.gone = None;
        self.scribe.note(Note::Back(self.agent.kind()));
        self.quality = Quality::starting(self.now());
        // What waited at the old socket was lost with it.
        self.machine.stream_replaced(self.now());
    }

    /// Turns that are final go to the scribe, and to a visitor's own browser.
    async fn write_down(&mut self, last: bool, now: Duration) {
        for turn in self.machine.transcript().finished(last, now) {
            let (speaker, text) = (turn.speaker, &turn.text);
            self.show((turn.ordinal, speaker, text, true)).await;
            self.scribe.note(Note::Turn(turn));
        }
    }

    /// A visitor reads along on the socket of their own call; staff have the feed.
    async fn show(&mut self, (ordinal, speaker, text, whole): (i32, Speaker, &str, bool)) {
        if !self.call.visitor || speaker == Speaker::Tool {
            return;
        }
        let words = Words {
            ordinal,
            speaker: speaker.as_str(),
            text,
            whole,
        };
        if let Some(socket) = &mut self.socket
            && !socket.transcribe(&words).await
        {
            self.socket = None;
        }
    }

    async fn tick(&mut self) -> Option<End> {
        let now = self.now();
        self.machine.tick(now);
        self.write_down(false, now).await;
        if self.socket.is_some() && self.quality.silent_for(now) > self.exchange.media_wait() {
            tracing::warn!(call.id = %self.call.id, "Call {} sends no audio", self.call.id);
            self.socket = None;
        }
        if self.socket.is_none() {
            let since = *self.gone.get_or_insert(now);
            if now.saturating_sub(since) >= SOCKET_GRACE {
                return Some(End::Over(Outcome::Lost));
            }
        }
        None
    }

    /// Live calls end by themselves after the soft stop; those that do not go on elsewhere.
    fn drained(&self) -> End {
        match self.call.source {
            Source::Twilio => End::Moved,
            Source::Phone => End::Over(Outcome::Lost),
        }
    }

    async fn leave(self, end: End) {
        let Self {
            exchange,
            tenant,
            call,
            provider_id,
            lease,
            scribe,
            socket,
            seat,
            ..
        } = self;
        // Led back by another node, it may come here again at once, and is not to find us leaving.
        let _seat = (!matches!(end, End::Stopped)).then_some(seat);
        let (how, close) = match end {
            End::Over(outcome) => (Left::Ended(outcome), true),
            End::LetGo(outcome) => (Left::LetGo(outcome), false),
            End::Moved => (Left::LetGo(None), false),
            End::Stopped => (Left::Stopped, false),
            End::AlreadyOver => (Left::Ended(Outcome::CallerHungUp), true),
        };
        // Written before the socket closes: Twilio asks at once what now.
        let is_over = scribe.leave(how).await;
        if let Some(socket) = socket {
            socket.end().await;
        }
        if matches!(end, End::Moved) || (matches!(end, End::Stopped) && !is_over) {
            lease.hand_over();
        } else {
            lease.release().await;
        }
        if close && call.source == Source::Twilio {
            deeds::end_at_twilio(&exchange, tenant, &call, &provider_id).await;
        }
    }
}

async fn receive(socket: Option<&mut Socket>) -> Incoming {
    match socket {
        Some(socket) => socket.receive().await,
        None => std::future::pending().await,
    }
}
