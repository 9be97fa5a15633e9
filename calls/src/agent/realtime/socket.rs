//! A session's socket: opening, then two queues out (orders first, then the caller's audio) and messages in. Never waits:
//! everything is polled by the call's one task.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use connectors::openai::realtime::{Endpoint, Socket, connect, order};
use futures_util::{Sink as _, SinkExt as _, Stream as _};
use hub::tasks::Tasks;
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// Caller audio that waits for the session: 20 s of it. The oldest goes first: a model that is that late is replaced.
const AUDIO_WAITING_MAX: usize = 1_000;
/// Of what the caller said before a session took over, it hears the last half second: its ear needs less to notice speech.
const LATELY: usize = 25;
/// A session that says nothing is asked for a sign of life this often, and given up when this many were not answered. A
/// service that never answered one is not asked to.
const PING_EVERY: Duration = Duration::from_millis(600);
const PINGS_UNANSWERED_MAX: u32 = 3;
/// Orders that wait; a call makes a handful a minute. More, and the session counts as dead.
const ORDERS_WAITING_MAX: usize = 512;
/// Audio messages are cut from blocks of this size, so that a frame costs no allocation of its own.
const BLOCK_BYTES: usize = 16 * 1024;

enum State {
    Opening(oneshot::Receiver<anyhow::Result<Socket>>),
    Open(Box<Socket>),
    Dead(String),
}

/// A session's socket.
pub(super) struct Link {
    state: State,
    orders: VecDeque<Utf8Bytes>,
    audio: VecDeque<Utf8Bytes>,
    block: BytesMut,
    /// Something was handed to the socket and may not be on its way yet.
    unflushed: bool,
    signs: Signs,
}

/// Signs of life of a session: whether its end of the socket is still there, though it says nothing.
struct Signs {
    ask: Pin<Box<Sleep>>,
    unanswered: u32,
    answers: bool,
    ping: bool,
}

impl Link {
    /// Opens in a task of its own, so that it goes on before a call polls it; `opening` is said first.
    pub(super) fn open(tasks: &Tasks, endpoint: Endpoint, limit: Duration, opening: Vec<String>) -> Self {
        let (opened, state) = oneshot::channel();
        tasks.spawn("calls.model", async move {
            // Nobody waits any more when the call ended meanwhile; the socket closes with this.
            opened.send(begin(&endpoint, limit, opening).await).ok();
        });
        Self {
            state: State::Opening(state),
            orders: VecDeque::new(),
            audio: VecDeque::new(),
            block: BytesMut::new(),
            unflushed: false,
            signs: Signs::new(),
        }
    }

    /// Says this before any audio that waits.
    pub(super) fn tell(&mut self, text: String) {
        if self.orders.len() >= ORDERS_WAITING_MAX {
            self.state = State::Dead("the session takes no orders".to_owned());
        }
        self.orders.push_back(text.into());
    }

    /// Passes on the caller's audio: the base64 Twilio sent, between a constant head and tail.
    pub(super) fn hear(&mut self, payload: &str) {
        let (head, tail) = order::APPEND;
        let length = head.len() + payload.len() + tail.len();
        if self.block.capacity() < length {
            self.block.reserve(BLOCK_BYTES.max(length));
        }
        for part in [head, payload, tail] {
            self.block.extend_from_slice(part.as_bytes());
        }
        if self.audio.len() == AUDIO_WAITING_MAX {
            self.audio.pop_front();
            metrics::counter!("switchboard_frames_dropped_total", "side" => "model").increment(1);
        }
        // All three parts are text.
        if let Ok(text) = Utf8Bytes::try_from(self.block.split().freeze()) {
            self.audio.push_back(text);
        }
    }

    /// The same before the session is in use: only the last moment is kept.
    pub(super) fn hear_lately(&mut self, payload: &str) {
        while self.audio.len() >= LATELY {
            self.audio.pop_front();
        }
        self.hear(payload);
    }

    /// Resolves once open (`true`) or dead.
    pub(super) fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        if let State::Opening(opening) = &mut self.state {
            match Pin::new(opening).poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(Ok(socket))) => self.state = State::Open(Box::new(socket)),
                Poll::Ready(Ok(Err(fault))) => self.die(format!("{fault:#}")),
                Poll::Ready(Err(_stopped)) => self.die("the process stops".to_owned()),
            }
        }
        Poll::Ready(matches!(self.state, State::Open(_)))
    }

    fn die(&mut self, reason: String) {
        metrics::counter!("switchboard_model_errors_total", "kind" => "socket").increment(1);
        self.state = State::Dead(reason);
    }

    /// Sends what waits, as far as the socket takes it, then reads the next message.
    pub(super) fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, String>> {
        if self.poll_open(cx).is_pending() {
            return Poll::Pending;
        }
        if self.signs.poll_missing(cx) {
            self.die("the session shows no sign of life".to_owned());
        }
        if let Err(reason) = self.poll_send(cx) {
            self.die(reason);
        }
        loop {
            let socket = match &mut self.state {
                State::Open(socket) => socket,
                State::Dead(reason) => return Poll::Ready(Err(std::mem::take(reason))),
                State::Opening(_) => return Poll::Pending,
            };
            let next = Pin::new(&mut **socket).poll_next(cx);
            if let Poll::Ready(Some(Ok(message))) = &next {
                self.signs.seen(message);
            }
            match next {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(Message::Text(text)))) => return Poll::Ready(Ok(text.into())),
                Poll::Ready(Some(Ok(Message::Close(frame)))) => {
                    let reason = frame
                        .map(|frame| format!("{} {}", frame.code, frame.reason))
                        .unwrap_or_default();
                    self.die(format!("the session was closed: {reason}"));
                }
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(fault))) => self.die(format!("the session broke: {fault}")),
                Poll::Ready(None) => self.die("the session ended".to_owned()),
            }
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Result<(), String> {
        let State::Open(socket) = &mut self.state else {
            return Ok(());
        };
        let mut socket = Pin::new(&mut **socket);
        while self.signs.ping || !(self.orders.is_empty() && self.audio.is_empty()) {
            match socket.as_mut().poll_ready(cx) {
                Poll::Pending => break,
                Poll::Ready(ready) => ready.map_err(|fault| format!("the session broke: {fault}"))?,
            }
            let next = if std::mem::take(&mut self.signs.ping) {
                Some(Message::Ping(Bytes::new()))
            } else {
                let text = self.orders.pop_front().or_else(|| self.audio.pop_front());
                text.map(Message::Text)
            };
            if let Some(message) = next {
                let sent = socket.as_mut().start_send(message);
                sent.map_err(|fault| format!("the session broke: {fault}"))?;
                self.unflushed = true;
            }
        }
        if self.unflushed
            && let Poll::Ready(flushed) = socket.as_mut().poll_flush(cx)
        {
            flushed.map_err(|fault| format!("the session broke: {fault}"))?;
            self.unflushed = false;
        }
        Ok(())
    }
}

impl Signs {
    fn new() -> Self {
        Self {
            ask: Box::pin(tokio::time::sleep(PING_EVERY)),
            unanswered: 0,
            answers: false,
            ping: false,
        }
    }

    /// Anything that comes is a sign.
    fn seen(&mut self, message: &Message) {
        self.unanswered = 0;
        self.answers |= matches!(message, Message::Pong(_));
    }

    /// Whether they are missing; asks for the next when it is time.
    fn poll_missing(&mut self, cx: &mut Context<'_>) -> bool {
        while self.ask.as_mut().poll(cx).is_ready() {
            self.ask.as_mut().reset(Instant::now() + PING_EVERY);
            if self.answers && self.unanswered >= PINGS_UNANSWERED_MAX {
                return true;
            }
            (self.unanswered, self.ping) = (self.unanswered + 1, true);
        }
        false
    }
}

async fn begin(endpoint: &Endpoint, limit: Duration, opening: Vec<String>) -> anyhow::Result<Socket> {
    let mut socket = connect(endpoint, limit).await?;
    for order in opening {
        tokio::time::timeout(limit, socket.feed(Message::text(order))).await??;
    }
    tokio::time::timeout(limit, socket.flush()).await??;
    Ok(socket)
}
