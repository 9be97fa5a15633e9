//! What settings must hold beyond their types: all faults at once, each saying what to do.

use secrecy::ExposeSecret as _;

use super::{Config, Whatsapp};

/// One thing wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The setting, dotted, or the variable.
    pub setting: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Fault {
    pub(super) fn new(setting: &str, message: impl Into<String>) -> Self {
        Self {
            setting: setting.to_owned(),
            message: message.into(),
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.setting, self.message)
    }
}

pub(super) fn check(config: &Config) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut require = |holds: bool, setting: &str, message: &str| {
        if !holds {
            faults.push(Fault::new(setting, message));
        }
    };
    let url = &config.public_url;
    require(
        matches!(url.scheme(), "http" | "https") && url.host().is_some(),
        "public_url",
        "must be http:// or https:// with a host, as Twilio and browsers reach this installation",
    );
    require(
        matches!(url.path(), "" | "/") && url.query().is_none(),
        "public_url",
        "must be scheme, host and port only, without a path",
    );
    require(
        config.secret_key.expose_secret().len() >= 32,
        "secret_key",
        "must have 32 characters or more; make one with `openssl rand -hex 32` and set SECRET_KEY",
    );
    let database = config.database.url.expose_secret();
    require(
        database.starts_with("postgres://") || database.starts_with("postgresql://"),
        "database.url",
        "must be postgres://user:password@host/database; set DATABASE_URL (`switchboard up` runs its own without one)",
    );
    let redis = config.redis.url.expose_secret();
    require(
        [
            "redis://",
            "rediss://",
            "redis-cluster://",
            "rediss-cluster://",
            "redis-sentinel://",
        ]
        .iter()
        .any(|scheme| redis.starts_with(scheme)),
        "redis.url",
        "must be redis://, rediss://, redis-cluster:// or redis-sentinel://; set REDIS_URL",
    );
    require(
        config.database.connections_max >= 2,
        "database.connections_max",
        "must be 2 or more",
    );
    require(
        config.live.heartbeat_s >= 1,
        "live.heartbeat_s",
        "must be 1 or more",
    );
    require(
        config.jobs.concurrent_max >= 1,
        "jobs.concurrent_max",
        "must be 1 or more",
    );
    require(
        config.jobs.lease_s >= 3,
        "jobs.lease_s",
        "must be 3 or more: a job renews its lease three times in it",
    );
    require(
        (60..=3_500).contains(&config.openai.session_recycle_s),
        "openai.session_recycle_s",
        "must be between 60 and 3500: OpenAI ends a session at 3600",
    );
    faults.extend(whatsapp(&config.whatsapp));
    faults
}

fn whatsapp(settings: &Whatsapp) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut require = |holds: bool, setting: &str, message: &str| {
        if !holds {
            faults.push(Fault::new(setting, message));
        }
    };
    require(
        matches!(settings.web_url.scheme(), "ws" | "wss"),
        "whatsapp.web_url",
        "must be ws:// or wss://",
    );
    require(
        settings.version.is_empty() || settings.version_parts().is_some(),
        "whatsapp.version",
        "must be three numbers with dots between them, or empty",
    );
    require(
        (1..=600).contains(&settings.messages_per_minute),
        "whatsapp.messages_per_minute",
        "must be between 1 and 600",
    );
    require(
        (5..=3_600).contains(&settings.silent_after_s),
        "whatsapp.silent_after_s",
        "must be between 5 and 3600",
    );
    faults
}
