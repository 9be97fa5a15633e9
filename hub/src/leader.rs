//! One leader among many processes: a name in Redis that runs out unless it is held again. Only for peace: what must not
//! happen twice is decided by a row ([`crate::tick`]), so that two who both believe to lead do no harm.

use std::time::Duration;

use crate::Hub;
use crate::keys;
use crate::kv::Script;

/// Nobody waits longer for Redis.
const ANSWER_LIMIT: Duration = Duration::from_millis(500);

static HOLD: Script = Script::new(
    "local holder = redis.call('GET', KEYS[1])
     if not holder then
         redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
         return 1
     elseif holder == ARGV[1] then
         redis.call('PEXPIRE', KEYS[1], ARGV[2])
         return 1
     end
     return 0",
);
static LEAVE: Script = Script::new(
    "if redis.call('GET', KEYS[1]) == ARGV[1] then
         return redis.call('DEL', KEYS[1])
     end
     return 0",
);

/// Leads, or goes on leading, for `ttl`; answers whether. To be called again well before `ttl` is over.
///
/// # Errors
/// When Redis does not answer: then nobody knows, and the rows alone decide.
pub async fn hold(hub: &Hub, name: &str, ttl: Duration) -> anyhow::Result<bool> {
    let arguments = [hub.node.to_string(), ttl.as_millis().to_string()];
    let held: i64 = hub
        .kv
        .run(&HOLD, &[keys::leader(name)], &arguments, ANSWER_LIMIT)
        .await?;
    Ok(held == 1)
}

/// Stops leading, so that another can at once.
pub async fn leave(hub: &Hub, name: &str) {
    let left: anyhow::Result<i64> = hub
        .kv
        .run(
            &LEAVE,
            &[keys::leader(name)],
            &[hub.node.to_string()],
            ANSWER_LIMIT,
        )
        .await;
    if let Err(fault) = left {
        tracing::debug!(
            error = format!("{fault:#}"),
            "The lead in {name} is left to run out"
        );
    }
}
