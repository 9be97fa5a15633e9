//! Settings: `switchboard.toml` holds every default, a file and the environment override it, and boot names every fault.

mod check;
mod source;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

pub use check::Fault;
pub use source::{DEFAULTS, Unset, load, unset};

/// All settings. Each is described in `switchboard.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "switchboard.toml describes each setting, once")]
pub struct Config {
    pub public_url: Url,
    pub secret_key: SecretString,
    pub listen: Listen,
    pub database: Database,
    pub redis: Redis,
    pub calls: Calls,
    pub openai: OpenAi,
    pub twilio: Twilio,
    pub whatsapp: Whatsapp,
    pub live: Live,
    pub jobs: Jobs,
    pub shutdown: Shutdown,
    pub log: Log,
    /// Which role this process plays, for names in leases and logs; set by the subcommand.
    #[serde(skip)]
    pub role: Option<&'static str>,
    /// What is in this program; set by the program.
    #[serde(skip)]
    pub build: Build,
}

/// What a program was built with, and what that makes of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Build {
    /// The features that are in it.
    pub features: &'static [&'static str],
    /// The licence it is to be treated under, by SPDX.
    pub licence: &'static str,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "switchboard.toml describes each setting, once")]
pub struct Listen {
    pub up: SocketAddr,
    pub api: SocketAddr,
    pub calls: SocketAddr,
    pub worker: SocketAddr,
    pub scheduler: SocketAddr,
    pub shard_worker: SocketAddr,
    pub connections_max: usize,
    pub trusted_proxies: Vec<IpAddr>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "switchboard.toml describes each setting, once")]
pub struct Database {
    pub url: SecretString,
    pub owner_url: SecretString,
    pub connections_max: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "switchboard.toml describes each setting, once")]
pub struct Redis {
    pub url: SecretString,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "switchboard.toml describes each setting, once")]
pub struct Calls {
    pub concurrent_max: u32,
    pub media_wait_s: u64,
    pub storage: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "switchboard.toml describes each setting, once")]
pub struct OpenAi {
    pub api_key: SecretString,
    pub base_url: Url,
    pub realtime_model: String,
    pub transcription_model: String,
    pub chat_model: String,
    pub session_recycle_s: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "switchboard.toml describes each setting, once")]
pub struct Twilio {
    pub api_url: Url,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "switchboard.toml describes each setting, once")]
pub struct Whatsapp {
    pub web_url: Url,
    pub version: String,
    pub pacing: Pacing,
    pub messages_per_minute: u32,
    pub new_chats_per_day_max: u32,
    pub silent_after_s: u64,
}

/// How what goes out over linked numbers is paced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pacing {
    /// As a person would write.
    Human,
    /// Not at all, for load tests against a server of one's own.
    Off,
}

impl Whatsapp {
    /// The pinned version, in its three parts; `None` where it is to be looked up, or cannot be read.
    pub fn version_parts(&self) -> Option<(u32, u32, u32)> {
        let mut parts = self.version.split('.').map(str::parse);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(Ok(first)), Some(Ok(second)), Some(Ok(third)), None) => Some((first, second, third)),
            _ => None,
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "switchboard.toml describes each setting, once")]
pub struct Live {
    pub heartbeat_s: u64,
    pub client_queue_events_max: usize,
    pub client_queue_bytes_max: usize,
    pub clients_per_staff_max: usize,
    pub clients_per_tenant_max: usize,
    pub events_kept_h: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "switchboard.toml describes each setting, once")]
pub struct Jobs {
    pub concurrent_max: usize,
    pub lease_s: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "switchboard.toml describes each setting, once")]
pub struct Shutdown {
    pub drain_s: u64,
    pub calls_drain_s: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "switchboard.toml describes each setting, once")]
pub struct Log {
    pub format: LogFormat,
    pub otlp_url: String,
    pub sentry_dsn: String,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

impl Config {
    /// The role's name, `switchboard` before one is set.
    pub fn role_name(&self) -> &'static str {
        self.role.unwrap_or("switchboard")
    }

    /// `public_url` with `path` (which starts with a slash), as Twilio and browsers are told.
    pub fn public(&self, path: &str) -> String {
        format!("{}{path}", self.public_url.as_str().trim_end_matches('/'))
    }

    /// The same as a WebSocket address.
    pub fn public_socket(&self, path: &str) -> String {
        // "http" is a prefix of "https", so this makes ws of the one and wss of the other.
        self.public(path).replacen("http", "ws", 1)
    }

    /// The live feed's heartbeat.
    pub fn heartbeat(&self) -> Duration {
        Duration::from_secs(self.live.heartbeat_s)
    }
}
