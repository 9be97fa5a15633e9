//! Extractors that answer problems: what cannot be read is a 400, what says something impossible a 422 with its fields.

mod client;
mod json;
mod path;
mod query;

pub use client::client_ip;
pub(crate) use client::{ClientIp, admit_socket};
pub(crate) use json::Json;
pub(crate) use path::Path;
pub(crate) use query::Query;
