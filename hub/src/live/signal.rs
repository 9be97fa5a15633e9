//! What other parts tell screens without a number.

use serde::Serialize;
use serde_json::value::to_raw_value;

use super::message::Sent;
use super::outbox::Item;
use crate::Hub;
use crate::ids::{CallId, ConversationId, TenantId};

/// What is true only now. Lossy and coalesced: of two about the same thing only the later one need arrive.
#[derive(Debug, Serialize)]
#[serde(tag = "kind")]
pub enum Signal {
    /// How loud both sides of a call are, 0 to 1.
    #[serde(rename = "call.level")]
    CallLevel {
        /// Which call.
        call_id: CallId,
        /// The caller.
        caller: f32,
        /// The agent, or the staff member who took over.
        agent: f32,
    },
    /// What is being said, before the turn is over.
    #[serde(rename = "call.partial")]
    CallPartial {
        /// Which call.
        call_id: CallId,
        /// `caller`, `agent` or `staff`.
        speaker: &'static str,
        /// So far.
        text: String,
        /// The turn it will become.
        turn_ordinal: i32,
    },
    /// What a contact does in their chat.
    #[serde(rename = "contact.typing")]
    ContactTyping {
        /// Whose.
        conversation_id: ConversationId,
        /// `typing`, `recording` or `nothing`.
        doing: &'static str,
    },
    /// Whether a contact has their chats open.
    #[serde(rename = "contact.presence")]
    ContactPresence {
        /// Whose.
        conversation_id: ConversationId,
        /// Whether they have.
        online: bool,
    },
}

impl Signal {
    fn key(&self) -> String {
        match self {
            Self::CallLevel { call_id, .. } => format!("level:{call_id}"),
            Self::CallPartial { call_id, speaker, .. } => format!("partial:{call_id}:{speaker}"),
            Self::ContactTyping { conversation_id, .. } => format!("contact-typing:{conversation_id}"),
            Self::ContactPresence { conversation_id, .. } => format!("contact-presence:{conversation_id}"),
        }
    }
}

#[derive(Serialize)]
struct Frame<'a> {
    r#type: &'static str,
    #[serde(flatten)]
    signal: &'a Signal,
}

/// Tells the tenant's screens. Returns at once; nothing is promised.
pub fn signal(hub: &Hub, tenant: TenantId, signal: &Signal) {
    let frame = Frame {
        r#type: "signal",
        signal,
    };
    if let Ok(frame) = to_raw_value(&frame) {
        let key = signal.key();
        let sent = Sent {
            key: key.clone(),
            from: None,
            frame,
        };
        hub.live.tell(tenant, key, Item::Signal(sent));
    }
}
