//! Reading what a form sent: JSON of a script, or a plain form post.

use std::collections::HashMap;

use axum::http::{HeaderMap, header};
use hub::error::{Error, Result};
use serde_json::Value;

/// Answers by field name.
pub(super) struct Answers(HashMap<String, String>);

impl Answers {
    /// Reads a body by its content type.
    pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self> {
        let kind = headers
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or_default();
        match kind.split(';').next().unwrap_or_default().trim() {
            "application/x-www-form-urlencoded" => {
                Ok(Self(url::form_urlencoded::parse(body).into_owned().collect()))
            }
            "application/json" => json(body).map(Self),
            _ => Err(Error::Malformed {
                code: "unknown_type",
                detail: "send application/json or application/x-www-form-urlencoded".to_owned(),
            }),
        }
    }

    /// The answer to a field.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

/// An object of plain values; a number or a tick is its text.
fn json(body: &[u8]) -> Result<HashMap<String, String>> {
    let malformed = || Error::Malformed {
        code: "malformed",
        detail: "the body must be a JSON object of texts".to_owned(),
    };
    let read: HashMap<String, Value> = serde_json::from_slice(body).map_err(|_not_an_object| malformed())?;
    let plain = |(name, value): (String, Value)| match value {
        Value::String(text) => Ok((name, text)),
        Value::Null => Ok((name, String::new())),
        Value::Number(_) | Value::Bool(_) => Ok((name, value.to_string())),
        Value::Array(_) | Value::Object(_) => Err(malformed()),
    };
    read.into_iter().map(plain).collect()
}
