//! A plain media bridge, written as the vendors' samples are: the yardstick that ratios are taken against,
//! and the partner of the emulators' own tests. It is no part of the product and shares nothing with it.
#![expect(
    clippy::indexing_slicing,
    reason = "reading a missing field of a JSON value gives null"
)]
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use tokio_util::sync::CancellationToken;

use crate::serve;

/// Where the bridge finds the model and how it is seen from outside.
#[derive(Clone, Debug)]
pub struct Plain {
    /// `http://…/v1`.
    pub openai_url: String,
    /// Bearer key.
    pub api_key: String,
    /// As Twilio sees us.
    pub public_url: String,
}

type Model = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Serves until stopped.
pub async fn serve(listener: TcpListener, plain: Plain, stop: CancellationToken) {
    let router = Router::new()
        .route("/webhooks/twilio/voice", post(voice))
        .route(
            "/webhooks/twilio/voice/resume",
            post(|| async { twiml("<Hangup/>") }),
        )
        .route("/webhooks/twilio/voice/status", post(|| async {}))
        .route("/webhooks/twilio/stream", post(|| async {}))
        .route("/webhooks/twilio/sms", post(|| async { twiml("") }))
        .route("/media/twilio/{token}", get(media))
        .with_state(Arc::new(plain));
    serve::until(listener, router, stop).await;
}

fn twiml(verbs: &str) -> Response {
    (
        [(header::CONTENT_TYPE, "text/xml")],
        format!("<Response>{verbs}</Response>"),
    )
        .into_response()
}

async fn voice(State(plain): State<Arc<Plain>>) -> Response {
    let socket = plain.public_url.replacen("http", "ws", 1);
    let url = &plain.public_url;
    twiml(&format!(
        r#"<Connect><Stream url="{socket}/media/twilio/plain" statusCallback="{url}/webhooks/twilio/stream"/></Connect><Redirect method="POST">{url}/webhooks/twilio/voice/resume</Redirect>"#
    ))
}

async fn media(
    State(plain): State<Arc<Plain>>,
    Path(_token): Path<String>,
    upgrade: WebSocketUpgrade,
) -> Response {
    upgrade.on_upgrade(|socket| async move {
        if let Err(error) = bridge(&plain, socket).await {
            tracing::debug!(error = format!("{error:#}"), "A plain call ended");
        }
    })
}

async fn connect(plain: &Plain) -> Result<Model> {
    let url = format!(
        "{}/realtime?model=gpt-realtime",
        plain.openai_url.replacen("http", "ws", 1)
    );
    let mut request = url.into_client_request().context("make the upgrade")?;
    request
        .headers_mut()
        .insert("authorization", format!("Bearer {}", plain.api_key).parse()?);
    let (mut model, _) = tokio_tungstenite::connect_async(request)
        .await
        .context("connect to the model")?;
    let format = json!({"type": "audio/pcmu"});
    let turns = json!({"type": "server_vad", "silence_duration_ms": 500});
    let transcription = json!({"model": "gpt-4o-mini-transcribe"});
    let audio = json!({
        "input": {"format": format, "turn_detection": turns, "transcription": transcription},
        "output": {"format": format, "voice": "marin"},
    });
    let session = json!({"type": "session.update", "session": {"type": "realtime", "audio": audio}});
    model
        .send(tungstenite::Message::text(session.to_string()))
        .await?;
    Ok(model)
}

/// Waits for the stream's name, without which nothing can be said into it.
async fn begin(phone: &mut WebSocket) -> Result<Heard> {
    let mut heard = Heard::default();
    while heard.stream_sid.is_empty() {
        let message = phone.recv().await.context("the stream ended before it began")??;
        if let Message::Text(text) = message {
            from_phone(&serde_json::from_str(&text)?, &mut heard);
        }
    }
    Ok(heard)
}

/// What was sent and what is known to have been played of the item that speaks.
#[derive(Default)]
struct Heard {
    stream_sid: String,
    item: String,
    sent_ms: u64,
    played_ms: u64,
}

async fn bridge(plain: &Plain, mut phone: WebSocket) -> Result<()> {
    let mut model = connect(plain).await?;
    let mut heard = begin(&mut phone).await?;
    let greeting = json!({"type": "response.create"}).to_string();
    model.send(tungstenite::Message::text(greeting)).await?;
    loop {
        tokio::select! {
            message = phone.recv() => {
                let Some(Ok(Message::Text(text))) = message else { break };
                let event: Value = serde_json::from_str(&text)?;
                if let Some(out) = from_phone(&event, &mut heard) {
                    model.send(tungstenite::Message::text(out.to_string())).await?;
                }
                if event["event"] == "stop" {
                    break;
                }
            }
            message = model.next() => {
                let Some(Ok(message)) = message else { break };
                let tungstenite::Message::Text(text) = message else { continue };
                let event: Value = serde_json::from_str(&text)?;
                let (to_phone, to_model) = from_model(&event, &mut heard);
                for out in to_phone {
                    phone.send(Message::text(out.to_string())).await?;
                }
                if let Some(out) = to_model {
                    model.send(tungstenite::Message::text(out.to_string())).await?;
                }
            }
        }
    }
    let _ = tokio::time::timeout(Duration::from_secs(1), model.close(None)).await;
    Ok(())
}

fn from_phone(event: &Value, heard: &mut Heard) -> Option<Value> {
    match event["event"].as_str()? {
        "start" => {
            event["streamSid"].as_str()?.clone_into(&mut heard.stream_sid);
            None
        }
        "media" => Some(json!({"type": "input_audio_buffer.append", "audio": event["media"]["payload"]})),
        "mark" => {
            let (item, ms) = event["mark"]["name"].as_str()?.split_once('/')?;
            if item == heard.item {
                heard.played_ms = ms.parse().ok()?;
            }
            None
        }
        _ => None,
    }
}

fn from_model(event: &Value, heard: &mut Heard) -> (Vec<Value>, Option<Value>) {
    match event["type"].as_str().unwrap_or_default() {
        "response.output_audio.delta" => {
            let item = event["item_id"].as_str().unwrap_or_default();
            if item != heard.item {
                item.clone_into(&mut heard.item);
                (heard.sent_ms, heard.played_ms) = (0, 0);
            }
            let delta = event["delta"].as_str().unwrap_or_default();
            heard.sent_ms += (delta.trim_end_matches('=').len() * 3 / 4 / 8) as u64;
            let name = format!("{}/{}", heard.item, heard.sent_ms);
            let sid = &heard.stream_sid;
            let media = json!({"event": "media", "streamSid": sid, "media": {"payload": delta}});
            (
                vec![
                    media,
                    json!({"event": "mark", "streamSid": sid, "mark": {"name": name}}),
                ],
                None,
            )
        }
        "input_audio_buffer.speech_started" if heard.sent_ms > heard.played_ms => {
            let item = std::mem::take(&mut heard.item);
            let cut = json!({
                "type": "conversation.item.truncate", "item_id": item, "content_index": 0,
                "audio_end_ms": heard.played_ms,
            });
            (heard.sent_ms, heard.played_ms) = (0, 0);
            (
                vec![json!({"event": "clear", "streamSid": heard.stream_sid})],
                Some(cut),
            )
        }
        _ => (Vec::new(), None),
    }
}
