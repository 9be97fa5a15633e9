//! Twilio as Switchboard sees it: REST API, signed webhooks, TwiML that is really followed, media streams, SMS.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use loadtest::twilio::{Config, Emulator};
//! let twilio = Emulator::start(Config::default()).await?;
//! // … start Switchboard with TWILIO_API_URL = twilio.url(), then:
//! twilio.aim("https://hub.example.test", "http://127.0.0.1:5000")?;
//! let caller = twilio.call("+15550100", "+15550199")?;
//! caller.first_audio().await?;              // the greeting plays
//! caller.say_text("I need a plumber.").await;
//! caller.cleared(1).await?;                 // barge-in
//! let heard = caller.heard();               // what really came out of the receiver
//! caller.hang_up();
//! assert_eq!(caller.ended().await?.ended_as.as_deref(), Some("completed"));
//! # Ok(()) }
//! ```
mod attached;
mod call;
mod callbacks;
mod caller;
mod control;
mod dial;
mod faults;
mod leg;
mod line;
mod media;
mod playout;
mod record;
mod rest;
mod sign;
mod sms;
mod stream;
mod talk;
mod twiml;
mod webhook;
mod world;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::routing::{any, get};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

pub use self::caller::Caller;
pub use self::faults::{CallbackFaults, Faults, RestFault, RestFaultKind, StreamFaults};
pub use self::line::{Clear, Heard, MarkEcho, Moments, Piece, Tap};
pub use self::playout::{Played, Playout};
pub use self::sign::{SETTINGS, SIGNATURE, SharedKey, headers as signature_headers, text as signed_text};
pub use self::sms::segments;
pub use self::twiml::{Verb, parse as parse_twiml};
pub use self::world::{Account, Number, Person};
use self::world::{WhereTo, World};
use crate::ledger::{Effect, Ledger};
use crate::serve;

/// How the emulator is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where REST and control listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Switchboard's public URL: what webhooks are signed over.
    pub public_url: Url,
    /// The address that really answers for it.
    pub target: Url,
    /// Accounts; the first owns every number that is not listed.
    pub accounts: Vec<Account>,
    /// Numbers with webhooks other than Switchboard's usual paths.
    pub numbers: Vec<Number>,
    /// A PEM file of certificate authorities to trust for `https` and `wss` targets.
    pub trust: Option<PathBuf>,
    /// Keep what callers heard; off for load runs, where nobody listens to it.
    pub keep_audio: bool,
}

impl Default for Config {
    fn default() -> Self {
        let url = |text: &str| Url::parse(text).expect("the text is a URL");
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            public_url: url("https://switchboard.test"),
            target: url("http://127.0.0.1:5000"),
            accounts: vec![Account {
                sid: "AC00000000000000000000000000000001".to_owned(),
                auth_token: "emulated-auth-token".to_owned(),
                api_keys: Vec::new(),
                shared_key: None,
            }],
            numbers: Vec::new(),
            trust: None,
            keep_audio: true,
        }
    }
}

/// A running emulator; dropping it stops it at once, [`Emulator::stop`] waits for its tasks.
pub struct Emulator {
    world: Arc<World>,
    address: SocketAddr,
}

impl Emulator {
    /// Starts on the configured address.
    pub async fn start(config: Config) -> Result<Self> {
        let listener = TcpListener::bind(config.listen)
            .await
            .context("listen for Twilio's REST API")?;
        Self::start_on(listener, config)
    }

    /// Starts on a given listener.
    pub fn start_on(listener: TcpListener, config: Config) -> Result<Self> {
        let address = listener.local_addr().context("read the listener's address")?;
        let (http, tls) = crate::outbound::clients(config.trust.as_deref())?;
        let world = Arc::new(World {
            accounts: config.accounts,
            place: WhereTo {
                public_url: config.public_url,
                target: config.target,
            }
            .into(),
            numbers: config
                .numbers
                .into_iter()
                .map(|n| (n.number.clone(), n))
                .collect::<std::collections::HashMap<_, _>>()
                .into(),
            people: Mutex::default(),
            calls: Mutex::default(),
            messages: Mutex::default(),
            recordings: Mutex::default(),
            stopped: Mutex::default(),
            faults: Mutex::default(),
            ledger: Ledger::default(),
            lateness: crate::histogram::Shared::default(),
            http,
            tls,
            base_url: format!("http://{address}"),
            keep_audio: config.keep_audio,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        });
        let router = Router::new()
            .route("/2010-04-01/{*path}", any(rest::serve))
            .route("/_media/{sid}", get(attached::serve))
            .nest("/_control", control::router())
            .with_state(Arc::clone(&world));
        let stop = world.stop.clone();
        world.tasks.spawn(serve::until(listener, router, stop));
        Ok(Self { world, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What `TWILIO_API_URL` must be.
    pub fn url(&self) -> String {
        self.world.base_url.clone()
    }

    /// The first account.
    pub fn account(&self) -> Account {
        self.world
            .accounts
            .first()
            .cloned()
            .expect("an emulator has an account")
    }

    /// Names Switchboard's public URL and the address that answers for it.
    pub fn aim(&self, public_url: &str, target: &str) -> Result<()> {
        let public_url = Url::parse(public_url).context("read the public URL")?;
        let target = Url::parse(target).context("read the target URL")?;
        *self.world.place.lock().expect("no holder of the lock panics") = WhereTo { public_url, target };
        Ok(())
    }

    /// Switchboard's public URL at present.
    pub fn public_url(&self) -> String {
        let place = self.world.place.lock().expect("no holder of the lock panics");
        place.public_url.as_str().trim_end_matches('/').to_owned()
    }

    /// The address that answers for it at present.
    pub fn target(&self) -> String {
        self.world
            .place
            .lock()
            .expect("no holder of the lock panics")
            .target
            .to_string()
    }

    /// Adds or changes a number.
    pub fn set_number(&self, number: Number) {
        let mut numbers = self.world.numbers.lock().expect("no holder of the lock panics");
        numbers.insert(number.number.clone(), number);
    }

    /// Says how the person at `number` reacts to calls and texts.
    pub fn set_person(&self, number: &str, person: Person) {
        self.world
            .people
            .lock()
            .expect("no holder of the lock panics")
            .insert(number.to_owned(), person);
    }

    /// Replaces all faults; `Faults::default()` switches them off.
    pub fn set_faults(&self, faults: Faults) {
        *self.world.faults.lock().expect("no holder of the lock panics") = faults;
    }

    /// A person at `from` dials our number `to`.
    pub fn call(&self, from: &str, to: &str) -> Result<Caller> {
        control::place(&self.world, from, to)
    }

    /// The person's end of any call, child legs included.
    pub fn caller(&self, call_sid: &str) -> Option<Caller> {
        self.world.call(call_sid).map(Caller::new)
    }

    /// The person's end of every call so far, oldest first.
    pub fn callers(&self) -> Vec<Caller> {
        let calls = self.world.calls.lock().expect("no holder of the lock panics");
        calls.iter().map(|call| Caller::new(Arc::clone(call))).collect()
    }

    /// Waits until a call to `number` exists (a transfer, an outbound call).
    pub async fn called(&self, number: &str) -> Result<Caller> {
        let effect = self
            .world
            .ledger
            .wait("call.status", Caller::PATIENCE, |data| {
                data.get("to").and_then(Value::as_str) == Some(number)
            })
            .await?;
        let sid = effect
            .data
            .get("call_sid")
            .and_then(Value::as_str)
            .context("the effect names no call")?;
        self.caller(sid).context("the call is gone")
    }

    /// A person at `from` texts our number `to`; the message's sid and the status the webhook answered with.
    pub async fn send_sms(&self, from: &str, to: &str, body: &str) -> Result<(String, u16)> {
        sms::receive(&self.world, from, to, (body, Vec::new())).await
    }

    /// The same with files: each a media type and its bytes.
    pub async fn send_mms(
        &self,
        from: &str,
        to: &str,
        body: &str,
        files: &[(&str, &[u8])],
    ) -> Result<(String, u16)> {
        let files = files
            .iter()
            .map(|(media_type, bytes)| attached::File::new(media_type, bytes));
        sms::receive(&self.world, from, to, (body, files.collect())).await
    }

    /// Posts any form to Switchboard as Twilio would, signed by the account; (status, body).
    pub async fn post(&self, account: &str, url: &str, params: &[(&str, &str)]) -> Result<(u16, String)> {
        let params = params
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let (account, url, method) = (account.to_owned(), url.to_owned(), "POST".to_owned());
        let webhook = webhook::Webhook {
            purpose: "test",
            account,
            url,
            method,
            params,
        };
        let answer = webhook::send(&self.world, &webhook).await?;
        Ok((answer.status, answer.body))
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
        self.world.ledger.wait(kind, Caller::PATIENCE, fits).await
    }

    /// How late this emulator's own 20 ms beats were: the generator's error, to be told beside every figure.
    pub fn lateness(&self) -> &crate::histogram::Shared {
        &self.world.lateness
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
