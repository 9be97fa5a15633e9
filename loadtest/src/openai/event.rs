//! Server events and identifiers, in the shapes of the GA interface.
use serde_json::{Value, json};

/// `prefix_` and 24 hex digits.
pub(crate) fn id(prefix: &str) -> String {
    format!("{prefix}_{:024x}", rand::random::<u128>() >> 32)
}

/// An event of this type with these fields.
pub(crate) fn event(kind: &str, mut fields: Value) -> Value {
    if let Some(fields) = fields.as_object_mut() {
        fields.insert("type".to_owned(), json!(kind));
        fields.insert("event_id".to_owned(), json!(id("event")));
    }
    fields
}

/// What a client event did wrong.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fault {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) param: Option<String>,
}

impl Fault {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            param: None,
        }
    }

    pub(crate) fn at(code: &'static str, param: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            param: Some(param.into()),
        }
    }

    /// The `error` event; `cause` is the client event's own id.
    pub(crate) fn event(&self, cause: Option<&Value>) -> Value {
        let error = json!({
            "type": "invalid_request_error", "code": self.code, "message": self.message,
            "param": self.param, "event_id": cause,
        });
        event("error", json!({"error": error}))
    }
}
