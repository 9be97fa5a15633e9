//! How a call ends: politely, after its last word was heard; and what time alone brings about.

use std::time::Duration;

use hub::agent_settings::AgentKind;
use hub::call::Outcome;

use super::{Action, Machine, Wish};
use crate::agent::AgentOrder;

/// After the last word should have been played, its echo may take this long.
const ECHO_LIMIT: Duration = Duration::from_secs(2);
/// A goodbye must begin this soon.
const GOODBYE_LIMIT: Duration = Duration::from_secs(4);
/// However much is still to be said, an ending takes no longer.
const ENDING_LIMIT: Duration = Duration::from_secs(30);
/// How often time is looked at when nothing else happens.
const TICK: Duration = Duration::from_millis(500);

/// The call is ending.
#[derive(Debug)]
pub(super) struct Ending {
    what: What,
    /// Still waiting for a goodbye to begin until then.
    goodbye_by: Option<Duration>,
    /// The reply that is being made may be made until then.
    reply_by: Duration,
    /// It is over then, whatever plays.
    over_by: Duration,
}

#[derive(Debug)]
enum What {
    Close(Outcome),
    Transfer(String),
}

impl Machine {
    /// Ends the conversation as a tool wants it, once everything said was heard.
    pub(super) fn end_by(&mut self, wish: Wish, now: Duration) {
        let what = match wish {
            Wish::HangUp => What::Close(Outcome::AgentHungUp),
            Wish::Transfer(number) => What::Transfer(number),
        };
        self.begin_ending(what, false, now);
    }

    /// The transfer did not come about: the caller is still here.
    pub(crate) fn transfer_failed(&mut self, now: Duration) {
        self.ending = None;
        self.clocks.owe(now);
        let words = "The transfer did not work. Say so, and offer to take a message.";
        self.out.push(Action::Agent(AgentOrder::Tell(words.to_owned())));
    }

    /// A person at the dashboard ends the call; nothing is waited for.
    pub(crate) fn staff_hangs_up(&mut self) {
        self.out.push(Action::Clear);
        self.finish(Outcome::StaffHungUp);
    }

    fn begin_ending(&mut self, what: What, goodbye: bool, now: Duration) {
        if self.ending.is_some() {
            return;
        }
        self.clocks.paid();
        self.ending = Some(Ending {
            what,
            goodbye_by: goodbye.then_some(now + GOODBYE_LIMIT),
            reply_by: now + ECHO_LIMIT,
            over_by: now + ENDING_LIMIT,
        });
    }

    fn say_goodbye(&mut self, reason: &'static str, outcome: Outcome, now: Duration) {
        self.out.push(Action::Agent(AgentOrder::Farewell(reason)));
        self.begin_ending(What::Close(outcome), true, now);
    }

    /// Time passed. Called at least twice a second.
    pub(crate) fn tick(&mut self, now: Duration) {
        if self.guard.ends(now) {
            self.out.push(Action::Agent(AgentOrder::Interruptible));
        }
        if self.ending.is_some() {
            self.tick_ending(now);
            return;
        }
        if now >= self.limits.max_duration && !self.clocks.overdue {
            self.clocks.overdue = true;
            self.interrupt(now);
            self.say_goodbye(
                "the call has reached its longest duration",
                Outcome::MaxDuration,
                now,
            );
            return;
        }
        let stalled =
            self.clocks.stalls_at(self.replying).is_some_and(|at| now >= at) && self.tools_running == 0;
        if stalled && self.kind == AgentKind::Realtime {
            self.fail_over("the model is silent".to_owned(), now);
            return;
        }
        let waits = self.kind == AgentKind::Realtime && self.tools_running == 0 && !self.ledger.is_playing();
        if waits && self.clocks.wants_filler(now) {
            self.out.push(Action::Fill);
        }
        self.tick_silence(now);
    }

    fn tick_silence(&mut self, now: Duration) {
        let busy =
            self.caller_speaking || self.ledger.is_playing() || self.replying || self.tools_running > 0;
        if busy || self.clocks.owes() {
            return;
        }
        let silent = now.saturating_sub(self.clocks.silent_since());
        if silent < self.limits.silence {
            return;
        }
        self.clocks.heard(now);
        if self.clocks.nudged {
            self.say_goodbye("the caller has said nothing for a while", Outcome::Silence, now);
        } else {
            self.clocks.nudged = true;
            self.clocks.owe(now);
            self.out.push(Action::Agent(AgentOrder::Nudge));
        }
    }

    fn tick_ending(&mut self, now: Duration) {
        let playing = self.ledger.is_playing();
        let Some(ending) = &mut self.ending else { return };
        if ending.goodbye_by.is_some_and(|by| playing || now >= by) {
            ending.goodbye_by = None;
            ending.reply_by = now + GOODBYE_LIMIT;
        }
        let waits_for_goodbye = ending.goodbye_by.is_some();
        let waits_for_reply = self.replying && !self.muted && now < ending.reply_by;
        let waits_for_echo = playing && now < self.ledger.ends_at() + ECHO_LIMIT;
        if now < ending.over_by && (waits_for_goodbye || waits_for_reply || waits_for_echo) {
            return;
        }
        if let Some(ending) = self.ending.take() {
            match ending.what {
                What::Close(outcome) => self.finish(outcome),
                What::Transfer(number) => self.out.push(Action::Transfer { number }),
            }
        }
    }

    /// When [`Self::tick`] is due.
    pub(crate) fn next_tick(&self, now: Duration) -> Duration {
        let mut next = now + TICK;
        if self.ending.is_some() {
            next = now + TICK / 10;
        }
        [self.clocks.stalls_at(self.replying), self.guard.ends_at()]
            .into_iter()
            .flatten()
            .fold(next, |next, at| next.min(at.max(now)))
    }

    /// Whether nobody speaks: a moment to renew the agent's session.
    pub(crate) fn is_idle(&self) -> bool {
        let busy =
            self.caller_speaking || self.ledger.is_playing() || self.replying || self.tools_running > 0;
        !busy && !self.clocks.owes() && self.ending.is_none()
    }
}
