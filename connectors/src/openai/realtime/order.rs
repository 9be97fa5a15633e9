//! What a Realtime session is told: each order as the text of one message.

use serde::Serialize;
use serde_json::{Value, json};

/// The settings of a session on the telephone: μ-law both ways, so that nothing is ever transcoded.
#[derive(Clone, Debug)]
pub struct Session<'a> {
    /// What the agent is and may say.
    pub instructions: &'a str,
    /// One of the built-in voices.
    pub voice: &'a str,
    /// Which model writes down what the caller says.
    pub transcription_model: &'a str,
    /// ISO 639-1, helps the transcription.
    pub language: &'a str,
    /// When a turn of the caller is over.
    pub turn_detection: TurnDetection,
    /// Whether somebody who begins to speak stops the reply at once; may be switched on later by [`interruptible`].
    pub interruptible: bool,
    /// What the model may ask us to do.
    pub tools: &'a [Tool],
}

/// When a turn of the caller is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnDetection {
    /// By what was said.
    Semantic,
    /// By silence.
    Server,
}

/// Something the model may ask us to do.
#[derive(Clone, Debug, Serialize)]
pub struct Tool {
    r#type: &'static str,
    /// Its name.
    pub name: &'static str,
    /// When to use it.
    pub description: String,
    /// JSON schema of its arguments.
    pub parameters: Value,
}

impl Tool {
    /// A function with arguments of this schema.
    pub fn function(name: &'static str, description: impl Into<String>, parameters: Value) -> Self {
        Self {
            r#type: "function",
            name,
            description: description.into(),
            parameters,
        }
    }
}

/// Who said an item of an earlier conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// The caller.
    User,
    /// The agent.
    Assistant,
    /// We.
    System,
}

/// The whole of the settings; `rate` is left out because the service refuses it for μ-law.
pub fn session_update(session: &Session<'_>) -> String {
    let turn_detection = turn_detection(session.turn_detection, session.interruptible);
    json!({
        "type": "session.update",
        "session": {
            "type": "realtime",
            "instructions": session.instructions,
            "output_modalities": ["audio"],
            "audio": {
                "input": {
                    "format": { "type": "audio/pcmu" },
                    "transcription": { "model": session.transcription_model, "language": session.language },
                    "turn_detection": turn_detection
                },
                "output": { "format": { "type": "audio/pcmu" }, "voice": session.voice }
            },
            "tools": session.tools,
            "tool_choice": "auto"
        }
    })
    .to_string()
}

/// From now on somebody who begins to speak stops the reply.
pub fn interruptible(detection: TurnDetection) -> String {
    json!({
        "type": "session.update",
        "session": { "type": "realtime", "audio": { "input": { "turn_detection": turn_detection(detection, true) } } }
    })
    .to_string()
}

fn turn_detection(detection: TurnDetection, interruptible: bool) -> Value {
    match detection {
        TurnDetection::Semantic => json!({
            "type": "semantic_vad", "eagerness": "high",
            "create_response": true, "interrupt_response": interruptible
        }),
        TurnDetection::Server => json!({
            "type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500,
            "create_response": true, "interrupt_response": interruptible
        }),
    }
}

/// Around the caller's audio: head, base64 as it came, tail.
pub const APPEND: (&str, &str) = (r#"{"type":"input_audio_buffer.append","audio":""#, r#""}"#);

/// Makes the model speak; with `instructions`, about that.
pub fn response_create(instructions: Option<&str>) -> String {
    match instructions {
        None => r#"{"type":"response.create"}"#.to_owned(),
        Some(text) => json!({ "type": "response.create", "response": { "instructions": text } }).to_string(),
    }
}

/// Stops the reply that is being made.
pub fn response_cancel() -> String {
    r#"{"type":"response.cancel"}"#.to_owned()
}

/// Cuts what the model remembers of an item at what was heard of it.
pub fn truncate(item: &str, audio_end_ms: u64) -> String {
    json!({ "type": "conversation.item.truncate", "item_id": item, "content_index": 0, "audio_end_ms": audio_end_ms })
        .to_string()
}

/// Makes the model forget an item.
pub fn delete(item: &str) -> String {
    json!({ "type": "conversation.item.delete", "item_id": item }).to_string()
}

/// Adds words to the conversation.
pub fn say(speaker: Speaker, text: &str) -> String {
    let (role, kind) = match speaker {
        Speaker::User => ("user", "input_text"),
        Speaker::Assistant => ("assistant", "output_text"),
        Speaker::System => ("system", "input_text"),
    };
    let content = json!([{ "type": kind, "text": text }]);
    json!({ "type": "conversation.item.create", "item": { "type": "message", "role": role, "content": content } })
        .to_string()
}

/// Answers a function call.
pub fn function_output(call: &str, output: &Value) -> String {
    let item = json!({ "type": "function_call_output", "call_id": call, "output": output.to_string() });
    json!({ "type": "conversation.item.create", "item": item }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_telephone_session_has_no_rate_and_no_nulls() {
        let text = session_update(&Session {
            instructions: "Be kind.",
            voice: "marin",
            transcription_model: "gpt-4o-mini-transcribe",
            language: "en",
            turn_detection: TurnDetection::Semantic,
            interruptible: true,
            tools: &[Tool::function(
                "hang_up",
                "End the call.",
                json!({ "type": "object", "properties": {} }),
            )],
        });
        assert!(!text.contains("rate") && !text.contains("null"), "{text}");
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            value["session"]["audio"]["input"]["format"],
            json!({ "type": "audio/pcmu" })
        );
        assert_eq!(value["session"]["tools"][0]["type"], "function");
    }

    #[test]
    fn outputs_are_text_inside_text() {
        let value: Value = serde_json::from_str(&function_output("c1", &json!({ "ok": true }))).unwrap();
        assert_eq!(value["item"]["output"], r#"{"ok":true}"#);
    }
}
