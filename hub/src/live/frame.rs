//! What is said on a live socket: a browser's frames, parsed; ours, encoded ready for the wire.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::wire;
use crate::ids::ConversationId;

/// The longest draft that is shown to others while somebody types.
const DRAFT_CHARS_MAX: usize = 140;

/// Where a client stands in its tenant's sequence of events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Which sequence: another one after a restore from backup.
    pub epoch: String,
    /// The last number seen. What is no number of ours is read as -1: a position nobody can have.
    #[serde(deserialize_with = "any_number")]
    pub seq: i64,
}

fn any_number<'de, D: serde::Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    let value = serde_json::Value::deserialize(from)?;
    Ok(value.as_i64().unwrap_or(-1))
}

/// A browser's frame.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientFrame {
    /// The first frame: who it is, and where it was.
    Hello {
        /// The one-time ticket.
        ticket: String,
        /// What it saw last; absent: from now.
        #[serde(default)]
        position: Option<Position>,
    },
    /// Words that are not sent yet.
    Typing {
        /// Where.
        conversation_id: ConversationId,
        /// So far.
        #[serde(default)]
        draft: String,
    },
    /// Which conversation is open, or none.
    Viewing {
        /// Which.
        conversation_id: Option<ConversationId>,
    },
    /// A new ticket for the same socket.
    Refresh {
        /// The one-time ticket.
        ticket: String,
    },
    /// It lives.
    Pong,
    /// A newer browser may say what we do not know yet.
    #[serde(other)]
    Unknown,
}

/// Reads a browser's frame; none when it is not one.
pub fn parse(text: &str) -> Option<ClientFrame> {
    serde_json::from_str(text).ok()
}

/// A draft cut to what others are shown.
pub fn shorten(draft: &str) -> String {
    draft.chars().take(DRAFT_CHARS_MAX).collect()
}

/// Why a socket is closed, as the browser is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bye {
    /// The server goes away; come back after the delay.
    Drain,
    /// Too much is unsent.
    Slow,
    /// The ticket's time is over, or what it allowed has changed: get another.
    Expired,
    /// No more tickets for this person.
    Revoked,
    /// This person has too many sockets.
    TooMany,
    /// A store we need is down.
    Unavailable,
}

impl Bye {
    /// The name on the wire and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::Slow => "slow",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::TooMany => "too_many",
            Self::Unavailable => "unavailable",
        }
    }

    /// The close code that follows the frame.
    pub fn code(self) -> u16 {
        match self {
            Self::Drain => 1012,
            Self::Slow => 4408,
            Self::Expired => 4401,
            Self::Revoked => 4403,
            Self::TooMany => 4429,
            Self::Unavailable => 1013,
        }
    }
}

fn text(value: &serde_json::Value) -> Bytes {
    wire::text(value.to_string().as_bytes())
}

/// `welcome`: the client is in, and stands at `position` or will be brought there.
pub fn welcome(position: &Position, recovered: bool, heartbeat_s: u64, expires_in_s: u64) -> Bytes {
    text(
        &json!({ "type": "welcome", "position": position, "recovered": recovered, "heartbeat_s": heartbeat_s,
        "expires_in_s": expires_in_s }),
    )
}

/// `ping`: we live; `seq` is the last number this socket was told of.
pub fn ping(seq: i64) -> Bytes {
    text(&json!({ "type": "ping", "seq": seq }))
}

/// `skip`: numbers up to `seq` are not for this role.
pub fn skip(seq: i64) -> Bytes {
    text(&json!({ "type": "skip", "seq": seq }))
}

/// `reload`: what was missed is gone; read through the API, then go on from `position`.
pub fn reload(position: &Position) -> Bytes {
    text(&json!({ "type": "reload", "position": position }))
}

/// `bye`: the socket is about to close; come back after `retry_ms`.
pub fn bye(why: Bye, retry_ms: u64) -> Bytes {
    text(&json!({ "type": "bye", "reason": why.as_str(), "retry_ms": retry_ms }))
}

/// An event, numbered and encoded already.
pub fn event(encoded: &str) -> Bytes {
    wire::text(encoded.as_bytes())
}

/// `signal`: what is true only now. `body` is an object; its fields stand beside `type` and `kind`.
pub fn signal(kind: &str, body: &serde_json::Value) -> Bytes {
    let mut frame = json!({ "type": "signal", "kind": kind });
    if let (Some(frame), Some(body)) = (frame.as_object_mut(), body.as_object()) {
        frame.extend(body.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
    text(&frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_that_cannot_be_is_still_a_position() {
        for seq in ["-1", "18446744073709551616", "1.5", "\"7\"", "null"] {
            let hello = format!(r#"{{"type":"hello","ticket":"t","position":{{"epoch":"e","seq":{seq}}}}}"#);
            let Some(ClientFrame::Hello { position, .. }) = parse(&hello) else {
                panic!("{hello} is a hello");
            };
            assert_eq!(position.unwrap().seq, -1, "{seq}");
        }
    }

    #[test]
    fn unknown_frames_are_known_as_such_and_nonsense_is_not() {
        assert_eq!(parse(r#"{"type":"dance","x":1}"#), Some(ClientFrame::Unknown));
        assert_eq!(parse(r#"{"type":"pong"}"#), Some(ClientFrame::Pong));
        assert_eq!(parse("{}"), None);
        assert_eq!(parse(r#"{"type":"typing","conversation_id":"tenant:*"}"#), None);
    }

    #[test]
    fn a_draft_is_cut_between_characters() {
        assert_eq!(shorten(&"ü".repeat(200)).chars().count(), 140);
    }
}
