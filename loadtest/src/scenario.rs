//! Load scenarios: calls, webhooks, inbox; each an open loop against the public interface.
pub mod calls;
pub mod floor;
pub mod inbox;
mod postgres;
pub mod texts;
pub mod webhooks;
