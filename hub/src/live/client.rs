//! One browser's connection as a state machine: what it said, what we learnt and what time it is give what to do. No I/O:
//! the socket's loop carries out the actions and brings back their results.

use std::time::{Duration, Instant};

use super::frame::{self, Bye, ClientFrame, Position};
use crate::ids::{ConversationId, TenantId};
use crate::principal::Principal;
use crate::role::Role;

/// From the upgrade to the hello.
const HELLO_LIMIT: Duration = Duration::from_secs(5);
/// From a ping to its pong.
const PONG_LIMIT: Duration = Duration::from_secs(10);
/// How long after its ticket's time a client may still refresh.
const REFRESH_GRACE: Duration = Duration::from_secs(25);
/// Frames a browser may send at once, and per second in the long run.
const FRAMES_BURST: f64 = 60.0;
const FRAMES_PER_S: f64 = 20.0;

/// Who a ticket proved, and until when.
#[derive(Clone, Debug)]
pub struct Session {
    /// Who.
    pub principal: Principal,
    /// How long this holds without another ticket.
    pub lasts: Duration,
}

/// What happens to a connection.
#[derive(Debug)]
pub enum Input<'a> {
    /// The browser sent a text.
    Text(&'a str),
    /// The browser sent a control frame.
    Control,
    /// The ticket of [`Action::Redeem`] was good, or none of ours.
    Redeemed(Option<Session>),
    /// The client is seated; its welcome names this position.
    Joined { position: Position, recovered: bool },
    /// This number was the last one given to the socket.
    Gave(i64),
    /// It must go, and may be back after so long.
    Leave { why: Bye, retry: Duration },
    /// Time passed.
    Tick,
}

/// What the socket's loop is to do.
#[derive(Debug)]
pub enum Action {
    /// Redeem this ticket; the result comes as [`Input::Redeemed`].
    Redeem(String),
    /// Seat a client; the result comes as [`Input::Joined`] or [`Input::Leave`].
    Join {
        /// Who.
        principal: Principal,
        /// Where it was.
        position: Option<Position>,
    },
    /// The same person with a new ticket.
    Renew(Principal),
    /// Send this frame.
    Send(bytes::Bytes),
    /// Tell the others what this person looks at.
    View(Option<ConversationId>),
    /// Tell the others what this person types.
    Type {
        /// Where.
        conversation: ConversationId,
        /// So far.
        draft: String,
    },
    /// Send what is unsent, then a close frame with this code, then end.
    Close {
        /// RFC 6455 close code.
        code: u16,
        /// In words.
        reason: &'static str,
    },
}

#[derive(Debug)]
enum Phase {
    Greeting { until: Instant },
    Redeeming { position: Option<Position> },
    Joining { session: Session },
    Live(Live),
    Closed,
}

#[derive(Debug)]
struct Live {
    principal: Principal,
    valid_until: Instant,
    renewing: bool,
    next_ping: Instant,
    pong_until: Option<Instant>,
    viewing: Option<ConversationId>,
    /// The last number given to the socket.
    gave: i64,
}

/// One browser's connection.
#[derive(Debug)]
pub struct Client {
    phase: Phase,
    heartbeat: Duration,
    /// Where in the second half of the interval the first ping falls, 0 to 1: a herd must not ping in step.
    phase_shift: f64,
    /// Tokens left of the frame limit, and when they were counted.
    allowance: f64,
    counted_at: Instant,
}

impl Client {
    /// A connection that was just upgraded.
    pub fn new(heartbeat: Duration, phase_shift: f64, now: Instant) -> Self {
        Self {
            phase: Phase::Greeting {
                until: now + HELLO_LIMIT,
            },
            heartbeat,
            phase_shift,
            allowance: FRAMES_BURST,
            counted_at: now,
        }
    }

    /// When [`Input::Tick`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Greeting { until } => Some(*until),
            Phase::Live(live) => {
                let expiry = live.valid_until + REFRESH_GRACE;
                Some(live.pong_until.unwrap_or(live.next_ping).min(expiry))
            }
            Phase::Redeeming { .. } | Phase::Joining { .. } | Phase::Closed => None,
        }
    }

    /// Whether the browser has been welcomed and not been seen off.
    pub fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live(_))
    }

    /// Takes what happened; adds what to do to `todo`.
    pub fn step(&mut self, input: Input<'_>, now: Instant, todo: &mut Vec<Action>) {
        match input {
            Input::Text(text) => {
                if self.allow(now, todo) {
                    self.hear(text, now, todo);
                }
            }
            Input::Control => {
                self.allow(now, todo);
            }
            Input::Redeemed(session) => self.redeemed(session, now, todo),
            Input::Joined { position, recovered } => self.joined(&position, recovered, now, todo),
            Input::Gave(seq) => {
                if let Phase::Live(live) = &mut self.phase {
                    live.gave = seq;
                }
            }
            Input::Leave { why, retry } => self.leave(why, retry, todo),
            Input::Tick => self.tick(now, todo),
        }
    }

    /// Takes one frame from the allowance; a browser that exceeds it is not one of ours.
    fn allow(&mut self, now: Instant, todo: &mut Vec<Action>) -> bool {
        let gained = now.saturating_duration_since(self.counted_at).as_secs_f64() * FRAMES_PER_S;
        self.allowance = (self.allowance + gained).min(FRAMES_BURST) - 1.0;
        self.counted_at = now;
        if self.allowance < 0.0 {
            self.close(1008, "too many frames", todo);
        }
        !matches!(self.phase, Phase::Closed)
    }

    fn hear(&mut self, text: &str, now: Instant, todo: &mut Vec<Action>) {
        let Some(said) = frame::parse(text) else {
            self.close(1008, "not a frame of switchboard.v1", todo);
            return;
        };
        match (&mut self.phase, said) {
            (Phase::Greeting { .. }, ClientFrame::Hello { ticket, position }) => {
                self.phase = Phase::Redeeming { position };
                todo.push(Action::Redeem(ticket));
            }
            (Phase::Live(live), said) => {
                if !live.hear(said, now, self.heartbeat, todo) {
                    self.close(1008, "a second hello", todo);
                }
            }
            (Phase::Greeting { .. }, _) => self.close(1008, "hello comes first", todo),
            (Phase::Redeeming { .. } | Phase::Joining { .. }, ClientFrame::Hello { .. }) => {
                self.close(1008, "a second hello", todo);
            }
            // What is said before the welcome is about a screen that is not there yet.
            (Phase::Redeeming { .. } | Phase::Joining { .. } | Phase::Closed, _) => {}
        }
    }

    fn redeemed(&mut self, session: Option<Session>, now: Instant, todo: &mut Vec<Action>) {
        match (&mut self.phase, session) {
            (Phase::Redeeming { position }, Some(session)) => {
                let position = position.take();
                let principal = session.principal.clone();
                self.phase = Phase::Joining { session };
                todo.push(Action::Join { principal, position });
            }
            (Phase::Redeeming { .. }, None) => self.close(Bye::Expired.code(), "ticket", todo),
            (Phase::Live(live), session) => {
                live.renewing = false;
                match session {
                    Some(session) if live.is_same(&session.principal) => {
                        live.valid_until = now + session.lasts;
                        live.principal = session.principal.clone();
                        todo.push(Action::Renew(session.principal));
                    }
                    // A ticket of somebody else is no ticket for this socket.
                    _ => self.leave(Bye::Expired, Duration::ZERO, todo),
                }
            }
            (Phase::Greeting { .. } | Phase::Joining { .. } | Phase::Closed, _) => {}
        }
    }

    fn joined(&mut self, position: &Position, recovered: bool, now: Instant, todo: &mut Vec<Action>) {
        if !matches!(self.phase, Phase::Joining { .. }) {
            return;
        }
        let Phase::Joining { session } = std::mem::replace(&mut self.phase, Phase::Closed) else {
            return;
        };
        let (heartbeat_s, lasts_s) = (self.heartbeat.as_secs(), session.lasts.as_secs());
        todo.push(Action::Send(frame::welcome(
            position,
            recovered,
            heartbeat_s,
            lasts_s,
        )));
        self.phase = Phase::Live(Live {
            principal: session.principal,
            valid_until: now + session.lasts,
            renewing: false,
            next_ping: now + self.heartbeat.mul_f64(0.5 + self.phase_shift / 2.0),
            pong_until: None,
            viewing: None,
            gave: position.seq,
        });
    }

    fn tick(&mut self, now: Instant, todo: &mut Vec<Action>) {
        match &mut self.phase {
            Phase::Greeting { until } if *until <= now => self.close(4400, "no hello", todo),
            Phase::Live(live) => {
                if live.valid_until + REFRESH_GRACE <= now {
                    self.leave(Bye::Expired, Duration::ZERO, todo);
                } else if live.pong_until.is_some_and(|until| until <= now) {
                    self.close(4402, "no pong", todo);
                } else if live.pong_until.is_none() && live.next_ping <= now {
                    live.pong_until = Some(now + PONG_LIMIT);
                    live.next_ping = now + self.heartbeat;
                    todo.push(Action::Send(frame::ping(live.gave)));
                }
            }
            _ => {}
        }
    }

    fn leave(&mut self, why: Bye, retry: Duration, todo: &mut Vec<Action>) {
        if matches!(self.phase, Phase::Closed) {
            return;
        }
        let retry_ms = u64::try_from(retry.as_millis()).unwrap_or(u64::MAX);
        todo.push(Action::Send(frame::bye(why, retry_ms)));
        self.close(why.code(), why.as_str(), todo);
    }

    fn close(&mut self, code: u16, reason: &'static str, todo: &mut Vec<Action>) {
        if !matches!(self.phase, Phase::Closed) {
            self.phase = Phase::Closed;
            todo.push(Action::Close { code, reason });
        }
    }
}

impl Live {
    /// False when the browser says what it may not.
    fn hear(&mut self, said: ClientFrame, now: Instant, heartbeat: Duration, todo: &mut Vec<Action>) -> bool {
        match said {
            ClientFrame::Hello { .. } => return false,
            ClientFrame::Pong => {
                if self.pong_until.take().is_some() {
                    self.next_ping = self.next_ping.max(now + heartbeat / 2);
                }
            }
            ClientFrame::Viewing { conversation_id } => {
                if self.viewing != conversation_id {
                    self.viewing = conversation_id;
                    todo.push(Action::View(conversation_id));
                }
            }
            // Who may not answer does not type.
            ClientFrame::Typing { .. } if self.principal.role() < Role::Staff => {}
            ClientFrame::Typing {
                conversation_id,
                draft,
            } => todo.push(Action::Type {
                conversation: conversation_id,
                draft: frame::shorten(&draft),
            }),
            // One at a time: a second one while the first is looked at is dropped.
            ClientFrame::Refresh { ticket } => {
                if !std::mem::replace(&mut self.renewing, true) {
                    todo.push(Action::Redeem(ticket));
                }
            }
            ClientFrame::Unknown => {}
        }
        true
    }

    fn is_same(&self, other: &Principal) -> bool {
        let tenant: TenantId = self.principal.tenant();
        tenant == other.tenant() && self.principal.actor_id() == other.actor_id()
    }
}

#[cfg(test)]
mod tests;
