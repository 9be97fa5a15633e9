//! Telephony end to end: an emulated Twilio carries real speech to the real role, an emulated model answers.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics, in its helpers too"
)]

mod agent;
mod browser;
mod fallback;
mod jobs;
mod listen;
mod noise;
mod office;
mod receptionist;
mod recycle;
mod redis;
mod rest;
mod resume;
mod rules;
mod sockets;
mod takeover;
mod visitors;
mod webhooks;
