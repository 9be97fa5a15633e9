//! The Realtime WebSocket: handshake, one loop per session, and the faults of both.
use std::borrow::Cow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Json;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until, timeout};

use super::event::{Fault, event};
use super::faults::{ConnectFault, SpeechFault};
use super::record::SessionRecord;
use super::response;
use super::session::{Output, Session};
use super::world::{World, refusal};
use crate::clock;

/// A client that does not read for this long loses the session.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// One client event; the real limit of an append is 15 MiB.
const MESSAGE_MAX: usize = 16 * 1024 * 1024;

#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    model: String,
}

pub(crate) async fn upgrade(
    State(world): State<Arc<World>>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
    socket: WebSocketUpgrade,
) -> Response {
    let fault = world
        .faults
        .lock()
        .expect("no holder of the lock panics")
        .take_connect();
    match fault {
        None => {}
        Some(ConnectFault::Refused(status)) => {
            world.ledger.record("connect.refused", json!({"status": status}));
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            return refusal(status, "server_error", "The emulator was told to refuse this.");
        }
        Some(ConnectFault::Slow(ms)) => tokio::time::sleep(Duration::from_millis(ms)).await,
        Some(ConnectFault::Silent) => {
            world.ledger.record("connect.refused", json!({"status": null}));
            std::future::pending::<()>().await;
        }
    }
    if let Err(refused) = world.authorised(&headers) {
        return refused;
    }
    if asked.model.is_empty() {
        return refusal(
            StatusCode::BAD_REQUEST,
            "missing_model",
            "You must provide a model parameter.",
        );
    }
    // Small buffers: the defaults of 128 KiB cost more in cache misses than the audio does.
    socket
        .read_buffer_size(4096)
        .write_buffer_size(4096)
        .max_message_size(MESSAGE_MAX)
        .protocols(["realtime"])
        .on_upgrade(move |socket| run(world, asked.model, socket))
        .into_response()
}

/// The hot event, read without a tree.
#[derive(Deserialize)]
struct Append<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    audio: Cow<'a, str>,
}

struct Running {
    world: Arc<World>,
    socket: WebSocket,
    session: Session,
    record: Arc<Mutex<SessionRecord>>,
    stalled: bool,
}

/// Why a session ended.
type Ended = &'static str;

async fn run(world: Arc<World>, model: String, socket: WebSocket) {
    let record = Arc::new(Mutex::new(SessionRecord {
        opened_us: clock::now_us(),
        ..SessionRecord::default()
    }));
    world
        .sessions
        .lock()
        .expect("no holder of the lock panics")
        .push(Arc::clone(&record));
    let script = Arc::clone(&world.script.lock().expect("no holder of the lock panics"));
    let life = {
        let faults = world.faults.lock().expect("no holder of the lock panics");
        faults
            .session_max_ms
            .map_or(Duration::from_hours(1), Duration::from_millis)
    };
    let expires_at = clock::unix_s() + i64::try_from(life.as_secs()).unwrap_or(3600);
    let ledger = Arc::clone(&world.ledger);
    let (session, first) = Session::new(
        &model,
        script,
        expires_at,
        Arc::clone(&record),
        ledger,
        world.keep_audio,
    );
    world
        .ledger
        .record("session.opened", json!({"session": session.id(), "model": model}));
    let stop = world.stop.clone();
    let id = session.id().to_owned();
    let mut running = Running {
        world: Arc::clone(&world),
        socket,
        session,
        record,
        stalled: false,
    };
    let ended = tokio::select! {
        ended = running.live(first, Instant::now() + life) => ended,
        () = stop.cancelled() => "emulator stopped",
    };
    world
        .ledger
        .record("session.closed", json!({"session": id, "by": ended}));
    let mut record = running.record.lock().expect("no holder of the lock panics");
    record.closed_us = Some(clock::now_us());
    record.closed_by = Some(ended.to_owned());
}

impl Running {
    async fn live(&mut self, first: Output, expires: Instant) -> Ended {
        if let Err(ended) = self.put(first).await {
            return ended;
        }
        loop {
            let due = self.session.due_us();
            let wait_us = due.map_or(3_600_000_000, |due| due.saturating_sub(clock::now_us()));
            let tick = Instant::now() + Duration::from_micros(wait_us);
            let output = tokio::select! {
                () = sleep_until(expires) => return self.expire().await,
                () = sleep_until(tick), if due.is_some() => self.session.tick(clock::now_us()),
                message = self.socket.recv() => match message {
                    Some(Ok(Message::Text(text))) => self.take(&text),
                    Some(Ok(Message::Binary(_))) => Output::default(),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                    Some(Ok(Message::Close(_))) | None => return "client",
                    Some(Err(_)) => return "connection lost",
                },
            };
            if let Err(ended) = self.put(output).await {
                return ended;
            }
        }
    }

    fn take(&mut self, text: &str) -> Output {
        let now_us = clock::now_us();
        if let Ok(append) = serde_json::from_str::<Append<'_>>(text)
            && append.kind == "input_audio_buffer.append"
        {
            let (output, tags) = self.session.append(&append.audio, now_us);
            self.world.probed(&tags, now_us);
            return output;
        }
        match serde_json::from_str::<Value>(text) {
            Ok(request) => self.session.handle(&request, now_us),
            Err(error) => {
                let fault = Fault::new("invalid_json", format!("The message is not valid JSON: {error}"));
                Output {
                    texts: vec![fault.event(None).to_string()],
                    reply: None,
                }
            }
        }
    }

    /// Sends everything, preparing replies on the way; an error is the end of the session.
    async fn put(&mut self, mut output: Output) -> Result<(), Ended> {
        loop {
            for text in std::mem::take(&mut output.texts) {
                self.send(text).await?;
            }
            let Some(reply) = output.reply.take() else {
                return Ok(());
            };
            let script = Arc::clone(&self.world.script.lock().expect("no holder of the lock panics"));
            let prepared = response::prepare(&reply, &script).await;
            output = self.session.speak(prepared, clock::now_us());
        }
    }

    async fn send(&mut self, text: String) -> Result<(), Ended> {
        let fault = self
            .world
            .faults
            .lock()
            .expect("no holder of the lock panics")
            .speech;
        let spoken_ms = self.session.speaking_ms().unwrap_or(0);
        if let Some(fault) = fault.filter(|fault| spoken_ms > 0 && spoken_ms >= fault.after_ms()) {
            if !self.stalled {
                let data = json!({"session": self.session.id(), "fault": format!("{fault:?}")});
                self.world.ledger.record("speech.fault", data);
            }
            match fault {
                SpeechFault::Dies(_) => return Err("fault: died in mid-sentence"),
                SpeechFault::Stalls(_) => self.stalled = true,
                SpeechFault::Freezes(_) => std::future::pending().await,
                SpeechFault::HalfJson(_) => {
                    let half: String = text.chars().take(text.len() / 2).collect();
                    let _ = timeout(WRITE_TIMEOUT, self.socket.send(Message::text(half))).await;
                    return Err("fault: half a message");
                }
            }
        }
        if self.stalled {
            return Ok(());
        }
        match timeout(WRITE_TIMEOUT, self.socket.send(Message::text(text))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err("connection lost"),
            Err(_) => Err("client does not read"),
        }
    }

    async fn expire(&mut self) -> Ended {
        const TEXT: &str = "Your session hit the maximum duration of 60 minutes.";
        let error = json!({
            "type": "invalid_request_error", "code": "session_expired", "message": TEXT, "param": null,
            "event_id": null,
        });
        let _ = self
            .send(event("error", json!({"error": error})).to_string())
            .await;
        let close = CloseFrame {
            code: 1001,
            reason: TEXT.into(),
        };
        let _ = timeout(WRITE_TIMEOUT, self.socket.send(Message::Close(Some(close)))).await;
        "expired"
    }
}

/// The list of models.
pub(crate) async fn models() -> Json<Value> {
    let models = [
        "gpt-realtime",
        "gpt-realtime-mini",
        "gpt-4o-mini",
        "text-embedding-3-small",
        "gpt-4o-mini-tts",
        "whisper-1",
    ];
    let data: Vec<Value> = models
        .map(|id| json!({"id": id, "object": "model", "created": 0, "owned_by": "emulator"}))
        .to_vec();
    Json(json!({"object": "list", "data": data}))
}
