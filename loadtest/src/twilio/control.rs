//! The control surface: everything a test can do with the library, over HTTP below `/_control`.
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::attached::File;
use super::call::{Call, Document, NewCall};
use super::caller::Caller;
use super::faults::Faults;
use super::twiml::Callback;
use super::world::{Number, Person, WhereTo, World};
use super::{leg, sms};
use crate::ulaw;

type Shared = State<Arc<World>>;

/// The routes; each is told in `GET /_control`.
pub(crate) fn router() -> Router<Arc<World>> {
    Router::new()
        .route("/", get(index))
        .route("/aim", post(aim))
        .route("/calls", get(calls).post(call))
        .route("/calls/{sid}", get(read))
        .route("/calls/{sid}/say", post(say))
        .route("/calls/{sid}/silence", post(silence))
        .route("/calls/{sid}/dtmf", post(dtmf))
        .route("/calls/{sid}/hang-up", post(hang_up))
        .route("/calls/{sid}/heard", get(heard))
        .route("/calls/{sid}/heard.wav", get(heard_wav))
        .route("/sms", post(send_sms))
        .route("/faults", get(faults).put(set_faults))
        .route("/people/{number}", axum::routing::put(person))
        .route("/numbers", post(number))
        .route("/effects", get(effects))
}

/// A mistake of the one who controls.
struct Wrong(StatusCode, String);

impl IntoResponse for Wrong {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"error": self.1}))).into_response()
    }
}

impl From<anyhow::Error> for Wrong {
    fn from(error: anyhow::Error) -> Self {
        Self(StatusCode::UNPROCESSABLE_ENTITY, format!("{error:#}"))
    }
}

/// Starts an inbound call.
pub(crate) fn place(world: &Arc<World>, from: &str, to: &str) -> Result<Caller> {
    let number = world.number(to)?;
    let callback = number.status_callback.clone().map(|url| Callback {
        url,
        method: "POST".to_owned(),
        events: number.status_events.clone(),
    });
    let new = NewCall {
        account: number.account_sid.clone(),
        from: from.to_owned(),
        to: to.to_owned(),
        direction: "inbound",
        parent: None,
        callback,
    };
    let (call, interrupts) = Call::open(world, new);
    call.become_status(world, "ringing");
    let first = Document::Url {
        url: number.voice_url,
        method: "POST".to_owned(),
        extra: Vec::new(),
    };
    let leg = leg::run(
        Arc::clone(world),
        Arc::clone(&call),
        interrupts,
        first,
        number.voice_fallback_url,
    );
    world.spawn(leg);
    Ok(Caller::new(call))
}

async fn index() -> Json<Value> {
    Json(json!({
        "POST aim": {"public_url": "…", "target": "…"},
        "POST calls": {"from": "+15550100", "to": "+15550199", "say": "text", "wav": "path"},
        "GET calls, GET calls/{sid}": "state, moments",
        "POST calls/{sid}/say": {"text": "…", "wav": "path"},
        "POST calls/{sid}/dtmf": {"keys": "12#"},
        "POST calls/{sid}/silence, POST calls/{sid}/hang-up": {},
        "GET calls/{sid}/heard, GET calls/{sid}/heard.wav?since_us=": "pieces, marks, clears; audio",
        "POST sms": {"from": "…", "to": "…", "body": "…", "files": [{"media_type": "image/png", "base64": "…"}]},
        "GET, PUT faults": Faults::default(),
        "PUT people/{number}": Person::default(),
        "POST numbers": "number, account_sid, voice_url, sms_url …",
        "GET effects?after=&kind=&wait_ms=": "everything that happened",
    }))
}

#[derive(Deserialize)]
struct Aim {
    public_url: url::Url,
    target: url::Url,
}

async fn aim(State(world): Shared, Json(aim): Json<Aim>) -> StatusCode {
    let place = WhereTo {
        public_url: aim.public_url,
        target: aim.target,
    };
    *world.place.lock().expect("no holder of the lock panics") = place;
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
struct NewCallForm {
    from: String,
    to: String,
    #[serde(flatten)]
    words: Words,
}

#[derive(Deserialize)]
struct Words {
    #[serde(alias = "say")]
    text: Option<String>,
    wav: Option<std::path::PathBuf>,
}

async fn speak(caller: &Caller, words: Words) -> Result<(), Wrong> {
    if let Some(path) = words.wav {
        let bytes = tokio::fs::read(&path)
            .await
            .map_err(|error| anyhow::anyhow!("read {}: {error}", path.display()))?;
        caller.say(ulaw::from_wav(&bytes)?);
    }
    if let Some(text) = words.text {
        caller.say_text(&text).await;
    }
    Ok(())
}

async fn call(State(world): Shared, Json(form): Json<NewCallForm>) -> Result<Json<Value>, Wrong> {
    let caller = place(&world, &form.from, &form.to)?;
    speak(&caller, form.words).await?;
    Ok(Json(json!({"call_sid": caller.sid()})))
}

fn find(world: &World, sid: &str) -> Result<Caller, Wrong> {
    world
        .call(sid)
        .map(Caller::new)
        .ok_or_else(|| Wrong(StatusCode::NOT_FOUND, format!("no call {sid}")))
}

fn shown(caller: &Caller) -> Value {
    json!({"call_sid": caller.sid(), "status": caller.status(), "moments": caller.moments()})
}

async fn calls(State(world): Shared) -> Json<Value> {
    let calls = world.calls.lock().expect("no holder of the lock panics");
    Json(
        calls
            .iter()
            .map(|call| shown(&Caller::new(Arc::clone(call))))
            .collect(),
    )
}

async fn read(State(world): Shared, Path(sid): Path<String>) -> Result<Json<Value>, Wrong> {
    Ok(Json(shown(&find(&world, &sid)?)))
}

async fn say(
    State(world): Shared,
    Path(sid): Path<String>,
    Json(words): Json<Words>,
) -> Result<StatusCode, Wrong> {
    speak(&find(&world, &sid)?, words).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn silence(State(world): Shared, Path(sid): Path<String>) -> Result<StatusCode, Wrong> {
    find(&world, &sid)?.silence();
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct Keys {
    keys: String,
}

async fn dtmf(
    State(world): Shared,
    Path(sid): Path<String>,
    Json(keys): Json<Keys>,
) -> Result<StatusCode, Wrong> {
    find(&world, &sid)?.dtmf(&keys.keys);
    Ok(StatusCode::NO_CONTENT)
}

async fn hang_up(State(world): Shared, Path(sid): Path<String>) -> Result<StatusCode, Wrong> {
    find(&world, &sid)?.hang_up();
    Ok(StatusCode::NO_CONTENT)
}

async fn heard(State(world): Shared, Path(sid): Path<String>) -> Result<Json<Value>, Wrong> {
    let heard = find(&world, &sid)?.heard();
    let pieces: Vec<Value> = heard
        .pieces
        .iter()
        .map(|piece| json!({"at_us": piece.at_us, "duration_ms": ulaw::duration_ms(piece.audio.len())}))
        .collect();
    Ok(Json(
        json!({"pieces": pieces, "marks": heard.marks, "clears": heard.clears}),
    ))
}

#[derive(Deserialize)]
struct Since {
    #[serde(default)]
    since_us: u64,
}

async fn heard_wav(
    State(world): Shared,
    Path(sid): Path<String>,
    Query(since): Query<Since>,
) -> Result<Response, Wrong> {
    let audio = find(&world, &sid)?.heard().audio_since(since.since_us);
    Ok((
        [(header::CONTENT_TYPE, "audio/wav")],
        Bytes::from(ulaw::to_wav(&audio)?),
    )
        .into_response())
}

#[derive(Deserialize)]
struct NewSms {
    from: String,
    to: String,
    body: String,
    #[serde(default)]
    files: Vec<NewFile>,
}

#[derive(Deserialize)]
struct NewFile {
    media_type: String,
    base64: String,
}

async fn send_sms(State(world): Shared, Json(sms): Json<NewSms>) -> Result<Json<Value>, Wrong> {
    let mut files = Vec::with_capacity(sms.files.len());
    for file in &sms.files {
        let bytes = STANDARD.decode(&file.base64).context("a file is not base64")?;
        files.push(File::new(&file.media_type, &bytes));
    }
    let (sid, status) = sms::receive(&world, &sms.from, &sms.to, (&sms.body, files)).await?;
    Ok(Json(json!({"message_sid": sid, "status": status})))
}

async fn faults(State(world): Shared) -> Json<Faults> {
    Json(world.faults.lock().expect("no holder of the lock panics").clone())
}

async fn set_faults(State(world): Shared, Json(faults): Json<Faults>) -> StatusCode {
    *world.faults.lock().expect("no holder of the lock panics") = faults;
    StatusCode::NO_CONTENT
}

async fn person(State(world): Shared, Path(number): Path<String>, Json(person): Json<Person>) -> StatusCode {
    world
        .people
        .lock()
        .expect("no holder of the lock panics")
        .insert(number, person);
    StatusCode::NO_CONTENT
}

async fn number(State(world): Shared, Json(number): Json<Number>) -> StatusCode {
    world
        .numbers
        .lock()
        .expect("no holder of the lock panics")
        .insert(number.number.clone(), number);
    StatusCode::NO_CONTENT
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
