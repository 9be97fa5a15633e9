//! Agents: whoever speaks with the caller. The machine of a call talks to all of them in these words.

pub(crate) mod briefing;
pub(crate) mod realtime;
pub(crate) mod receptionist;

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hub::agent_settings::AgentKind;
use serde_json::Value;

/// A reply's name, as its agent gave it.
pub(crate) type Item = Arc<str>;

/// What an agent says and notices.
#[derive(Debug)]
pub(crate) enum AgentEvent {
    /// It can speak.
    Ready,
    /// It works on something; nothing to be heard yet.
    Alive,
    /// A reply begins to be made.
    ReplyStarted,
    /// Audio of a reply, base64 of μ-law.
    Audio { item: Item, payload: Bytes },
    /// Words of a reply: more of them, or all of them.
    Words { item: Item, text: String, whole: bool },
    /// The reply is made; `failed` when it stayed silent by a fault.
    ReplyDone { failed: bool },
    /// The caller began to speak, or pressed a key that cuts the reply.
    CallerStarted,
    /// The caller's turn is over.
    CallerStopped,
    /// The caller's turn has a name from now on.
    CallerNamed { item: Item },
    /// Words of the caller: more of them, or all of them.
    CallerWords { item: Item, text: String, whole: bool },
    /// The agent wants something done; it is answered by [`AgentOrder::ToolResult`], always.
    Tool {
        call: String,
        name: String,
        arguments: String,
    },
    /// A message the caller left, μ-law.
    Voicemail { audio: Vec<u8> },
    /// It cannot go on.
    Failed(String),
}

/// What an agent is told.
#[derive(Debug)]
pub(crate) enum AgentOrder {
    /// Say the first words.
    Greet,
    /// The first words were heard long enough: whoever begins to speak from now on interrupts.
    Interruptible,
    /// The caller pressed a key.
    Key(char),
    /// Of this reply the caller heard so much; 0 is nothing.
    Cut { item: Item, heard_ms: u64 },
    /// The caller heard this reply to its end.
    Played(Item),
    /// What came of a tool; `speak` when the agent should go on speaking.
    ToolResult {
        call: String,
        output: Value,
        speak: bool,
    },
    /// The caller says nothing: ask.
    Nudge,
    /// Say goodbye, for this reason.
    Farewell(&'static str),
    /// Tell the caller this, in its own words.
    Tell(String),
    /// Nobody speaks right now: a good moment to renew what must be renewed. Carries what was said so far.
    Idle(Arc<[Said]>),
}

/// Something that was said before, for an agent that comes later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// Whether the caller said it.
    pub(crate) caller: bool,
    /// What the other side heard of it.
    pub(crate) text: String,
}

/// Whoever speaks with the caller.
pub(crate) trait Agent: Send {
    /// Who it is, for records.
    fn kind(&self) -> AgentKind;

    /// The caller's audio, as it came: base64 of about 20 ms. Called fifty times a second; must not wait.
    fn hear(&mut self, payload: &str);

    /// Tells it something.
    fn order(&mut self, order: AgentOrder);

    /// What it says next. May be asked again after not having been ready, by another waker.
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<AgentEvent>;

    /// Whether it would like [`AgentOrder::Idle`] soon.
    fn wants_idle(&self) -> bool {
        false
    }

    /// What a caller had said into it when the call ended in the middle of a message.
    fn unfinished_voicemail(&mut self) -> Option<Vec<u8>> {
        None
    }
}
