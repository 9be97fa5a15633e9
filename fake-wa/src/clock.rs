//! The emulated world's clocks: one monotonic for what happened when, and the wall clock that stanzas carry.
pub(crate) use loadtest::clock::now_us;

/// Seconds since 1970.
pub(crate) fn unix_s() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or_default()
}
