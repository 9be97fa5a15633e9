//! One live socket: the loop that owns it. What it decides is `hub::live::client`'s; what it sends is its seat's.

use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt as _};
use hub::live::client::{Action, Client, Input, Session};
use hub::live::wire::{self, Decoder, Received};
use hub::live::{Bye, Event, Fill, Joined, Line, Must, Position, Seat, Wire};
use hub::principal::Principal;
use hub::{Error, Hub, auth};
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::Sleep;
use tokio_util::sync::WaitForCancellationFutureOwned;

/// A client over its bounds is called slow when nothing moved for this long.
const SLOW_PATIENCE: Duration = Duration::from_secs(1);
/// However little waits: a peer that takes none of it for this long is gone.
const STALL_LIMIT: Duration = Duration::from_secs(20);
/// From the close frame to the end of the connection.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);
/// A ticket's check.
const REDEEM_LIMIT: Duration = Duration::from_secs(5);
/// Room made for each read; small, since browsers say little.
const READ_BYTES: usize = 4_096;

/// Answers that come from elsewhere.
enum Answer {
    Redeemed(Result<Option<Session>, Error>),
    Joined(Result<Joined, Bye>),
}

/// What woke the loop.
enum Happened {
    Ready { readable: bool },
    Called,
    Answered(Answer),
    Page(hub::Result<Arc<[Event]>>),
    Due,
    Stopping,
}

struct Socket {
    hub: Hub,
    /// The tenant that the address named, if it named one.
    host_slug: Option<String>,
    stream: Arc<TcpStream>,
    line: Arc<Line>,
    decoder: Decoder,
    client: Client,
    seat: Option<Seat>,
    asking: Option<BoxFuture<'static, Answer>>,
    paging: Option<BoxFuture<'static, hub::Result<Arc<[Event]>>>>,
    timer: Pin<Box<Sleep>>,
    stop: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    /// Set with the close frame: when to end at the latest.
    closing: Option<Instant>,
    todo: Vec<Action>,
}

/// Runs until either side ends it. No `async fn`, whose future would keep the arguments beside what is made of them.
pub(super) fn run(
    hub: Hub,
    stream: TcpStream,
    early: Bytes,
    host_slug: Option<String>,
) -> impl Future<Output = ()> + Send {
    let now = now();
    let mut decoder = Decoder::default();
    decoder.buffer().extend_from_slice(&early);
    // However few bytes it holds, it is the whole read buffer of the HTTP connection.
    drop(early);
    let stop = hub.tasks.stop_token();
    let stream = Arc::new(stream);
    let mut socket = Socket {
        line: Line::new(Arc::clone(&stream) as Arc<dyn Wire>),
        client: Client::new(hub.config.heartbeat(), hub::live::any_fraction(), now),
        stop: Some(Box::pin(stop.cancelled_owned())),
        hub,
        host_slug,
        stream,
        decoder,
        seat: None,
        asking: None,
        paging: None,
        timer: Box::pin(tokio::time::sleep(Duration::ZERO)),
        closing: None,
        todo: Vec::new(),
    };
    async move {
        if let Err(fault) = socket.live().await {
            tracing::debug!(error = %fault, "A live socket broke");
        }
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

impl Socket {
    async fn live(&mut self) -> io::Result<()> {
        self.hear(now());
        loop {
            self.act();
            let now = now();
            self.fill(now)?;
            if self.closing.is_some() && self.line.is_clear() {
                SockRef::from(&*self.stream).shutdown(Shutdown::Write)?;
                let drained = tokio::time::timeout(CLOSE_LIMIT, drain(&self.stream));
                return drained.await.unwrap_or(Ok(()));
            }
            if self.closing.is_some_and(|closing| closing <= now) {
                return Ok(());
            }
            let happened = self.happens(now).await?;
            self.take_in(happened)?;
        }
    }

    fn take_in(&mut self, happened: Happened) -> io::Result<()> {
        match happened {
            Happened::Ready { readable: true } => self.read()?,
            Happened::Ready { readable: false } => {}
            Happened::Called => self.obey(),
            Happened::Answered(answer) => self.answered(answer),
            Happened::Page(page) => self.page(page),
            Happened::Due => {
                let now = now();
                if let Some(seat) = &self.seat {
                    self.client.step(Input::Gave(seat.seq()), now, &mut self.todo);
                }
                self.client.step(Input::Tick, now, &mut self.todo);
                self.hear(now);
                self.judge(now);
            }
            Happened::Stopping => {
                self.stop = None;
                let retry = self.hub.live.come_back_in();
                self.leave(Bye::Drain, retry);
            }
        }
        Ok(())
    }

    /// Sends what is there and brings the client up to date, as far as the kernel takes it.
    fn fill(&mut self, now: Instant) -> io::Result<()> {
        let idle = self.closing.is_none() && self.paging.is_none();
        let Some(seat) = self.seat.as_ref().filter(|_| idle) else {
            return self.line.flush(now);
        };
        if let Fill::Behind { after, upto } = seat.fill(now)? {
            self.paging = Some(seat.page(after, upto).boxed());
        }
        Ok(())
    }

    async fn happens(&mut self, now: Instant) -> io::Result<Happened> {
        let deadline = self.deadline().unwrap_or(now + STALL_LIMIT);
        if self.timer.deadline().into_std() != deadline {
            self.timer.as_mut().reset(deadline.into());
        }
        let interest = if self.line.is_clear() {
            Interest::READABLE
        } else {
            Interest::READABLE | Interest::WRITABLE
        };
        Ok(tokio::select! {
            ready = self.stream.ready(interest) => Happened::Ready { readable: ready?.is_readable() },
            () = self.line.called() => Happened::Called,
            answer = or_never(&mut self.asking) => { self.asking = None; Happened::Answered(answer) }
            page = or_never(&mut self.paging) => { self.paging = None; Happened::Page(page) }
            () = self.timer.as_mut() => Happened::Due,
            () = or_never(&mut self.stop) => Happened::Stopping,
        })
    }

    fn deadline(&self) -> Option<Instant> {
        if let Some(closing) = self.closing {
            return Some(closing);
        }
        let stalled = self.line.stalled_since().map(|since| {
            let at = now();
            if at < since + SLOW_PATIENCE {
                since + SLOW_PATIENCE
            } else {
                // Over the patience only the queue's growth matters, which wakes us, and the last limit.
                since + STALL_LIMIT
            }
        });
        let due = [self.client.deadline(), self.decoder.deadline(), stalled];
        due.into_iter().flatten().min()
    }

    /// Calls a client slow that is: too much waits for it, or nothing moves at all.
    fn judge(&mut self, now: Instant) {
        let Some(since) = self.line.stalled_since() else {
            return;
        };
        let stalled = now.saturating_duration_since(since);
        let over = stalled >= SLOW_PATIENCE && self.seat.as_ref().is_some_and(Seat::is_slow);
        if over || stalled >= STALL_LIMIT {
            self.line.give_up();
            let retry = self.hub.live.come_back_in();
            self.leave(Bye::Slow, retry);
        }
    }

    fn obey(&mut self) {
        match self.line.must() {
            Some(Must::Renew) => self.leave(Bye::Expired, Duration::ZERO),
            Some(Must::Leave) => self.leave(Bye::Revoked, Duration::ZERO),
            None => self.judge(now()),
        }
    }

    fn leave(&mut self, why: Bye, retry: Duration) {
        self.client
            .step(Input::Leave { why, retry }, now(), &mut self.todo);
    }

    fn read(&mut self) -> io::Result<()> {
        let buffer = self.decoder.buffer();
        buffer.reserve(READ_BYTES);
        match self.stream.try_read_buf(buffer) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => {
                if self.closing.is_some() {
                    self.decoder.buffer().clear();
                } else {
                    self.hear(now());
                }
                Ok(())
            }
            Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => {
                // Nothing came: the room is given back.
                self.hear(now());
                Ok(())
            }
            Err(fault) => Err(fault),
        }
    }

    /// Takes in what the browser has said so far.
    fn hear(&mut self, now: Instant) {
        while self.closing.is_none() {
            let heard = match self.decoder.next(now) {
                Ok(Some(heard)) => heard,
                Ok(None) => return,
                Err(fault) => return self.close(fault.code, fault.reason),
            };
            match heard {
                Received::Text(text) => self.client.step(Input::Text(&text), now, &mut self.todo),
                Received::Ping(payload) => {
                    self.line.push(wire::pong(&payload));
                    self.client.step(Input::Control, now, &mut self.todo);
                }
                Received::Pong => self.client.step(Input::Control, now, &mut self.todo),
                Received::Close(code) => self.close(code.unwrap_or(1000), ""),
            }
            self.act();
        }
    }

    /// Does what the client's state machine says.
    fn act(&mut self) {
        for action in std::mem::take(&mut self.todo) {
            self.carry_out(action);
        }
    }

    fn carry_out(&mut self, action: Action) {
        match (action, &mut self.seat) {
            (Action::Redeem(ticket), _) => self.asking = Some(self.redeem(ticket)),
            (Action::Join { principal, position }, _) => {
                let line = Arc::clone(&self.line);
                self.asking = Some(join(self.hub.clone(), principal, position, line).boxed());
            }
            (Action::Send(frame), _) => self.line.push(frame),
            (Action::Close { code, reason }, _) => self.close(code, reason),
            (Action::Renew(principal), Some(seat)) => seat.renew(&principal),
            (Action::View(conversation), Some(seat)) => seat.view(conversation),
            (Action::Type { conversation, draft }, Some(seat)) => seat.typing(conversation, &draft),
            (Action::Renew(_) | Action::View(_) | Action::Type { .. }, None) => {}
        }
    }

    fn redeem(&self, ticket: String) -> BoxFuture<'static, Answer> {
        let (hub, host_slug) = (self.hub.clone(), self.host_slug.clone());
        let redeem = async move {
            let redeemed = auth::ticket::redeem(&hub, &ticket, auth::ticket::Purpose::Live);
            let redeemed = match tokio::time::timeout(REDEEM_LIMIT, redeemed).await {
                Ok(redeemed) => redeemed,
                Err(late) => Err(Error::Unavailable("the sign-in check", late.into())),
            };
            Answer::Redeemed(match redeemed {
                Ok(redeemed) => {
                    let here = redeemed.principal.tenant_slug();
                    let lasts = redeemed.until.since(hub.clock.now());
                    // A ticket of one tenant at another's address is as good as none.
                    Ok(host_slug.is_none_or(|slug| slug == here).then_some(Session {
                        principal: redeemed.principal,
                        lasts,
                    }))
                }
                Err(Error::Unauthorized { .. }) => Ok(None),
                Err(fault) => Err(fault),
            })
        };
        redeem.boxed()
    }

    fn answered(&mut self, answer: Answer) {
        match answer {
            Answer::Redeemed(Ok(session)) => {
                self.client.step(Input::Redeemed(session), now(), &mut self.todo);
            }
            Answer::Redeemed(Err(fault)) => {
                tracing::warn!(error = %fault, "Could not check a ticket");
                self.leave(Bye::Unavailable, self.hub.live.come_back_in());
            }
            Answer::Joined(Err(why)) => self.leave(why, self.hub.live.come_back_in()),
            Answer::Joined(Ok(joined)) => {
                let Joined {
                    seat,
                    position,
                    recovered,
                } = joined;
                let welcome = Input::Joined { position, recovered };
                self.client.step(welcome, now(), &mut self.todo);
                self.act();
                for frame in seat.news() {
                    self.line.push(frame);
                }
                self.seat = Some(seat);
            }
        }
    }

    fn page(&mut self, page: hub::Result<Arc<[Event]>>) {
        match (page, &mut self.seat) {
            (Ok(rows), Some(seat)) => seat.catch_up(&rows),
            (Err(fault), _) => {
                tracing::warn!(error = %fault, "Could not read events for a client that is behind");
                self.leave(Bye::Unavailable, self.hub.live.come_back_in());
            }
            (Ok(_), None) => {}
        }
    }

    fn close(&mut self, code: u16, reason: &'static str) {
        if self.closing.is_none() {
            metrics::counter!("switchboard_live_closes_total", "reason" => reason).increment(1);
            self.line.push(wire::close(code, reason));
            self.closing = Some(now() + CLOSE_LIMIT);
            // Others see it go now, not when the last byte is out.
            self.seat = None;
            self.asking = None;
            self.paging = None;
        }
    }
}

async fn join(hub: Hub, principal: Principal, position: Option<Position>, line: Arc<Line>) -> Answer {
    Answer::Joined(hub.live.join(&hub, &principal, position.as_ref(), &line).await)
}

/// Waits for the peer's side of the end, so that nothing sent is lost to a reset.
async fn drain(stream: &TcpStream) -> io::Result<()> {
    loop {
        stream.readable().await?;
        let mut rest = [0_u8; 512];
        let read = stream.try_read(&mut rest);
        let waits = matches!(&read, Err(fault) if fault.kind() == io::ErrorKind::WouldBlock);
        if !waits && read? == 0 {
            return Ok(());
        }
    }
}

async fn or_never<F: Future + Unpin>(future: &mut Option<F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}
