//! What one session received and sent, for tests and load scenarios to read.
use serde::Serialize;
use serde_json::Value;

/// A `conversation.item.truncate` that was accepted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Truncation {
    /// When, in microseconds of [`crate::clock`].
    pub at_us: u64,
    /// Which item.
    pub item_id: String,
    /// Where its audio was cut.
    pub audio_end_ms: u64,
    /// How much audio had been sent of it.
    pub sent_ms: u64,
}

/// Speech that was heard.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Utterance {
    /// Position in the received audio, prefix padding included.
    pub start_ms: u64,
    /// Position in the received audio.
    pub end_ms: Option<u64>,
    /// When `speech_started` was sent.
    pub started_us: u64,
    /// When `speech_stopped` was sent.
    pub stopped_us: Option<u64>,
    /// The scripted transcript.
    pub transcript: Option<String>,
}

/// A response of the model.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Spoken {
    /// `resp_…`.
    pub id: String,
    /// The item that carries the speech.
    pub item_id: String,
    /// What it was going to say.
    pub text: String,
    /// How much audio was sent.
    pub sent_ms: u64,
    /// completed, cancelled, failed; empty while it goes on.
    pub status: String,
    /// When it began.
    pub created_us: u64,
    /// When its first audio was sent.
    pub first_audio_us: Option<u64>,
    /// When it was over.
    pub done_us: Option<u64>,
}

/// The answer to a tool call.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ToolOutput {
    /// When.
    pub at_us: u64,
    /// The call's id.
    pub call_id: String,
    /// The tool.
    pub name: String,
    /// The output as sent.
    pub output: String,
}

/// One session from its handshake to its end.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SessionRecord {
    /// `sess_…`.
    pub id: String,
    /// The model asked for.
    pub model: String,
    /// When the socket was accepted.
    pub opened_us: u64,
    /// When it ended.
    pub closed_us: Option<u64>,
    /// Why it ended.
    pub closed_by: Option<String>,
    /// Every accepted `session.update`, as sent.
    pub updates: Vec<Value>,
    /// The configuration in force.
    pub effective: Value,
    /// Bytes of audio received.
    pub audio_bytes: u64,
    /// The audio itself as μ-law, up to ten minutes; empty when the emulator keeps none.
    #[serde(skip)]
    pub audio: Vec<u8>,
    /// Speech heard.
    pub utterances: Vec<Utterance>,
    /// Responses.
    pub spoken: Vec<Spoken>,
    /// Cuts.
    pub truncations: Vec<Truncation>,
    /// Tool answers.
    pub tool_outputs: Vec<ToolOutput>,
    /// Items the client created, as sent.
    pub items: Vec<Value>,
    /// `response.create` events, as sent.
    pub response_creates: Vec<Value>,
    /// Errors sent to the client.
    pub errors: Vec<Value>,
    /// The call number of probe frames seen here.
    pub probe_call: Option<u64>,
}
