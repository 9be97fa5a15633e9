//! What goes wrong on demand at the model's side.
use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// All faults that are switched on; the default is none.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// For the Realtime handshakes from now on.
    pub connect: Option<ConnectFault>,
    /// How many handshakes it spoils; 0 = all of them.
    pub connects: u32,
    /// In the middle of speech, in sessions that are open or come.
    pub speech: Option<SpeechFault>,
    /// A session's life instead of 60 minutes.
    pub session_max_ms: Option<u64>,
    /// Taken one by one by the plain HTTP endpoints.
    pub http: VecDeque<HttpFault>,
}

/// How a handshake fails.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectFault {
    /// Answered with this status instead of 101 (401, 429, 500, 503 …).
    Refused(u16),
    /// Answered only after this many milliseconds.
    Slow(u64),
    /// Never answered.
    Silent,
}

/// How speech fails, once this many milliseconds of a reply have been sent.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpeechFault {
    /// The connection is lost without a word.
    Dies(u64),
    /// Nothing more is ever sent, though the socket stays open.
    Stalls(u64),
    /// The connection stands, and nothing is read or sent any more, not even a pong.
    Freezes(u64),
    /// Half of a JSON message, then the connection is lost.
    HalfJson(u64),
}

/// One spoilt HTTP answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpFault {
    /// Only for paths that contain this; empty means any.
    pub path: String,
    /// The status it gets.
    pub status: u16,
    /// How long it waits for it.
    pub after_ms: u64,
}

impl Default for HttpFault {
    fn default() -> Self {
        Self {
            path: String::new(),
            status: 500,
            after_ms: 0,
        }
    }
}

impl SpeechFault {
    /// How much of a reply is sent before it strikes.
    pub(crate) fn after_ms(self) -> u64 {
        match self {
            Self::Dies(ms) | Self::Stalls(ms) | Self::Freezes(ms) | Self::HalfJson(ms) => ms,
        }
    }
}

impl Faults {
    /// The fault for this handshake, counted down.
    pub(crate) fn take_connect(&mut self) -> Option<ConnectFault> {
        let fault = self.connect?;
        if self.connects == 1 {
            self.connect = None;
        }
        self.connects = self.connects.saturating_sub(1);
        Some(fault)
    }

    /// The fault for this request, used up.
    pub(crate) fn take_http(&mut self, path: &str) -> Option<HttpFault> {
        let index = self.http.iter().position(|fault| path.contains(&fault.path))?;
        self.http.remove(index)
    }
}
