//! Audio that arrives: speech is noticed and committed, probe frames are echoed.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use super::{AUDIO_MAX, Fault, Output, Session};
use crate::clock;
use crate::openai::conversation::Item;
use crate::openai::event::{event, id};
use crate::openai::record::Utterance;
use crate::openai::response::Step;
use crate::openai::vad::Noticed;
use crate::probe::Tag;
use crate::ulaw::{self, PER_MS};

impl Session {
    /// `input_audio_buffer.append`; tags found in it are returned as well.
    pub(crate) fn append(&mut self, base64: &str, now_us: u64) -> (Output, Vec<Tag>) {
        let mut output = Output::default();
        let Ok(bytes) = STANDARD.decode(base64) else {
            let message = "Invalid 'audio'. Expected base64-encoded audio bytes.";
            let error = Fault::at("invalid_value", "audio", message).event(None);
            self.note(|record| record.errors.push(error.clone()));
            output.push(&error);
            return (output, Vec::new());
        };
        let audio = self.to_ulaw(bytes);
        self.uncommitted += audio.len();
        self.note(|record| {
            record.audio_bytes += audio.len() as u64;
            if self.keep_audio && record.audio.len() + audio.len() <= AUDIO_MAX {
                record.audio.extend_from_slice(&audio);
            }
        });
        let tags = Tag::scan(&audio);
        if tags.is_empty() {
            for noticed in self.vad.push(&audio) {
                self.notice(noticed, now_us, &mut output);
            }
        } else {
            self.vad.skip(&audio);
            self.echo(&tags, now_us, &mut output);
        }
        (output, tags)
    }

    fn to_ulaw(&self, bytes: Vec<u8>) -> Vec<u8> {
        match self
            .config
            .pointer("/audio/input/format/type")
            .and_then(Value::as_str)
        {
            Some("audio/pcm") => {
                let samples = bytes
                    .chunks_exact(2)
                    .step_by(3)
                    .filter_map(|pair| pair.try_into().ok());
                ulaw::encode(&samples.map(i16::from_le_bytes).collect::<Vec<_>>())
            }
            Some("audio/pcma") => bytes
                .into_iter()
                .map(audio_codec_algorithms::convert_alaw_to_ulaw)
                .collect(),
            _ => bytes,
        }
    }

    fn turn_setting(&self, name: &str) -> bool {
        let path = format!("/audio/input/turn_detection/{name}");
        self.config
            .pointer(&path)
            .and_then(Value::as_bool)
            .unwrap_or(true)
    }

    fn notice(&mut self, noticed: Noticed, now_us: u64, output: &mut Output) {
        match noticed {
            Noticed::Started { audio_start_ms } => {
                self.utterance_item = id("item");
                let fields = json!({"audio_start_ms": audio_start_ms, "item_id": self.utterance_item});
                output.push(&event("input_audio_buffer.speech_started", fields));
                let utterance = Utterance {
                    start_ms: audio_start_ms,
                    started_us: now_us,
                    ..Utterance::default()
                };
                self.note(|record| record.utterances.push(utterance));
                if self.active.is_some() && self.turn_setting("interrupt_response") {
                    self.cancel("turn_detected", now_us, output);
                }
            }
            Noticed::Stopped { audio_end_ms } => {
                let fields = json!({"audio_end_ms": audio_end_ms, "item_id": self.utterance_item});
                output.push(&event("input_audio_buffer.speech_stopped", fields));
                self.note_utterance(|last| {
                    (last.end_ms, last.stopped_us) = (Some(audio_end_ms), Some(now_us));
                });
                self.take_utterance(now_us, output);
                if self.active.is_none() && self.turn_setting("create_response") {
                    self.unanswered = false;
                    output.reply = Some(self.turn().1);
                }
            }
        }
    }

    fn note_utterance(&self, change: impl FnOnce(&mut Utterance)) {
        self.note(|record| {
            if let Some(last) = record.utterances.last_mut() {
                change(last);
            }
        });
    }

    /// `input_audio_buffer.commit`.
    pub(super) fn commit(&mut self, now_us: u64, output: &mut Output) -> Result<(), Fault> {
        if self.uncommitted < 100 * PER_MS {
            let ms = ulaw::duration_ms(self.uncommitted);
            let message = format!(
                "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, but buffer only has {ms}.00ms of audio."
            );
            return Err(Fault::new("input_audio_buffer_commit_empty", message));
        }
        self.utterance_item = id("item");
        let end_ms = self.vad.position_ms();
        let utterance = Utterance {
            start_ms: end_ms.saturating_sub(ulaw::duration_ms(self.uncommitted)),
            end_ms: Some(end_ms),
            started_us: now_us,
            stopped_us: Some(now_us),
            transcript: None,
        };
        self.note(|record| record.utterances.push(utterance));
        self.take_utterance(now_us, output);
        Ok(())
    }

    /// The buffered speech becomes a user's item; its transcript follows later.
    fn take_utterance(&mut self, now_us: u64, output: &mut Output) {
        self.uncommitted = 0;
        self.utterances += 1;
        self.unanswered = true;
        let item_id = self.utterance_item.clone();
        let committed = json!({"previous_item_id": self.items.last_id(), "item_id": item_id});
        output.push(&event("input_audio_buffer.committed", committed));
        let value = json!({
            "id": item_id, "object": "realtime.item", "type": "message", "status": "completed", "role": "user",
            "content": [{"type": "input_audio", "transcript": null}],
        });
        let events = self.items.add(Item {
            id: item_id.clone(),
            value,
            audio: 0,
            spoken: false,
        });
        for event in &events {
            output.push(event);
        }
        let (hears, _) = self.turn();
        self.note_utterance(|last| last.transcript = Some(hears.clone()));
        self.ledger
            .record("utterance", json!({"session": self.id, "transcript": hears}));
        if self
            .config
            .pointer("/audio/input/transcription")
            .is_some_and(Value::is_object)
        {
            self.transcribe(&item_id, &hears, now_us);
        }
    }

    fn transcribe(&mut self, item_id: &str, text: &str, now_us: u64) {
        const KIND: &str = "conversation.item.input_audio_transcription";
        let mut due_us = now_us + self.script.transcribing_ms * 1000;
        for word in text.split_inclusive(' ') {
            let fields = json!({"item_id": item_id, "content_index": 0, "delta": word});
            self.later
                .push_back((due_us, event(&format!("{KIND}.delta"), fields)));
            due_us += 20_000;
        }
        let fields = json!({
            "item_id": item_id, "content_index": 0, "transcript": text,
            "usage": {"type": "duration", "seconds": 2},
        });
        self.later
            .push_back((due_us, event(&format!("{KIND}.completed"), fields)));
    }

    /// Probe frames come back at once as speech of the model.
    fn echo(&mut self, tags: &[Tag], now_us: u64, output: &mut Output) {
        if self.active.is_none() {
            self.open_response("(probe)", now_us, output);
            self.apply(Step::Open, now_us, output);
        }
        let echoing = self
            .active
            .as_ref()
            .is_some_and(|active| active.echo_us.is_some())
            || (self.plan.is_empty() && self.active.as_ref().is_some_and(|active| active.item.is_some()));
        if !echoing {
            return;
        }
        let mut audio = Vec::with_capacity(tags.len() * ulaw::FRAME);
        for tag in tags {
            audio.extend_from_slice(
                &Tag {
                    returned_us: clock::now_us(),
                    ..*tag
                }
                .frame(),
            );
        }
        self.apply(Step::Audio(Bytes::from(audio)), now_us, output);
        if let Some(active) = &mut self.active {
            active.echo_us = Some(now_us);
        }
        self.note(|record| record.probe_call = tags.first().map(|tag| tag.call));
    }
}
