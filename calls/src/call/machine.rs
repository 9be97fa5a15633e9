//! The state machine of a call: it is told what happened and when, and says what to do. No socket, no clock, no database.
//! Times are since the media stream opened.

mod clocks;
mod ending;
mod guard;

use std::time::Duration;

use bytes::Bytes;
use hub::agent_settings::AgentKind;
use hub::call::Outcome;
use serde_json::json;

use super::ledger::{BYTES_PER_MS, Ledger, audio_bytes};
use super::transcript::{Partial, Transcript};
use crate::agent::{AgentEvent, AgentOrder, Item, Said};
use clocks::Clocks;
use ending::Ending;
use guard::Guard;

/// What the model may ask for in one turn of the caller's, and in a call.
const TOOLS_PER_TURN_MAX: u32 = 8;
const TOOLS_PER_CALL_MAX: u32 = 40;
/// A reply torn by a dying model may be heard to its end this long after the model's last word: somebody must have taken
/// over within three seconds.
const FINISH_LIMIT: Duration = Duration::from_millis(2_400);

/// The name of sounds that are nobody's reply.
const FILLER: &str = "filler";

/// What the tenant allows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// A call ends politely after this.
    pub(crate) max_duration: Duration,
    /// A caller who says nothing for this long is asked, then let go.
    pub(crate) silence: Duration,
}

/// What to do.
#[derive(Debug)]
pub(crate) enum Action {
    /// Send this audio and its mark.
    Play { payload: Bytes, mark: u64 },
    /// The caller waits: ask for a moment, by [`Machine::fill`].
    Fill,
    /// Drop what waits at the caller's side, at once.
    Clear,
    /// Tell the agent.
    Agent(AgentOrder),
    /// Show words that are not final.
    Partial(Partial),
    /// Do what the agent wants; its answer comes by [`Machine::tool_done`].
    Tool {
        call: String,
        name: String,
        arguments: String,
    },
    /// Keep a message the caller left.
    Voicemail { audio: Vec<u8> },
    /// The agent failed: the receptionist takes over.
    FailOver { reason: String },
    /// All was heard; connect the caller to this number.
    Transfer { number: String },
    /// All was heard; end the call.
    Close(Outcome),
}

/// Why the conversation ends, as a tool or person wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Hang up.
    HangUp,
    /// Connect to this number.
    Transfer(String),
}

/// One call's state.
#[derive(Debug)]
pub(crate) struct Machine {
    limits: Limits,
    ledger: Ledger,
    transcript: Transcript,
    clocks: Clocks,
    guard: Guard,
    kind: AgentKind,
    /// The model makes a reply right now.
    replying: bool,
    /// The reply that is being made was cut: what comes of it is dropped.
    muted: bool,
    /// Replies whose audio so far was heard, while more of it may come. At most those of one reply.
    heard_so_far: Vec<Item>,
    caller_speaking: bool,
    tools_running: u32,
    tools_this_turn: u32,
    tools_in_all: u32,
    failures: u32,
    ending: Option<Ending>,
    out: Vec<Action>,
}

impl Machine {
    /// A call whose stream just opened. `first` is the number of its first turn; `said` what was said elsewhere before.
    pub(crate) fn new(limits: Limits, kind: AgentKind, first: i32, said: Vec<Said>) -> Self {
        Self {
            limits,
            ledger: Ledger::default(),
            transcript: Transcript::new(first, said),
            clocks: Clocks::start(),
            guard: match kind {
                AgentKind::Realtime => Guard::Waiting,
                // It listens to keys alone.
                AgentKind::Receptionist => Guard::Over,
            },
            kind,
            replying: false,
            muted: false,
            heard_so_far: Vec::new(),
            caller_speaking: false,
            tools_running: 0,
            tools_this_turn: 0,
            tools_in_all: 0,
            failures: 0,
            ending: None,
            out: vec![Action::Agent(AgentOrder::Greet)],
        }
    }

    /// What to do since it was last asked, in order.
    pub(crate) fn actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.out)
    }

    /// The turns of the call.
    pub(crate) fn transcript(&mut self) -> &mut Transcript {
        &mut self.transcript
    }

    /// What the caller hears and heard.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The agent said or noticed something.
    pub(crate) fn agent(&mut self, event: AgentEvent, now: Duration) {
        self.clocks.alive(now);
        match event {
            AgentEvent::Ready | AgentEvent::Alive => {}
            AgentEvent::ReplyStarted => {
                self.replying = true;
                self.muted = false;
            }
            AgentEvent::Audio { item, payload } => self.audio(&item, payload, now),
            AgentEvent::Words { item, text, whole } => {
                let partial = self.transcript.agent_words(&item, &text, whole, now);
                self.out.extend(partial.map(Action::Partial));
            }
            AgentEvent::ReplyDone { failed } => self.reply_done(failed, now),
            AgentEvent::CallerStarted => self.caller_started(now),
            AgentEvent::CallerStopped => {
                self.caller_speaking = false;
                self.tools_this_turn = 0;
                self.transcript.caller_stopped(now);
                self.clocks.heard(now);
                self.clocks.owe(now);
            }
            AgentEvent::CallerNamed { item } => self.transcript.caller_named(item),
            AgentEvent::CallerWords { item, text, whole } => {
                let partial = self.transcript.caller_words(&item, &text, whole, now);
                self.out.extend(partial.map(Action::Partial));
            }
            AgentEvent::Tool {
                call,
                name,
                arguments,
            } => self.tool(call, name, arguments, now),
            AgentEvent::Voicemail { audio } => self.out.push(Action::Voicemail { audio }),
            AgentEvent::Failed(reason) => self.fail_over(reason, now),
        }
    }

    fn audio(&mut self, item: &Item, payload: Bytes, now: Duration) {
        let ms = audio_bytes(&payload) / BYTES_PER_MS;
        self.transcript.agent_audio(item, ms, !self.muted, now);
        if self.muted {
            return;
        }
        self.clocks.paid();
        self.clocks.greeted();
        self.guard.sounds(now);
        let mark = self.ledger.send(item, payload.clone(), now);
        self.out.push(Action::Play { payload, mark });
    }

    fn reply_done(&mut self, failed: bool, now: Duration) {
        self.replying = false;
        self.clocks.heard(now);
        for item in std::mem::take(&mut self.heard_so_far) {
            if !self.ledger.holds(&item) {
                self.transcript.agent_played(&item, now);
            }
        }
        if !failed {
            self.failures = 0;
            if self.tools_running == 0 {
                self.clocks.paid();
                self.clocks.greeted();
            }
            return;
        }
        // The caller must not meet silence: once is an apology, twice is another agent.
        self.failures += 1;
        if self.failures > 1 {
            self.fail_over("two replies failed".to_owned(), now);
        } else {
            let words = "Say that you did not get that, and ask the caller to say it again.";
            self.out.push(Action::Agent(AgentOrder::Tell(words.to_owned())));
            self.clocks.owe(now);
        }
    }

    /// The caller interrupts: what waits is dropped at once, and the model forgets what was not heard.
    fn caller_started(&mut self, now: Duration) {
        self.clocks.heard(now);
        self.transcript.caller_started(now);
        self.caller_speaking = true;
        // Our goodbye is heard out, and so are our first words.
        if self.ending.is_some() || self.guard.holds(now) {
            return;
        }
        self.clocks.paid();
        self.interrupt(now);
    }

    fn interrupt(&mut self, now: Duration) {
        self.muted = self.replying;
        if !self.ledger.is_playing() {
            return;
        }
        self.out.push(Action::Clear);
        for cut in self.ledger.cut(now) {
            if &*cut.item == FILLER {
                continue;
            }
            self.transcript.agent_cut(&cut, now);
            let order = AgentOrder::Cut {
                item: cut.item,
                heard_ms: cut.heard_ms,
            };
            self.out.push(Action::Agent(order));
        }
    }

    /// A sound of our own while the model thinks; the model knows nothing of it.
    pub(crate) fn fill(&mut self, payload: Bytes, now: Duration) {
        let mark = self.ledger.send(&Item::from(FILLER), payload.clone(), now);
        self.out.push(Action::Play { payload, mark });
    }

    /// Twilio says that everything up to this mark was played.
    pub(crate) fn echoed(&mut self, mark: u64, now: Duration) {
        for item in self.ledger.echoed(mark, now) {
            // More of the reply may come: it was heard whole only once it is made.
            if self.replying {
                self.heard_so_far.push(Item::clone(&item));
            } else {
                self.transcript.agent_played(&item, now);
            }
            self.out.push(Action::Agent(AgentOrder::Played(item)));
        }
        if !self.ledger.is_playing() {
            self.clocks.heard(now);
            if self.replying {
                // The caller hears nothing while the model still makes the reply.
                self.clocks.owe(now);
            }
        }
    }

    /// The stream broke and came back: what waited in the old one was never heard, and is cut as an interruption would.
    pub(crate) fn stream_replaced(&mut self, now: Duration) {
        self.interrupt(now);
        self.muted = false;
        self.clocks.heard(now);
    }

    /// The caller pressed a key.
    pub(crate) fn key(&mut self, key: char, now: Duration) {
        self.clocks.heard(now);
        self.transcript.key(key, now);
        if self.ending.is_none() {
            self.interrupt(now);
            self.out.push(Action::Agent(AgentOrder::Key(key)));
        }
    }

    fn tool(&mut self, call: String, name: String, arguments: String, now: Duration) {
        self.tools_this_turn += 1;
        self.tools_in_all += 1;
        if self.tools_this_turn > TOOLS_PER_TURN_MAX || self.tools_in_all > TOOLS_PER_CALL_MAX {
            let output = json!({ "error": "too many tool calls; speak with the caller instead" });
            // The first refusal may still be spoken about; a storm is answered without another reply.
            let speak =
                self.tools_this_turn <= TOOLS_PER_TURN_MAX + 1 && self.tools_in_all <= TOOLS_PER_CALL_MAX + 1;
            self.out
                .push(Action::Agent(AgentOrder::ToolResult { call, output, speak }));
            return;
        }
        self.tools_running += 1;
        self.clocks.paid();
        self.clocks.heard(now);
        self.out.push(Action::Tool {
            call,
            name,
            arguments,
        });
    }

    /// A tool was done. `line` goes between the turns; `wish` ends the conversation once all was heard.
    pub(crate) fn tool_done(&mut self, done: ToolDone, now: Duration) {
        self.tools_running = self.tools_running.saturating_sub(1);
        self.transcript.tool(done.line, now);
        let speak = done.wish.is_none() && self.ending.is_none();
        self.out.push(Action::Agent(AgentOrder::ToolResult {
            call: done.call,
            output: done.output,
            speak,
        }));
        if speak {
            self.clocks.owe(now);
        }
        if let Some(wish) = done.wish {
            self.end_by(wish, now);
        }
    }

    /// The agent cannot go on. What it made whole may be heard out; a torn reply is dropped.
    fn fail_over(&mut self, reason: String, now: Duration) {
        if self.kind == AgentKind::Receptionist {
            self.finish(Outcome::Failed);
            return;
        }
        (self.kind, self.guard) = (AgentKind::Receptionist, Guard::Over);
        if self.replying && self.ledger.ends_at() > self.clocks.alive_at() + FINISH_LIMIT {
            self.out.push(Action::Clear);
            for cut in self.ledger.cut(now) {
                self.transcript.agent_cut(&cut, now);
            }
        }
        (
            self.replying,
            self.muted,
            self.caller_speaking,
            self.tools_running,
        ) = (false, false, false, 0);
        self.clocks.paid();
        self.clocks.heard(now);
        self.out.push(Action::FailOver { reason });
        if self.ending.is_none() {
            self.out.push(Action::Agent(AgentOrder::Greet));
        }
    }

    fn finish(&mut self, outcome: Outcome) {
        self.out.push(Action::Close(outcome));
    }
}

/// What came of a tool.
#[derive(Debug)]
pub(crate) struct ToolDone {
    /// Which of the agent's calls it answers.
    pub(crate) call: String,
    /// What the agent is told.
    pub(crate) output: serde_json::Value,
    /// What staff see between the turns.
    pub(crate) line: String,
    /// How the conversation ends by it.
    pub(crate) wish: Option<Wish>,
}

#[cfg(test)]
#[path = "machine/tests.rs"]
mod tests;
