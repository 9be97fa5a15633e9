//! Where settings come from: embedded defaults, a file, `SWITCHBOARD_*`, the conventional names, `…_FILE`.

use std::path::Path;

use figment::Figment;
use figment::providers::{Env, Format as _, Serialized, Toml};

use super::{Config, Fault};

/// `switchboard.toml` as it is in the repository: every setting with its default and a comment.
pub const DEFAULTS: &str = include_str!("../../../switchboard.toml");

/// Conventional names, and the setting each stands for.
const CONVENTIONAL: [(&str, &str); 11] = [
    ("DATABASE_URL", "database.url"),
    ("DATABASE_OWNER_URL", "database.owner_url"),
    ("REDIS_URL", "redis.url"),
    ("PUBLIC_URL", "public_url"),
    ("SECRET_KEY", "secret_key"),
    ("OPENAI_API_KEY", "openai.api_key"),
    ("OPENAI_BASE_URL", "openai.base_url"),
    ("TWILIO_API_URL", "twilio.api_url"),
    ("WHATSAPP_WEB_URL", "whatsapp.web_url"),
    ("MAX_CONCURRENT_CALLS", "calls.concurrent_max"),
    ("SWITCHBOARD_LOG_FORMAT", "log.format"),
];

/// Reads the settings. `file` overrides the default of `switchboard.toml` in the working directory; `flags` are
/// dotted settings from the command line and override everything.
///
/// # Errors
/// Every fault found, not just the first.
pub fn load(file: Option<&Path>, flags: &[(&str, String)]) -> Result<Config, Vec<Fault>> {
    let (figment, mut faults) = gather(file, flags);
    match figment.extract::<Config>() {
        Ok(config) => {
            faults.extend(super::check::check(&config));
            if faults.is_empty() {
                Ok(config)
            } else {
                Err(faults)
            }
        }
        Err(errors) => {
            faults.extend(
                errors
                    .into_iter()
                    .map(|error| Fault::new(&error.path.join("."), error.kind.to_string())),
            );
            Err(faults)
        }
    }
}

/// What nobody has set: `up` provides these itself.
#[derive(Clone, Copy, Debug)]
pub struct Unset {
    /// `database.url`
    pub database: bool,
    /// `redis.url`
    pub redis: bool,
    /// `secret_key`
    pub secret_key: bool,
}

/// Says what nobody has set, however wrong the rest may be.
pub fn unset(file: Option<&Path>) -> Unset {
    let (figment, _) = gather(file, &[]);
    let empty = |setting: &str| {
        figment
            .extract_inner::<String>(setting)
            .is_ok_and(|value| value.is_empty())
    };
    Unset {
        database: empty("database.url"),
        redis: empty("redis.url"),
        secret_key: empty("secret_key"),
    }
}

fn gather(file: Option<&Path>, flags: &[(&str, String)]) -> (Figment, Vec<Fault>) {
    let mut faults = Vec::new();
    let mut figment = Figment::from(Toml::string(DEFAULTS));
    figment = match file {
        Some(path) if !path.exists() => {
            faults.push(Fault::new(
                "--config",
                format!("{} does not exist", path.display()),
            ));
            figment
        }
        Some(path) => figment.merge(Toml::file(path)),
        None => figment.merge(Toml::file("switchboard.toml")),
    };
    figment = figment.merge(
        Env::prefixed("SWITCHBOARD_")
            .filter(|key| key != "LOG_FORMAT")
            .split("__"),
    );
    for (name, setting) in CONVENTIONAL {
        match from_environment(name) {
            Ok(Some(value)) => figment = merge_text(figment, setting, &value),
            Ok(None) => {}
            Err(fault) => faults.push(fault),
        }
    }
    for (setting, value) in flags {
        figment = merge_text(figment, setting, value);
    }
    (figment, faults)
}

/// Numbers stay numbers: a port given as text would not fit an integer setting.
fn merge_text(figment: Figment, setting: &str, value: &str) -> Figment {
    match value.parse::<u64>() {
        Ok(number) if setting != "secret_key" && !setting.ends_with("_key") => {
            figment.merge(Serialized::default(setting, number))
        }
        _ => figment.merge(Serialized::default(setting, value)),
    }
}

/// `NAME`, or the content of the file that `NAME_FILE` names, without its line end.
fn from_environment(name: &str) -> Result<Option<String>, Fault> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the environment"
    )]
    let read = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if let Some(value) = read(name) {
        return Ok(Some(value));
    }
    let Some(path) = read(&format!("{name}_FILE")) else {
        return Ok(None);
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text.trim_end().to_owned())),
        Err(error) => Err(Fault::new(&format!("{name}_FILE"), format!("{path}: {error}"))),
    }
}
