//! Twilio: signatures of its requests, its REST API, its words.

pub mod account;
pub mod calls;
pub mod media;
pub mod messages;
pub mod rest;
pub mod signature;
pub mod stream;
pub mod twiml;

pub use account::{Account, SharedKey};
pub use rest::Rest;
