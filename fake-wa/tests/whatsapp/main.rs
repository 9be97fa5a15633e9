//! The fake server under real clients over real sockets: one capability a file.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "what clippy.toml allows in a test function is as good in what test functions share"
)]
mod client;
mod control;
mod faults;
mod groups;
mod media;
mod messages;
mod pairing;
mod provision;
mod queue;
mod trust;
