//! OpenAI as Switchboard sees it: the Realtime socket (GA events), chat, embeddings, speech, transcription.
//!
//! The caller's audio is really listened to (energy, silence); what it means is the [`Script`]'s: utterances are
//! taken in their order, replies are spoken aloud.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use loadtest::openai::{Config, Emulator, Script};
//! let openai = Emulator::start(Config::default()).await?;
//! openai.set_script(Script::of(&[("I need a plumber.", "When would suit you?")])).await;
//! // … start Switchboard with OPENAI_BASE_URL = openai.url() and OPENAI_API_KEY = openai.api_key(), call it, then:
//! let session = openai.session(0).await?;
//! assert!(session.truncations.iter().all(|cut| cut.audio_end_ms <= cut.sent_ms));
//! # Ok(()) }
//! ```
mod audio;
mod chat;
mod config;
mod control;
mod conversation;
mod embeddings;
mod event;
mod faults;
mod record;
mod response;
mod script;
mod session;
mod socket;
mod vad;
mod world;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::chat::ChatRule;
pub use self::faults::{ConnectFault, Faults, HttpFault, SpeechFault};
pub use self::record::{SessionRecord, Spoken, ToolOutput, Truncation, Utterance};
pub use self::script::{Reply, Script, TextRule, Turn};
pub use self::vad::{Noticed, Vad};
pub use self::world::Probe;
use self::world::World;
use crate::ledger::{Effect, Ledger};
use crate::serve;

/// How the emulator is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it listens; port 0 picks a free one.
    pub listen: SocketAddr,
    /// The bearer key that is accepted.
    pub api_key: String,
    /// What is heard and said.
    pub script: Script,
    /// Keep the audio that sessions received; off for load runs.
    pub keep_audio: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            api_key: "sk-emulated".to_owned(),
            script: Script::default(),
            keep_audio: true,
        }
    }
}

/// A running emulator; dropping it stops it at once, [`Emulator::stop`] waits for it.
pub struct Emulator {
    world: Arc<World>,
    address: SocketAddr,
}

impl Emulator {
    /// Starts on the configured address; the script's speech is rendered first.
    pub async fn start(config: Config) -> Result<Self> {
        let listener = TcpListener::bind(config.listen)
            .await
            .context("listen for OpenAI's API")?;
        Self::start_on(listener, config).await
    }

    /// Starts on a given listener.
    pub async fn start_on(listener: TcpListener, config: Config) -> Result<Self> {
        let address = listener.local_addr().context("read the listener's address")?;
        config.script.render().await;
        let world = Arc::new(World {
            api_key: config.api_key,
            script: Arc::new(config.script).into(),
            chat: Mutex::default(),
            transcriptions: Mutex::default(),
            faults: Mutex::default(),
            sessions: Mutex::default(),
            probe: Mutex::default(),
            ledger: Arc::default(),
            keep_audio: config.keep_audio,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        });
        let plain = Router::new()
            .route("/models", get(socket::models))
            .route("/chat/completions", post(chat::serve))
            .route("/embeddings", post(embeddings::serve))
            .route("/audio/speech", post(audio::speech))
            .route("/audio/transcriptions", post(audio::transcribe))
            .layer(from_fn_with_state(Arc::clone(&world), admit));
        let router = Router::new()
            .nest("/v1", plain.route("/realtime", get(socket::upgrade)))
            .nest("/_control", control::router())
            .with_state(Arc::clone(&world));
        world
            .tasks
            .spawn(serve::until(listener, router, world.stop.clone()));
        Ok(Self { world, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What `OPENAI_BASE_URL` must be.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// What `OPENAI_API_KEY` must be.
    pub fn api_key(&self) -> &str {
        &self.world.api_key
    }

    /// The script of sessions that open from now on; its speech is rendered first.
    pub async fn set_script(&self, script: Script) {
        script.render().await;
        *self.world.script.lock().expect("no holder of the lock panics") = Arc::new(script);
    }

    /// Scripted answers of the chat endpoint; the first that fits counts.
    pub fn set_chat(&self, rules: Vec<ChatRule>) {
        *self.world.chat.lock().expect("no holder of the lock panics") = rules;
    }

    /// The next answers of the transcription endpoint.
    pub fn set_transcriptions(&self, texts: &[&str]) {
        let texts = texts.iter().map(|text| (*text).to_owned()).collect();
        *self
            .world
            .transcriptions
            .lock()
            .expect("no holder of the lock panics") = texts;
    }

    /// Replaces all faults; `Faults::default()` switches them off.
    pub fn set_faults(&self, faults: Faults) {
        *self.world.faults.lock().expect("no holder of the lock panics") = faults;
    }

    /// Calls `probe` with every tagged frame (see [`crate::probe`]) that arrives.
    pub fn set_probe(&self, probe: Probe) {
        *self.world.probe.lock().expect("no holder of the lock panics") = Some(probe);
    }

    /// What every session so far received and sent, in the order of opening.
    pub fn sessions(&self) -> Vec<SessionRecord> {
        let sessions = self.world.sessions.lock().expect("no holder of the lock panics");
        sessions
            .iter()
            .map(|record| record.lock().expect("no holder of the lock panics").clone())
            .collect()
    }

    /// The session with this number, counted from 0, as soon as it exists.
    pub async fn session(&self, index: usize) -> Result<SessionRecord> {
        self.session_when(index, |_| true).await
    }

    /// The session with this number as soon as it is so.
    pub async fn session_when(
        &self,
        index: usize,
        mut so: impl FnMut(&SessionRecord) -> bool,
    ) -> Result<SessionRecord> {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        let mut pace = crate::pace::Pace::from_now();
        while tokio::time::Instant::now() < deadline {
            let record = self.sessions().into_iter().nth(index);
            if let Some(record) = record.filter(|record| so(record)) {
                return Ok(record);
            }
            pace.beat().await;
        }
        bail!(
            "session {index} is not so: {:?}",
            self.sessions().get(index).map(|record| &record.spoken)
        )
    }

    /// Everything that happened.
    pub fn effects(&self) -> Vec<Effect> {
        self.world.ledger.all()
    }

    /// The record itself, to wait upon.
    pub fn ledger(&self) -> &Ledger {
        &self.world.ledger
    }

    /// Waits for an effect of `kind` whose data `fits`.
    pub async fn wait_for(&self, kind: &str, fits: impl Fn(&Value) -> bool) -> Result<Effect> {
        self.world.ledger.wait(kind, Duration::from_secs(30), fits).await
    }

    /// Stops everything and waits for it, at most five seconds.
    pub async fn stop(self) {
        self.world.stop.cancel();
        self.world.tasks.close();
        let _ = tokio::time::timeout(Duration::from_secs(5), self.world.tasks.wait()).await;
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.world.stop.cancel();
    }
}

/// The key and the faults of the plain endpoints.
async fn admit(State(world): State<Arc<World>>, request: Request, next: Next) -> Response {
    let fault = world
        .faults
        .lock()
        .expect("no holder of the lock panics")
        .take_http(request.uri().path());
    if let Some(fault) = fault {
        tokio::time::sleep(Duration::from_millis(fault.after_ms)).await;
        world.ledger.record(
            "http.refused",
            json!({"path": request.uri().path(), "status": fault.status}),
        );
        let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let code = if status == StatusCode::TOO_MANY_REQUESTS {
            "rate_limit_exceeded"
        } else {
            "server_error"
        };
        return world::refusal(status, code, "The emulator was told to refuse this.");
    }
    match world.authorised(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    }
}
