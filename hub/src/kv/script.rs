//! Lua scripts: run by their hash, sent whole when the server does not know them (after a restart, a failover, a flush).

use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Context as _;
use fred::prelude::*;
use fred::types::config::Options;
use fred::types::{ClusterHash, CustomCommand};

use super::Kv;

/// A script of ours. All its keys are declared and share a hash tag.
pub(crate) struct Script {
    body: &'static str,
    hash: OnceLock<String>,
}

impl Script {
    /// The script with this text.
    pub(crate) const fn new(body: &'static str) -> Self {
        Self {
            body,
            hash: OnceLock::new(),
        }
    }
}

impl Kv {
    /// Runs a script, at most `limit` long: while Redis is away it fails at once instead of waiting for it to come back.
    pub(crate) async fn run<R: FromValue>(
        &self,
        script: &Script,
        keys: &[String],
        arguments: &[String],
        limit: Duration,
    ) -> anyhow::Result<R> {
        let hash = script.hash.get_or_init(|| fred::util::sha1_hash(script.body));
        let once = async {
            match self.call("EVALSHA", hash, keys, arguments, limit).await {
                Err(fault) if fault.details().starts_with("NOSCRIPT") => {
                    self.call("EVAL", script.body, keys, arguments, limit).await
                }
                answered => answered,
            }
        };
        let value = tokio::time::timeout(limit, once)
            .await
            .with_context(|| format!("run a Redis script within {} ms", limit.as_millis()))?
            .context("run a Redis script")?;
        value.convert().context("read a Redis script's answer")
    }

    async fn call(
        &self,
        command: &'static str,
        script: &str,
        keys: &[String],
        arguments: &[String],
        limit: Duration,
    ) -> Result<Value, Error> {
        let options = Options {
            timeout: Some(limit),
            fail_fast: true,
            ..Options::default()
        };
        // The keys begin behind script and count.
        let command = CustomCommand::new_static(command, ClusterHash::Offset(2), false);
        let count = keys.len().to_string();
        let words = [script, &count].into_iter();
        let words = words.chain(keys.iter().chain(arguments).map(String::as_str));
        let words: Vec<Value> = words.map(Value::from).collect();
        self.client.with_options(&options).custom(command, words).await
    }
}
