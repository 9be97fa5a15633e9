//! What is to be done about a call beside the call itself: jobs of `worker`.

use serde::{Deserialize, Serialize};

use crate::ids::CallId;
use crate::job::{Queue, Work};

/// Fetches a recording that the provider made, and keeps it as the caller's message.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FetchRecording {
    /// The call it is of.
    pub call: CallId,
    /// The provider's id of it.
    pub recording: String,
    /// Where it is, as the provider said.
    pub url: String,
    /// How long it is.
    pub seconds: u32,
}

impl Work for FetchRecording {
    const KIND: &'static str = "call.fetch_recording";
    const QUEUE: Queue = Queue::Recordings;
}

/// Sums a call up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Summarise {
    /// The call.
    pub call: CallId,
}

impl Work for Summarise {
    const KIND: &'static str = "call.summarise";
    const QUEUE: Queue = Queue::Low;
    const ATTEMPTS_MAX: i32 = 5;
}

/// Ends a call at the provider, should the order to the process that carries it have been lost.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HangUp {
    /// The call.
    pub call: CallId,
}

impl Work for HangUp {
    const KIND: &'static str = "call.hang_up";
    const QUEUE: Queue = Queue::High;
    const ATTEMPTS_MAX: i32 = 6;
}
