//! Extractors that answer problems: what cannot be read is a 400, what says something impossible a 422 with its fields.

mod client;
mod json;
mod path;
mod query;

pub use client::{ClientIp, client_ip};
pub use json::Json;
pub use path::Path;
pub use query::Query;
