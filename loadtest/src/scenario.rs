//! Load scenarios: calls, webhooks, inbox, shards; each an open loop against the public interface.
pub mod calls;
pub mod floor;
pub mod inbox;
mod postgres;
pub mod shards;
pub mod texts;
pub mod webhooks;
