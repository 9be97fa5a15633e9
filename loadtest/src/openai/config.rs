//! A session's configuration: `session.update` checked as strictly as the real interface does.
use serde_json::{Map, Value, json};

use super::event::Fault;

type Checked = Result<(), Fault>;

/// The configuration a new session has.
pub(crate) fn default(id: &str, model: &str, expires_at: i64) -> Value {
    let pcm = json!({"type": "audio/pcm", "rate": 24000});
    json!({
        "type": "realtime", "object": "realtime.session", "id": id, "model": model,
        "output_modalities": ["audio"], "instructions": "", "tools": [], "tool_choice": "auto",
        "max_output_tokens": "inf", "tracing": null, "truncation": "auto", "prompt": null, "include": null,
        "expires_at": expires_at,
        "audio": {
            "input": {
                "format": pcm, "transcription": null, "noise_reduction": null,
                "turn_detection": {
                    "type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300,
                    "silence_duration_ms": 200, "idle_timeout_ms": null, "create_response": true,
                    "interrupt_response": true,
                },
            },
            "output": {"format": pcm, "voice": "alloy", "speed": 1.0},
        },
    })
}

/// Merges an update into the effective configuration, or says what is wrong with it.
pub(crate) fn update(effective: &mut Value, update: &Value, spoken: bool) -> Checked {
    let wanted = object(update, "session")?;
    check_session(wanted)?;
    let voice = update.pointer("/audio/output/voice");
    if spoken && voice.is_some() && voice != effective.pointer("/audio/output/voice") {
        return Err(Fault::new(
            "cannot_update_voice",
            "Cannot update a conversation's voice if assistant audio is present.",
        ));
    }
    merge(effective, update, "");
    Ok(())
}

fn merge(into: &mut Value, from: &Value, path: &str) {
    // These are replaced as a whole; objects around them are merged field by field.
    let whole = [
        "/audio/input/format",
        "/audio/output/format",
        "/audio/input/transcription",
        "/tool_choice",
    ];
    match (into.as_object_mut(), from.as_object()) {
        (Some(known), Some(fields)) if !whole.contains(&path) => {
            for (name, value) in fields {
                let below = format!("{path}/{name}");
                merge(known.entry(name.clone()).or_insert(Value::Null), value, &below);
            }
        }
        _ => *into = from.clone(),
    }
    let semantic = path == "/audio/input/turn_detection"
        && into.get("type").and_then(Value::as_str) == Some("semantic_vad");
    if semantic && let Some(fields) = into.as_object_mut() {
        for name in [
            "threshold",
            "prefix_padding_ms",
            "silence_duration_ms",
            "idle_timeout_ms",
        ] {
            fields.remove(name);
        }
    }
}

fn object<'a>(value: &'a Value, path: &str) -> Result<&'a Map<String, Value>, Fault> {
    value.as_object().ok_or_else(|| {
        Fault::at(
            "invalid_type",
            path,
            format!("Invalid type for '{path}': expected an object."),
        )
    })
}

fn only(fields: &Map<String, Value>, path: &str, known: &[&str]) -> Checked {
    match fields.keys().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let param = format!("{path}.{name}");
            Err(Fault::at(
                "unknown_parameter",
                &param,
                format!("Unknown parameter: '{param}'."),
            ))
        }
    }
}

fn one_of(value: Option<&Value>, path: &str, known: &[&str]) -> Checked {
    match value {
        None => Ok(()),
        Some(Value::String(text)) if known.contains(&text.as_str()) => Ok(()),
        Some(other) => {
            let supported = known
                .iter()
                .map(|name| format!("'{name}'"))
                .collect::<Vec<_>>()
                .join(", ");
            let message = format!("Invalid value: {other}. Supported values are: {supported}.");
            Err(Fault::at("invalid_value", path, message))
        }
    }
}

fn within(value: Option<&Value>, path: &str, least: f64, most: f64) -> Checked {
    match value {
        None | Some(Value::Null) => Ok(()),
        Some(value)
            if value
                .as_f64()
                .is_some_and(|number| (least..=most).contains(&number)) =>
        {
            Ok(())
        }
        Some(other) => {
            let message = format!("Invalid '{path}': {other} is not a number between {least} and {most}.");
            Err(Fault::at("invalid_value", path, message))
        }
    }
}

fn check_session(session: &Map<String, Value>) -> Checked {
    only(
        session,
        "session",
        &[
            "type",
            "model",
            "output_modalities",
            "instructions",
            "tools",
            "tool_choice",
            "max_output_tokens",
            "tracing",
            "truncation",
            "prompt",
            "include",
            "audio",
            "reasoning",
            "parallel_tool_calls",
        ],
    )?;
    if session.get("type").is_none() {
        let message = "Missing required parameter: 'session.type'.";
        return Err(Fault::at("missing_required_parameter", "session.type", message));
    }
    one_of(session.get("type"), "session.type", &["realtime"])?;
    let fine = [json!(["audio"]), json!(["text"])];
    if session
        .get("output_modalities")
        .is_some_and(|modalities| !fine.contains(modalities))
    {
        let message = "Invalid modalities: supported combinations are ['text'] and ['audio'].";
        return Err(Fault::at("invalid_value", "session.output_modalities", message));
    }
    if let Some(tokens) = session
        .get("max_output_tokens")
        .filter(|tokens| **tokens != json!("inf"))
    {
        within(Some(tokens), "session.max_output_tokens", 1.0, 4096.0)?;
    }
    for (index, tool) in session
        .get("tools")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .enumerate()
    {
        check_tool(tool, &format!("session.tools[{index}]"))?;
    }
    match session.get("audio") {
        None => Ok(()),
        Some(audio) => check_audio(object(audio, "session.audio")?),
    }
}

fn check_tool(tool: &Value, path: &str) -> Checked {
    let fields = object(tool, path)?;
    one_of(
        fields.get("type").or(Some(&Value::Null)),
        &format!("{path}.type"),
        &["function", "mcp"],
    )?;
    if fields.get("type") != Some(&json!("function")) {
        return Ok(());
    }
    only(fields, path, &["type", "name", "description", "parameters"])?;
    let name = fields.get("name").and_then(Value::as_str).unwrap_or_default();
    let fine = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    if name.is_empty() || name.len() > 64 || !name.chars().all(fine) {
        let param = format!("{path}.name");
        let message = format!("Invalid '{param}': string does not match pattern '^[a-zA-Z0-9_-]+$'.");
        return Err(Fault::at("invalid_value", param, message));
    }
    match fields.get("parameters") {
        None => Ok(()),
        Some(parameters) => object(parameters, &format!("{path}.parameters")).map(|_| ()),
    }
}

fn check_audio(audio: &Map<String, Value>) -> Checked {
    only(audio, "session.audio", &["input", "output"])?;
    if let Some(input) = audio.get("input") {
        let path = "session.audio.input";
        let input = object(input, path)?;
        only(
            input,
            path,
            &["format", "noise_reduction", "transcription", "turn_detection"],
        )?;
        check_format(input.get("format"), &format!("{path}.format"))?;
        if let Some(noise) = input.get("noise_reduction").and_then(Value::as_object) {
            only(noise, &format!("{path}.noise_reduction"), &["type"])?;
            one_of(
                noise.get("type"),
                &format!("{path}.noise_reduction.type"),
                &["near_field", "far_field"],
            )?;
        }
        if let Some(transcription) = input.get("transcription").and_then(Value::as_object) {
            let known = ["model", "language", "prompt", "delay"];
            only(transcription, &format!("{path}.transcription"), &known)?;
        }
        if let Some(turns) = input.get("turn_detection").and_then(Value::as_object) {
            check_turns(turns)?;
        }
    }
    let Some(output) = audio.get("output") else {
        return Ok(());
    };
    let path = "session.audio.output";
    let output = object(output, path)?;
    only(output, path, &["format", "voice", "speed"])?;
    check_format(output.get("format"), &format!("{path}.format"))?;
    within(output.get("speed"), &format!("{path}.speed"), 0.25, 1.5)?;
    let voices = [
        "alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar",
    ];
    if output.get("voice").is_some_and(Value::is_object) {
        return Ok(());
    }
    one_of(output.get("voice"), &format!("{path}.voice"), &voices)
}

fn check_format(format: Option<&Value>, path: &str) -> Checked {
    let Some(format) = format else { return Ok(()) };
    let fields = object(format, path)?;
    one_of(
        fields.get("type"),
        &format!("{path}.type"),
        &["audio/pcm", "audio/pcmu", "audio/pcma"],
    )?;
    let pcm = fields.get("type") == Some(&json!("audio/pcm"));
    only(fields, path, if pcm { &["type", "rate"] } else { &["type"] })
}

fn check_turns(turns: &Map<String, Value>) -> Checked {
    let path = "session.audio.input.turn_detection";
    one_of(
        turns.get("type").or(Some(&Value::Null)),
        &format!("{path}.type"),
        &["server_vad", "semantic_vad"],
    )?;
    if turns.get("type") == Some(&json!("semantic_vad")) {
        only(
            turns,
            path,
            &["type", "eagerness", "create_response", "interrupt_response"],
        )?;
        return one_of(
            turns.get("eagerness"),
            &format!("{path}.eagerness"),
            &["low", "medium", "high", "auto"],
        );
    }
    only(
        turns,
        path,
        &[
            "type",
            "threshold",
            "prefix_padding_ms",
            "silence_duration_ms",
            "idle_timeout_ms",
            "create_response",
            "interrupt_response",
        ],
    )?;
    within(turns.get("threshold"), &format!("{path}.threshold"), 0.0, 1.0)?;
    within(
        turns.get("prefix_padding_ms"),
        &format!("{path}.prefix_padding_ms"),
        0.0,
        10_000.0,
    )?;
    within(
        turns.get("silence_duration_ms"),
        &format!("{path}.silence_duration_ms"),
        0.0,
        10_000.0,
    )?;
    within(
        turns.get("idle_timeout_ms"),
        &format!("{path}.idle_timeout_ms"),
        5000.0,
        30_000.0,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telephony_settings_are_merged_and_nulls_switch_off() {
        let mut effective = default("sess_1", "gpt-realtime", 0);
        let pcmu = json!({"type": "audio/pcmu"});
        let wanted = json!({
            "type": "realtime", "instructions": "Be kind.",
            "audio": {"input": {"format": pcmu, "turn_detection": {"type": "semantic_vad", "eagerness": "high"}},
                "output": {"format": pcmu, "voice": "marin"}},
        });
        update(&mut effective, &wanted, false).unwrap();
        assert_eq!(effective.pointer("/audio/input/format"), Some(&pcmu));
        assert_eq!(effective.pointer("/audio/output/speed"), Some(&json!(1.0)));
        assert_eq!(effective.pointer("/audio/input/turn_detection/threshold"), None);
        update(
            &mut effective,
            &json!({"type": "realtime", "audio": {"input": {"turn_detection": null}}}),
            false,
        )
        .unwrap();
        assert_eq!(
            effective.pointer("/audio/input/turn_detection"),
            Some(&Value::Null)
        );
    }

    #[test]
    fn nonsense_is_refused_with_the_name_of_the_field() {
        let update_of = |audio: Value| json!({"type": "realtime", "audio": audio});
        for (wanted, param) in [
            (json!({"instructions": "x"}), "session.type"),
            (json!({"type": "realtime", "voice": "marin"}), "session.voice"),
            (
                json!({"type": "realtime", "output_modalities": ["audio", "text"]}),
                "session.output_modalities",
            ),
            (
                update_of(json!({"input": {"format": {"type": "audio/pcmu", "rate": 8000}}})),
                "session.audio.input.format.rate",
            ),
            (
                update_of(json!({"input": {"format": {"type": "g711_ulaw"}}})),
                "session.audio.input.format.type",
            ),
            (
                update_of(json!({"output": {"voice": "nobody"}})),
                "session.audio.output.voice",
            ),
            (
                update_of(json!({"output": {"speed": 2}})),
                "session.audio.output.speed",
            ),
            (
                update_of(json!({"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 1}}})),
                "session.audio.input.turn_detection.idle_timeout_ms",
            ),
        ] {
            let fault = update(&mut default("s", "m", 0), &wanted, false).unwrap_err();
            assert_eq!(fault.param.as_deref(), Some(param), "{fault:?}");
        }
        let louder = update_of(json!({"output": {"voice": "marin"}}));
        assert_eq!(
            update(&mut default("s", "m", 0), &louder, true).unwrap_err().code,
            "cannot_update_voice"
        );
    }
}
