//! Load scenarios: calls, webhooks, inbox; each an open loop against the public interface.
pub mod calls;
pub mod floor;
pub mod inbox;
pub mod texts;
pub mod webhooks;
