//! Clients of the outside: Twilio, OpenAI, object storage. No SQL.

pub mod file_type;
pub mod http;
pub mod openai;
pub mod storage;
pub mod twilio;
