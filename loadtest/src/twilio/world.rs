//! Everything the emulated Twilio knows: accounts, numbers, people, calls, messages, recordings.
use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use super::call::Call;
use super::faults::Faults;
use super::sign::SharedKey;
use super::sms::Message;
use crate::ledger::Ledger;

/// A customer's account at Twilio.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Account {
    /// `AC…`.
    pub sid: String,
    /// Password of the REST API and key of the signatures.
    pub auth_token: String,
    /// API keys (`SK…`, secret) that the REST API accepts as well.
    #[serde(default)]
    pub api_keys: Vec<(String, String)>,
    /// When set, webhooks are signed with this instead of the auth token.
    #[serde(default)]
    pub shared_key: Option<SharedKey>,
}

/// A telephone number that belongs to an account.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(clippy::struct_field_names, reason = "a number's number is its number")]
pub struct Number {
    /// E.164.
    pub number: String,
    /// Whose it is.
    pub account_sid: String,
    /// Called for an inbound call.
    pub voice_url: String,
    /// Called when `voice_url` fails.
    #[serde(default)]
    pub voice_fallback_url: Option<String>,
    /// Told about inbound calls.
    #[serde(default)]
    pub status_callback: Option<String>,
    /// Which states it is told; Twilio itself only tells `completed` for inbound calls.
    #[serde(default)]
    pub status_events: Vec<String>,
    /// Called for an inbound SMS.
    pub sms_url: String,
}

impl Number {
    /// A number of `account_sid` whose webhooks are Switchboard's paths below `public_url`.
    pub fn of(number: &str, account_sid: &str, public_url: &Url) -> Self {
        let at = |path: &str| {
            format!(
                "{}/webhooks/twilio/{path}",
                public_url.as_str().trim_end_matches('/')
            )
        };
        Self {
            number: number.to_owned(),
            account_sid: account_sid.to_owned(),
            voice_url: at("voice"),
            voice_fallback_url: None,
            status_callback: Some(at("voice/status")),
            status_events: vec!["completed".to_owned()],
            sms_url: at("sms"),
        }
    }
}

/// How a person reacts who is called or texted.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Person {
    /// `answers`, `busy`, `no-answer` or `failed`.
    pub reaction: String,
    /// Rings this long before the reaction.
    pub after_ms: u64,
    /// What the person says after answering.
    pub says: Option<String>,
    /// Hangs up this long after answering.
    pub hangs_up_after_ms: Option<u64>,
    /// How an SMS to them ends: `delivered`, `undelivered` (30003), `failed` (30006) or `sent` (no more news).
    pub sms: String,
}

impl Default for Person {
    fn default() -> Self {
        let (reaction, sms) = ("answers".to_owned(), "delivered".to_owned());
        Self {
            reaction,
            after_ms: 200,
            says: None,
            hangs_up_after_ms: None,
            sms,
        }
    }
}

/// A finished recording.
#[derive(Clone, Debug)]
pub(crate) struct Recording {
    pub(crate) account: String,
    pub(crate) call: String,
    pub(crate) audio: Bytes,
}

/// See the module.
pub(crate) struct World {
    pub(crate) accounts: Vec<Account>,
    pub(crate) place: Mutex<WhereTo>,
    pub(crate) numbers: Mutex<HashMap<String, Number>>,
    pub(crate) people: Mutex<HashMap<String, Person>>,
    pub(crate) calls: Mutex<Vec<Arc<Call>>>,
    pub(crate) messages: Mutex<Vec<Arc<Message>>>,
    pub(crate) recordings: Mutex<HashMap<String, Recording>>,
    /// Who sent STOP to which account.
    pub(crate) stopped: Mutex<HashSet<(String, String)>>,
    pub(crate) faults: Mutex<Faults>,
    pub(crate) ledger: Ledger,
    pub(crate) lateness: crate::histogram::Shared,
    pub(crate) http: reqwest::Client,
    pub(crate) tls: Option<Arc<rustls::ClientConfig>>,
    pub(crate) base_url: String,
    pub(crate) keep_audio: bool,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
}

/// Switchboard's public URL and the address behind it.
#[derive(Clone, Debug)]
pub(crate) struct WhereTo {
    pub(crate) public_url: Url,
    pub(crate) target: Url,
}

impl World {
    /// Spawns a task that ends with the emulator.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = task => {}
            }
        });
    }

    pub(crate) fn account(&self, sid: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.sid == sid)
    }

    /// The number as configured, else one of the first account with Switchboard's own paths.
    pub(crate) fn number(&self, number: &str) -> Result<Number> {
        if let Some(known) = self
            .numbers
            .lock()
            .expect("no holder of the lock panics")
            .get(number)
        {
            return Ok(known.clone());
        }
        let account = self.accounts.first().context("the emulator has no account")?;
        let public_url = self
            .place
            .lock()
            .expect("no holder of the lock panics")
            .public_url
            .clone();
        Ok(Number::of(number, &account.sid, &public_url))
    }

    pub(crate) fn person(&self, number: &str) -> Person {
        self.people
            .lock()
            .expect("no holder of the lock panics")
            .get(number)
            .cloned()
            .unwrap_or_default()
    }

    pub(crate) fn call(&self, sid: &str) -> Option<Arc<Call>> {
        let calls = self.calls.lock().expect("no holder of the lock panics");
        calls.iter().rev().find(|call| call.sid == sid).map(Arc::clone)
    }

    /// The address really called for a URL: the public origin is exchanged for the target's.
    pub(crate) fn route(&self, url: &Url) -> Url {
        let place = self.place.lock().expect("no holder of the lock panics").clone();
        let same = url.host_str() == place.public_url.host_str()
            && url.port_or_known_default() == place.public_url.port_or_known_default();
        if !same {
            return url.clone();
        }
        let mut routed = place.target.clone();
        let secure = place.target.scheme() == "https";
        let socket = matches!(url.scheme(), "ws" | "wss");
        // Between these four special schemes a change is always allowed.
        let _ = routed.set_scheme(match (socket, secure) {
            (true, true) => "wss",
            (true, false) => "ws",
            (false, true) => "https",
            (false, false) => "http",
        });
        routed.set_path(url.path());
        routed.set_query(url.query());
        routed
    }
}

/// A Twilio identifier: two letters and 32 hex digits.
pub(crate) fn sid(kind: &str) -> String {
    format!("{kind}{:032x}", rand::random::<u128>())
}
