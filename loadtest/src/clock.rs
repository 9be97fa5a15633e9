//! One clock for everything in this process: both emulators and every probe read the same microseconds.
use std::sync::OnceLock;
use std::time::{Duration, Instant};

static START: OnceLock<Instant> = OnceLock::new();

/// Microseconds since this process first asked.
pub fn now_us() -> u64 {
    us(START.get_or_init(Instant::now).elapsed())
}

/// The microsecond at which `instant` was (0 when it lies before the first question).
pub fn at_us(instant: Instant) -> u64 {
    us(instant.saturating_duration_since(*START.get_or_init(Instant::now)))
}

/// Whole microseconds of a duration.
pub fn us(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Microseconds as seconds.
pub fn seconds(us: u64) -> f64 {
    Duration::from_micros(us).as_secs_f64()
}

/// Whole milliseconds of a duration.
pub fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The wall clock as RFC 3339, as in `Timestamp` of stream callbacks.
pub fn rfc3339() -> String {
    jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
        .to_string()
}

/// The wall clock as RFC 2822, as in Twilio's REST answers and call callbacks.
pub fn rfc2822() -> String {
    jiff::Timestamp::now()
        .strftime("%a, %d %b %Y %H:%M:%S +0000")
        .to_string()
}

/// Seconds since 1970, as in OpenAI's `expires_at` and `created`.
pub fn unix_s() -> i64 {
    jiff::Timestamp::now().as_second()
}
