//! The control surface of the emulated OpenAI, below `/_control`.
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::chat::ChatRule;
use super::faults::Faults;
use super::script::Script;
use super::world::World;
use crate::ulaw;

type Shared = State<Arc<World>>;

pub(crate) fn router() -> Router<Arc<World>> {
    Router::new()
        .route("/", get(index))
        .route("/script", get(script).put(set_script))
        .route("/chat", put(set_chat))
        .route("/transcriptions", put(set_transcriptions))
        .route("/faults", get(faults).put(set_faults))
        .route("/sessions", get(sessions))
        .route("/sessions/{index}/audio.wav", get(audio))
        .route("/effects", get(effects))
}

async fn index() -> Json<Value> {
    Json(json!({
        "GET, PUT script": Script::default(),
        "PUT chat": [{"contains": "price", "says": "…", "calls": null}],
        "PUT transcriptions": ["…"],
        "GET, PUT faults": Faults::default(),
        "GET sessions, GET sessions/{index}/audio.wav": "what every session received and sent",
        "GET effects?after=&kind=&wait_ms=": "everything that happened",
    }))
}

async fn script(State(world): Shared) -> Json<Value> {
    Json(json!(
        **world.script.lock().expect("no holder of the lock panics")
    ))
}

async fn set_script(State(world): Shared, Json(script): Json<Script>) -> StatusCode {
    script.render().await;
    *world.script.lock().expect("no holder of the lock panics") = Arc::new(script);
    StatusCode::NO_CONTENT
}

async fn set_chat(State(world): Shared, Json(rules): Json<Vec<ChatRule>>) -> StatusCode {
    *world.chat.lock().expect("no holder of the lock panics") = rules;
    StatusCode::NO_CONTENT
}

async fn set_transcriptions(State(world): Shared, Json(texts): Json<Vec<String>>) -> StatusCode {
    *world.transcriptions.lock().expect("no holder of the lock panics") = texts.into();
    StatusCode::NO_CONTENT
}

async fn faults(State(world): Shared) -> Json<Faults> {
    Json(world.faults.lock().expect("no holder of the lock panics").clone())
}

async fn set_faults(State(world): Shared, Json(faults): Json<Faults>) -> StatusCode {
    *world.faults.lock().expect("no holder of the lock panics") = faults;
    StatusCode::NO_CONTENT
}

async fn sessions(State(world): Shared) -> Json<Value> {
    let sessions = world.sessions.lock().expect("no holder of the lock panics");
    Json(
        sessions
            .iter()
            .map(|record| json!(*record.lock().expect("no holder of the lock panics")))
            .collect(),
    )
}

async fn audio(State(world): Shared, Path(index): Path<usize>) -> Response {
    let record = world
        .sessions
        .lock()
        .expect("no holder of the lock panics")
        .get(index)
        .map(Arc::clone);
    let Some(record) = record else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let audio = record.lock().expect("no holder of the lock panics").audio.clone();
    match ulaw::to_wav(&audio) {
        Ok(wav) => ([(header::CONTENT_TYPE, "audio/wav")], wav).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[derive(Deserialize)]
struct Which {
    #[serde(default)]
    after: u64,
    kind: Option<String>,
    /// Wait so long for the first that fits.
    #[serde(default)]
    wait_ms: u64,
}

async fn effects(State(world): Shared, Query(which): Query<Which>) -> Json<Value> {
    let kind = which.kind.as_deref();
    Json(json!(
        world
            .ledger
            .poll(which.after, kind, Duration::from_millis(which.wait_ms))
            .await
    ))
}
