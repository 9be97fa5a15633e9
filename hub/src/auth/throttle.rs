//! Limits on guessing: per address and per account, counted in Redis so that all processes count together, and in this
//! process while Redis is away.
//!
//! Each attempt is charged before the password is looked at, and given back when it was right: many at once cannot slip
//! through. An account that keeps being guessed at answers ever more slowly; a browser that signed in to it before has a
//! count of its own, so that a stranger cannot lock the owner out.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use fred::prelude::LuaInterface as _;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::error::{Error, Result};
use crate::{Hub, keys};

const REDIS_LIMIT: Duration = Duration::from_millis(250);
/// Subjects a process counts by itself before it drops those that have recovered.
const SUBJECTS_MAX: usize = 10_000;

/// What is limited, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    kind: &'static str,
    /// Attempts at once.
    burst: u32,
    /// One attempt comes back in this time.
    every: Duration,
    /// Whether the time doubles with each attempt made at the limit.
    grows: bool,
}

impl Limit {
    /// A limit that does not grow with the attempts.
    pub(crate) const fn steady(kind: &'static str, burst: u32, every: Duration) -> Self {
        Self {
            kind,
            burst,
            every,
            grows: false,
        }
    }
}

/// Five in five minutes from one address.
pub(crate) const ADDRESS: Limit = Limit {
    kind: "address",
    burst: 5,
    every: Duration::from_mins(1),
    grows: false,
};
/// Ten in fifteen minutes at one account, then ever fewer.
pub(crate) const ACCOUNT: Limit = Limit {
    kind: "account",
    burst: 10,
    every: Duration::from_secs(90),
    grows: true,
};
/// The same for a browser that signed in to the account before.
pub(crate) const DEVICE: Limit = Limit {
    kind: "device",
    ..ACCOUNT
};
/// Five codes of a second factor.
pub(crate) const CODE: Limit = Limit {
    kind: "code",
    burst: 5,
    every: Duration::from_mins(1),
    grows: true,
};
/// Links and refresh tokens are too long to guess; this bounds the work that guessing makes.
pub(crate) const TOKEN: Limit = Limit {
    kind: "token",
    burst: 300,
    every: Duration::from_millis(100),
    grows: false,
};

const LONGEST_WAIT: Duration = Duration::from_mins(15);
/// How long strikes are remembered after the last attempt.
const REMEMBERED: Duration = Duration::from_hours(24);

/// `KEYS[1]`: the subject. ARGV: burst, interval, longest interval (0 = does not grow), remembered; in ms.
/// Answers {1, 0} or {0, ms to wait}. GCRA: `tat` is when the bucket would be full again.
const CHARGE: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local burst, interval, longest = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local tat = tonumber(redis.call('HGET', KEYS[1], 'tat') or now)
local strikes = tonumber(redis.call('HGET', KEYS[1], 'strikes') or 0)
if tat < now then tat = now end
local wait = tat - now - interval * (burst - 1)
if wait > 0 then return {0, wait} end
local step = interval
if longest > 0 then step = math.min(interval * 2 ^ strikes, longest) end
tat = tat + step
if longest > 0 and tat - now > interval * (burst - 1) then strikes = strikes + 1 end
redis.call('HSET', KEYS[1], 'tat', tat, 'strikes', strikes)
local keep = tat - now + 1000
if longest > 0 then keep = keep + tonumber(ARGV[4]) end
redis.call('PEXPIRE', KEYS[1], math.floor(keep))
return {1, 0}
";

/// `KEYS[1]`: the subject. `ARGV[1]`: interval in ms; 0 forgets everything.
const GIVE_BACK: &str = r"
local interval = tonumber(ARGV[1])
if interval == 0 then return redis.call('DEL', KEYS[1]) end
local tat = redis.call('HGET', KEYS[1], 'tat')
if tat then redis.call('HSET', KEYS[1], 'tat', tonumber(tat) - interval) end
return 1
";

/// One limit's counts in this process.
type Counts = Arc<DefaultKeyedRateLimiter<String>>;

/// The counts kept in this process while Redis is away.
#[derive(Clone)]
pub(crate) struct Fallback {
    counts: Arc<dashmap::DashMap<&'static str, Counts>>,
}

impl Fallback {
    pub(crate) fn new() -> Self {
        Self {
            counts: Arc::default(),
        }
    }

    fn charge(&self, limit: Limit, subject: &str) -> Result<()> {
        let counts = self.counts.entry(limit.kind).or_insert_with(|| {
            let burst = NonZeroU32::new(limit.burst).unwrap_or(NonZeroU32::MIN);
            let quota = Quota::with_period(limit.every).unwrap_or(Quota::per_minute(burst));
            Arc::new(RateLimiter::keyed(quota.allow_burst(burst)))
        });
        let counts = Arc::clone(&counts);
        if counts.len() > SUBJECTS_MAX {
            counts.retain_recent();
            counts.shrink_to_fit();
        }
        counts
            .check_key(&subject.to_owned())
            .map_err(|full| Error::TooMany {
                retry_after: full.wait_time_from(DefaultClock::default().now()),
            })
    }
}

/// Charges one attempt of `subject`.
///
/// # Errors
/// `TooMany`, with the time to wait.
pub(crate) async fn charge(hub: &Hub, limit: Limit, subject: &str) -> Result<()> {
    let subject = hashed(hub, limit, subject);
    let longest = if limit.grows { LONGEST_WAIT } else { Duration::ZERO };
    let times = [limit.every, longest, REMEMBERED].map(millis);
    let mut arguments = vec![i64::from(limit.burst)];
    arguments.extend(times);
    let charged =
        hub.kv
            .client()
            .eval::<Vec<i64>, _, _, _>(CHARGE, keys::throttle(limit.kind, &subject), arguments);
    match tokio::time::timeout(REDIS_LIMIT, charged).await {
        Ok(Ok(answer)) => match answer.as_slice() {
            [0, wait_ms] => Err(Error::TooMany {
                retry_after: Duration::from_millis(u64::try_from(*wait_ms).unwrap_or(0)),
            }),
            _ => Ok(()),
        },
        _ => hub.auth.fallback.charge(limit, &subject),
    }
}

/// Gives the last charge back: the attempt was right. What grows with guessing is forgotten.
pub(crate) async fn give_back(hub: &Hub, limit: Limit, subject: &str) {
    let key = keys::throttle(limit.kind, &hashed(hub, limit, subject));
    let interval = if limit.grows { 0 } else { millis(limit.every) };
    let given = hub.kv.client().eval::<i64, _, _, _>(GIVE_BACK, key, interval);
    if !matches!(tokio::time::timeout(REDIS_LIMIT, given).await, Ok(Ok(_))) {
        tracing::debug!("A sign-in attempt could not be given back; Redis is away");
    }
}

/// Keyed, so that neither addresses nor e-mails stand in the store.
fn hashed(hub: &Hub, limit: Limit, subject: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(&hub.sealer.derived("throttle"))
        .expect("HMAC takes keys of any length");
    mac.update(limit.kind.as_bytes());
    mac.update(b"|");
    mac.update(subject.as_bytes());
    let full: [u8; 32] = mac.finalize().into_bytes().into();
    hex::encode(full.split_at(16).0)
}

/// An IPv6 customer has a whole /64: all of it is one sender.
pub(crate) fn neighbourhood(sender: IpAddr) -> String {
    match sender {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}")
        }
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
