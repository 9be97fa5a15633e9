//! OpenAI, and whatever speaks as it does.

pub mod chat;
pub mod realtime;
