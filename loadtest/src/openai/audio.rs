//! `/v1/audio/speech` and `/v1/audio/transcriptions`.
use std::sync::Arc;

use axum::Json;
use axum::extract::{Multipart, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::world::{World, refusal};
use crate::speech::{self, Voice};
use crate::ulaw;

/// Speaks the input as WAV, or as raw 24 kHz PCM.
pub(crate) async fn speech(State(world): State<Arc<World>>, Json(request): Json<Value>) -> Response {
    let Some(text) = request
        .get("input")
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
    else {
        return refusal(
            StatusCode::BAD_REQUEST,
            "missing_required_parameter",
            "you must provide an input",
        );
    };
    world.ledger.record("speech", json!({"request": request}));
    let samples = ulaw::decode(&speech::render(Voice::Agent, text).await);
    let samples = ulaw::resample(&samples, 8000, 24_000);
    match request
        .get("response_format")
        .and_then(Value::as_str)
        .unwrap_or("mp3")
    {
        "pcm" => {
            let bytes: Vec<u8> = samples.into_iter().flat_map(i16::to_le_bytes).collect();
            ([(header::CONTENT_TYPE, "audio/pcm")], bytes).into_response()
        }
        "wav" => match ulaw::wav(&[samples], 24_000) {
            Ok(bytes) => ([(header::CONTENT_TYPE, "audio/wav")], bytes).into_response(),
            Err(error) => refusal(
                StatusCode::INTERNAL_SERVER_ERROR,
                "server_error",
                &error.to_string(),
            ),
        },
        other => {
            let message = format!("The emulator speaks wav and pcm, not {other}.");
            refusal(StatusCode::BAD_REQUEST, "invalid_value", &message)
        }
    }
}

/// Answers with the next scripted transcription.
pub(crate) async fn transcribe(State(world): State<Arc<World>>, mut form: Multipart) -> Response {
    let (mut size_bytes, mut format) = (0, "json".to_owned());
    while let Ok(Some(field)) = form.next_field().await {
        match field.name().unwrap_or_default() {
            "file" => size_bytes = field.bytes().await.map_or(0, |bytes| bytes.len()),
            "response_format" => format = field.text().await.unwrap_or_default(),
            _ => {}
        }
    }
    if size_bytes == 0 {
        return refusal(
            StatusCode::BAD_REQUEST,
            "missing_required_parameter",
            "you must provide a file",
        );
    }
    world
        .ledger
        .record("transcription", json!({"size_bytes": size_bytes}));
    let scripted = world
        .transcriptions
        .lock()
        .expect("no holder of the lock panics")
        .pop_front();
    let text = scripted.unwrap_or_else(|| "Please call me back.".to_owned());
    if format == "text" {
        text.into_response()
    } else {
        Json(json!({"text": text})).into_response()
    }
}
