//! OpenAI, and whatever speaks as it does.

pub mod realtime;
