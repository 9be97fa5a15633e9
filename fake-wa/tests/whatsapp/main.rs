//! The fake server under real clients over real sockets: one capability a file.
#![expect(
    clippy::disallowed_methods,
    reason = "the rules are for the product's hub; a test's tasks are its own"
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
