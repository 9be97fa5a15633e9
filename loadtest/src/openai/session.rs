//! One Realtime session as a state machine: client events and time go in, server events come out.
mod input;
mod output;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::config;
use super::conversation::Conversation;
use super::event::{Fault, event, id};
use super::record::{SessionRecord, ToolOutput, Truncation};
use super::response::{Prepared, Step};
use super::script::{GREETING, Reply, Script, quoted};
use super::vad::Vad;
use crate::ledger::Ledger;

/// What to send, and whether a reply is to be prepared and then given to [`Session::speak`].
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// Server events, written out.
    pub(crate) texts: Vec<String>,
    /// The reply wanted next.
    pub(crate) reply: Option<Reply>,
}

impl Output {
    fn push(&mut self, event: &Value) {
        self.texts.push(event.to_string());
    }
}

/// A response that is under way.
#[derive(Debug)]
struct Active {
    id: String,
    /// The spoken item, while it is open.
    item: Option<String>,
    words: String,
    audio: usize,
    outputs: Vec<Value>,
    /// Made of echoed probe frames; the time of the newest.
    echo_us: Option<u64>,
}

/// See the module.
#[expect(
    clippy::struct_excessive_bools,
    reason = "four independent facts about one session"
)]
pub(crate) struct Session {
    id: String,
    config: Value,
    script: Arc<Script>,
    record: Arc<Mutex<SessionRecord>>,
    ledger: Arc<Ledger>,
    vad: Vad,
    items: Conversation,
    active: Option<Active>,
    plan: VecDeque<(u64, Step)>,
    /// Transcripts on their way, by the time they are due.
    later: VecDeque<(u64, Value)>,
    utterance_item: String,
    utterances: usize,
    unanswered: bool,
    uncommitted: usize,
    greeted: bool,
    spoken: bool,
    calls: Vec<(String, String, Reply)>,
    pending: Option<Reply>,
    keep_audio: bool,
    /// Nobody speaks since then (for `idle_timeout_ms`).
    idle_since_us: u64,
}

/// Microphone audio kept per session.
const AUDIO_MAX: usize = 600 * 8000;
/// An echo ends this long after its last probe frame.
const ECHO_END_US: u64 = 400_000;

impl Session {
    pub(crate) fn new(
        model: &str,
        script: Arc<Script>,
        expires_at: i64,
        record: Arc<Mutex<SessionRecord>>,
        ledger: Arc<Ledger>,
        keep_audio: bool,
    ) -> (Self, Output) {
        let id = id("sess");
        let config = config::default(&id, model, expires_at);
        let session = Self {
            id,
            config,
            script,
            record,
            ledger,
            vad: Vad::default(),
            items: Conversation::default(),
            active: None,
            plan: VecDeque::new(),
            later: VecDeque::new(),
            utterance_item: String::new(),
            utterances: 0,
            unanswered: false,
            uncommitted: 0,
            greeted: false,
            spoken: false,
            calls: Vec::new(),
            pending: None,
            keep_audio,
            idle_since_us: u64::MAX,
        };
        session.note(|record| {
            record.id.clone_from(&session.id);
            model.clone_into(&mut record.model);
            record.effective = session.config.clone();
        });
        let mut output = Output::default();
        output.push(&event("session.created", json!({"session": session.config})));
        (session, output)
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    fn note(&self, change: impl FnOnce(&mut SessionRecord)) {
        change(&mut self.record.lock().expect("no holder of the lock panics"));
    }

    /// Milliseconds of audio sent of the reply that is under way.
    pub(crate) fn speaking_ms(&self) -> Option<u64> {
        self.active
            .as_ref()
            .map(|active| crate::ulaw::duration_ms(active.audio))
    }

    /// When [`Session::tick`] has something to do next.
    pub(crate) fn due_us(&self) -> Option<u64> {
        let echo = self
            .active
            .as_ref()
            .and_then(|active| active.echo_us)
            .map(|at| at + ECHO_END_US);
        let idle = self.idle_ends_us();
        [
            self.plan.front().map(|step| step.0),
            self.later.front().map(|step| step.0),
            echo,
            idle,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// When a silent caller is to be spoken to, if that was asked for.
    fn idle_ends_us(&self) -> Option<u64> {
        let timeout_ms = self
            .config
            .pointer("/audio/input/turn_detection/idle_timeout_ms")?
            .as_u64()?;
        let quiet = self.active.is_none() && !self.vad.speaking() && self.idle_since_us != u64::MAX;
        quiet.then(|| self.idle_since_us + timeout_ms * 1000)
    }

    /// A client event other than audio.
    pub(crate) fn handle(&mut self, request: &Value, now_us: u64) -> Output {
        let mut output = Output::default();
        if let Err(fault) = self.dispatch(request, now_us, &mut output) {
            let error = fault.event(request.get("event_id"));
            self.ledger.record(
                "openai.error",
                json!({"session": self.id, "error": error.get("error"), "caused_by": request.get("type")}),
            );
            self.note(|record| record.errors.push(error.clone()));
            output.push(&error);
        }
        output
    }

    fn dispatch(&mut self, request: &Value, now_us: u64, output: &mut Output) -> Result<(), Fault> {
        let kind = request.get("type").and_then(Value::as_str).unwrap_or_default();
        match kind {
            "session.update" => self.update(request, output)?,
            "input_audio_buffer.commit" => self.commit(now_us, output)?,
            "input_audio_buffer.clear" => {
                self.uncommitted = 0;
                output.push(&event("input_audio_buffer.cleared", json!({})));
            }
            "conversation.item.create" => self.create_item(request, now_us, output)?,
            "conversation.item.truncate" => {
                let (item_id, audio_end_ms, sent_ms) = self.items.truncate(request)?;
                let fields = json!({"item_id": item_id, "content_index": 0, "audio_end_ms": audio_end_ms});
                output.push(&event("conversation.item.truncated", fields.clone()));
                self.ledger.record(
                    "truncated",
                    json!({"session": self.id, "cut": fields, "sent_ms": sent_ms}),
                );
                let cut = Truncation {
                    at_us: now_us,
                    item_id,
                    audio_end_ms,
                    sent_ms,
                };
                self.note(|record| record.truncations.push(cut));
            }
            "conversation.item.delete" => {
                let item_id = request.get("item_id").and_then(Value::as_str).unwrap_or_default();
                self.items.delete(item_id)?;
                output.push(&event("conversation.item.deleted", json!({"item_id": item_id})));
            }
            "conversation.item.retrieve" => {
                let item_id = request.get("item_id").and_then(Value::as_str).unwrap_or_default();
                let Some(item) = self.items.get(item_id) else {
                    return Err(Fault::at(
                        "item_retrieve_invalid_item_id",
                        "item_id",
                        "The item does not exist.",
                    ));
                };
                output.push(&event("conversation.item.retrieved", json!({"item": item.value})));
            }
            "response.create" => self.create_response(request, output)?,
            "response.cancel" => self.cancel_response(request, now_us, output)?,
            other => {
                let message = format!(
                    "Invalid value: '{other}'. Supported values are: 'session.update', 'input_audio_buffer.append', 'input_audio_buffer.commit', 'input_audio_buffer.clear', 'conversation.item.create', 'conversation.item.truncate', 'conversation.item.delete', 'conversation.item.retrieve', 'response.create', and 'response.cancel'."
                );
                return Err(Fault::at("invalid_value", "type", message));
            }
        }
        Ok(())
    }

    fn update(&mut self, request: &Value, output: &mut Output) -> Result<(), Fault> {
        let wanted = request.get("session").ok_or_else(|| {
            Fault::at(
                "missing_required_parameter",
                "session",
                "Missing required parameter: 'session'.",
            )
        })?;
        config::update(&mut self.config, wanted, self.spoken)?;
        let turns = self
            .config
            .pointer("/audio/input/turn_detection")
            .cloned()
            .unwrap_or_default();
        self.vad.enabled = turns.is_object();
        self.vad.threshold = turns.get("threshold").and_then(Value::as_f64).unwrap_or(0.5);
        self.vad.prefix_ms = turns
            .get("prefix_padding_ms")
            .and_then(Value::as_u64)
            .unwrap_or(300);
        self.vad.silence_ms = turns
            .get("silence_duration_ms")
            .and_then(Value::as_u64)
            .unwrap_or(600);
        self.note(|record| {
            record.updates.push(wanted.clone());
            record.effective = self.config.clone();
        });
        self.ledger
            .record("session.update", json!({"session": self.id, "update": wanted}));
        output.push(&event("session.updated", json!({"session": self.config})));
        Ok(())
    }

    fn create_item(&mut self, request: &Value, now_us: u64, output: &mut Output) -> Result<(), Fault> {
        let wanted = request.get("item").unwrap_or(&Value::Null);
        let known: Vec<String> = self.calls.iter().map(|call| call.0.clone()).collect();
        let (item, events) = self.items.create(wanted, &known)?;
        for event in &events {
            output.push(event);
        }
        self.note(|record| record.items.push(wanted.clone()));
        self.ledger
            .record("item", json!({"session": self.id, "item": wanted}));
        let call_id = item
            .value
            .get("call_id")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if let Some(index) = self.calls.iter().position(|call| call.0 == call_id) {
            let (call_id, name, then) = self.calls.remove(index);
            let text = wanted
                .get("output")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned();
            self.ledger.record(
                "tool.output",
                json!({"session": self.id, "name": name, "output": text}),
            );
            self.note(|record| {
                record.tool_outputs.push(ToolOutput {
                    at_us: now_us,
                    call_id,
                    name,
                    output: text,
                });
            });
            self.pending = Some(then);
        } else if item.value.get("role").is_some_and(|role| role != "assistant") {
            let text = item
                .value
                .pointer("/content/0/text")
                .and_then(Value::as_str)
                .unwrap_or_default();
            if let Some(rule) = self
                .script
                .texts
                .iter()
                .find(|rule| text.contains(&rule.contains))
            {
                self.pending = Some(rule.reply.clone());
            }
        }
        Ok(())
    }

    fn create_response(&mut self, request: &Value, output: &mut Output) -> Result<(), Fault> {
        if let Some(active) = &self.active {
            let message = format!(
                "Conversation already has an active response in progress: {}. Wait until the response is finished before creating a new one.",
                active.id
            );
            return Err(Fault::new("conversation_already_has_active_response", message));
        }
        self.note(|record| record.response_creates.push(request.clone()));
        let instructions = request
            .pointer("/response/instructions")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let words = quoted(instructions).map(Reply::say);
        let reply = if let Some(pending) = self.pending.take() {
            pending
        } else if std::mem::take(&mut self.unanswered) {
            self.turn().1
        } else if self.utterances == 0 && !std::mem::replace(&mut self.greeted, true) {
            self.script
                .greeting
                .clone()
                .or(words)
                .unwrap_or_else(|| Reply::say(GREETING))
        } else {
            words.unwrap_or_else(|| self.script.otherwise.reply.clone())
        };
        output.reply = Some(reply);
        Ok(())
    }

    fn cancel_response(&mut self, request: &Value, now_us: u64, output: &mut Output) -> Result<(), Fault> {
        let wanted = request.get("response_id").and_then(Value::as_str);
        let active = self
            .active
            .as_ref()
            .filter(|active| wanted.is_none_or(|wanted| active.id == wanted));
        if active.is_none() {
            let message = "Cancellation failed: no active response found";
            return Err(Fault::new("response_cancel_not_active", message));
        }
        self.cancel("client_cancelled", now_us, output);
        Ok(())
    }

    /// The utterance just heard and its answer.
    fn turn(&self) -> (String, Reply) {
        let index = self.utterances.saturating_sub(1);
        let turn = self.script.turns.get(index).unwrap_or(&self.script.otherwise);
        (turn.hears.clone(), turn.reply.clone())
    }

    /// Begins a prepared reply.
    pub(crate) fn speak(&mut self, prepared: Prepared, now_us: u64) -> Output {
        let mut output = Output::default();
        self.open_response(&prepared.text, now_us, &mut output);
        self.plan = prepared
            .steps
            .into_iter()
            .map(|(after_us, step)| (now_us + after_us, step))
            .collect();
        self.calls.extend(prepared.tool);
        output
    }
}
