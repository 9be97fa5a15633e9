//! Responses under way: the steps of a reply become GA events in their exact order.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use super::{Active, ECHO_END_US, Output, Session};
use crate::openai::conversation::Item;
use crate::openai::event::{event, id};
use crate::openai::record::Spoken;
use crate::openai::response::Step;
use crate::ulaw;

impl Session {
    pub(super) fn open_response(&mut self, text: &str, now_us: u64, output: &mut Output) {
        let id = id("resp");
        let spoken = Spoken {
            id: id.clone(),
            text: text.to_owned(),
            created_us: now_us,
            ..Spoken::default()
        };
        self.note(|record| record.spoken.push(spoken));
        self.ledger.record(
            "response",
            json!({"session": self.id, "response": id, "text": text}),
        );
        self.active = Some(Active {
            id,
            item: None,
            words: String::new(),
            audio: 0,
            outputs: Vec::new(),
            echo_us: None,
        });
        output.push(&event(
            "response.created",
            json!({"response": self.response("in_progress", &Value::Null)}),
        ));
        let limits = json!([
            {"name": "requests", "limit": 1000, "remaining": 998, "reset_seconds": 60.0},
            {"name": "tokens", "limit": 200_000, "remaining": 195_000, "reset_seconds": 6.0},
        ]);
        output.push(&event("rate_limits.updated", json!({"rate_limits": limits})));
    }

    fn response(&self, status: &str, details: &Value) -> Value {
        let active = self.active.as_ref();
        let tokens = active.map_or(0, |active| active.audio / 800);
        let usage = json!({
            "total_tokens": tokens + 120, "input_tokens": 120, "output_tokens": tokens,
            "input_token_details": {"text_tokens": 100, "audio_tokens": 20, "cached_tokens": 0},
            "output_token_details": {"text_tokens": tokens / 4, "audio_tokens": tokens - tokens / 4},
        });
        json!({
            "object": "realtime.response", "id": active.map(|active| active.id.clone()), "status": status,
            "status_details": details, "output": active.map(|active| active.outputs.clone()),
            "conversation_id": "conv_emulated", "output_modalities": ["audio"], "max_output_tokens": "inf",
            "audio": {"output": self.config.pointer("/audio/output")},
            "usage": if status == "in_progress" { Value::Null } else { usage }, "metadata": null,
        })
    }

    /// Does everything that is due.
    pub(crate) fn tick(&mut self, now_us: u64) -> Output {
        let mut output = Output::default();
        while self.later.front().is_some_and(|(due_us, _)| *due_us <= now_us) {
            if let Some((_, event)) = self.later.pop_front() {
                output.push(&event);
            }
        }
        while self.plan.front().is_some_and(|(due_us, _)| *due_us <= now_us) {
            if let Some((_, step)) = self.plan.pop_front() {
                self.apply(step, now_us, &mut output);
            }
        }
        let echo_over = |active: &Active| active.echo_us.is_some_and(|at| at + ECHO_END_US <= now_us);
        if self.active.as_ref().is_some_and(echo_over) {
            self.apply(Step::Close, now_us, &mut output);
            self.apply(Step::Done(None), now_us, &mut output);
        }
        if self.idle_ends_us().is_some_and(|at_us| at_us <= now_us) {
            self.idle_since_us = u64::MAX;
            let end_ms = self.vad.position_ms();
            let fields = json!({"audio_start_ms": end_ms, "audio_end_ms": end_ms, "item_id": id("item")});
            output.push(&event("input_audio_buffer.timeout_triggered", fields));
            output.reply = Some(self.script.otherwise.reply.clone());
        }
        output
    }

    pub(super) fn apply(&mut self, step: Step, now_us: u64, output: &mut Output) {
        match step {
            Step::Open => self.open_item(output),
            Step::Words(words) => {
                let Some(active) = &mut self.active else { return };
                active.words += &words;
                let fields = json!({
                    "response_id": active.id, "item_id": active.item, "output_index": 0, "content_index": 0,
                    "delta": words,
                });
                output.push(&event("response.output_audio_transcript.delta", fields));
            }
            Step::Audio(audio) => self.send_audio(&audio, now_us, output),
            Step::Close => self.close_item("completed", output),
            Step::Call {
                call_id,
                name,
                arguments,
            } => self.call_tool(&call_id, &name, &arguments, output),
            Step::Done(None) => self.finish("completed", &Value::Null, now_us, output),
            Step::Done(Some(code)) => {
                let error = json!({"code": code, "message": "The response failed."});
                let details = json!({"type": "failed", "error": error});
                self.finish("failed", &details, now_us, output);
            }
        }
    }

    fn open_item(&mut self, output: &mut Output) {
        let item_id = id("item");
        let value = message(&item_id, "in_progress", None);
        let [added, _] = self.items.add(Item {
            id: item_id.clone(),
            value: value.clone(),
            audio: 0,
            spoken: true,
        });
        let Some(active) = &mut self.active else { return };
        active.item = Some(item_id.clone());
        let response_id = active.id.clone();
        let fields = json!({"response_id": response_id, "output_index": 0, "item": value});
        output.push(&event("response.output_item.added", fields));
        output.push(&added);
        let part = json!({"type": "audio", "transcript": ""});
        let fields = json!({
            "response_id": response_id, "item_id": item_id, "output_index": 0, "content_index": 0, "part": part,
        });
        output.push(&event("response.content_part.added", fields));
        self.note(|record| {
            if let Some(last) = record.spoken.last_mut() {
                last.item_id = item_id;
            }
        });
    }

    /// Written by hand, as it is the one event that comes fifty times a second.
    fn send_audio(&mut self, audio: &Bytes, now_us: u64, output: &mut Output) {
        self.spoken = true;
        let payload = STANDARD.encode(self.out_format(audio));
        let Some(active) = &mut self.active else { return };
        active.audio += audio.len();
        let item_id = active.item.clone().unwrap_or_default();
        output.texts.push(format!(
            r#"{{"type":"response.output_audio.delta","event_id":"{}","response_id":"{}","item_id":"{item_id}","output_index":0,"content_index":0,"delta":"{payload}"}}"#,
            id("event"),
            active.id,
        ));
        let sent_ms = ulaw::duration_ms(active.audio);
        if let Some(item) = self.items.get(&item_id) {
            item.audio += audio.len();
        }
        self.note(|record| {
            if let Some(last) = record.spoken.last_mut() {
                last.first_audio_us.get_or_insert(now_us);
                last.sent_ms = sent_ms;
            }
        });
    }

    fn out_format(&self, audio: &Bytes) -> Bytes {
        if self
            .config
            .pointer("/audio/output/format/type")
            .and_then(Value::as_str)
            != Some("audio/pcm")
        {
            return audio.clone();
        }
        let samples = ulaw::resample(&ulaw::decode(audio), 8000, 24_000);
        samples.into_iter().flat_map(i16::to_le_bytes).collect()
    }

    fn close_item(&mut self, status: &str, output: &mut Output) {
        let Some(active) = &mut self.active else { return };
        let Some(item_id) = active.item.take() else { return };
        let place = json!({
            "response_id": active.id, "item_id": item_id, "output_index": 0, "content_index": 0,
        });
        let with = |name: &str, value: &Value| with(&place, &[(name, value)]);
        let value = message(&item_id, status, Some(&active.words));
        active.outputs.push(value.clone());
        output.push(&event("response.output_audio.done", place.clone()));
        output.push(&event(
            "response.output_audio_transcript.done",
            with("transcript", &json!(active.words)),
        ));
        let part = json!({"type": "audio", "transcript": active.words});
        output.push(&event("response.content_part.done", with("part", &part)));
        let fields = json!({"previous_item_id": null, "item": value});
        output.push(&event("conversation.item.done", fields));
        let fields = json!({"response_id": active.id, "output_index": 0, "item": value});
        output.push(&event("response.output_item.done", fields));
    }

    fn call_tool(&mut self, call_id: &str, name: &str, arguments: &str, output: &mut Output) {
        let item_id = id("item");
        let item = |status: &str, arguments: &str| {
            json!({
                "id": item_id, "object": "realtime.item", "type": "function_call", "status": status,
                "call_id": call_id, "name": name, "arguments": arguments,
            })
        };
        let done = item("completed", arguments);
        let begun = Item {
            id: item_id.clone(),
            value: item("in_progress", ""),
            audio: 0,
            spoken: false,
        };
        let [added, _] = self.items.add(begun);
        let Some(active) = &mut self.active else { return };
        let index = active.outputs.len();
        active.outputs.push(done.clone());
        let place = json!({
            "response_id": active.id, "item_id": item_id, "output_index": index, "call_id": call_id,
        });
        let (words, name_field) = (json!(arguments), json!(name));
        let delta = with(&place, &[("delta", &words)]);
        let whole = with(&place, &[("arguments", &words), ("name", &name_field)]);
        let opened =
            json!({"response_id": active.id, "output_index": index, "item": item("in_progress", "")});
        output.push(&event("response.output_item.added", opened));
        output.push(&added);
        output.push(&event("response.function_call_arguments.delta", delta));
        output.push(&event("response.function_call_arguments.done", whole));
        output.push(&event(
            "conversation.item.done",
            json!({"previous_item_id": null, "item": done}),
        ));
        let closed = json!({"response_id": active.id, "output_index": index, "item": done});
        output.push(&event("response.output_item.done", closed));
        self.ledger.record(
            "tool.call",
            json!({"session": self.id, "name": name, "arguments": arguments}),
        );
    }

    fn finish(&mut self, status: &str, details: &Value, now_us: u64, output: &mut Output) {
        output.push(&event(
            "response.done",
            json!({"response": self.response(status, details)}),
        ));
        self.active = None;
        self.idle_since_us = now_us;
        self.plan.clear();
        self.note(|record| {
            if let Some(last) = record.spoken.last_mut() {
                status.clone_into(&mut last.status);
                last.done_us = Some(now_us);
            }
        });
    }

    /// Breaks the reply off where it is.
    pub(super) fn cancel(&mut self, reason: &str, now_us: u64, output: &mut Output) {
        self.plan.clear();
        self.close_item("incomplete", output);
        self.finish(
            "cancelled",
            &json!({"type": "cancelled", "reason": reason}),
            now_us,
            output,
        );
    }
}

/// The same fields and some more.
fn with(fields: &Value, more: &[(&str, &Value)]) -> Value {
    let mut fields = fields.clone();
    if let Some(known) = fields.as_object_mut() {
        known.extend(
            more.iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).clone())),
        );
    }
    fields
}

fn message(item_id: &str, status: &str, words: Option<&str>) -> Value {
    let content: Vec<Value> = words
        .map(|words| json!({"type": "output_audio", "transcript": words}))
        .into_iter()
        .collect();
    json!({
        "id": item_id, "object": "realtime.item", "type": "message", "status": status, "role": "assistant",
        "content": content,
    })
}
