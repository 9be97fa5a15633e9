//! What the emulated OpenAI knows: its key, script, faults and the record of every session.
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::chat::ChatRule;
use super::faults::Faults;
use super::record::SessionRecord;
use super::script::Script;
use crate::ledger::Ledger;
use crate::probe::Tag;

/// Called with every probe frame and the moment of its arrival.
pub type Probe = Arc<dyn Fn(&Tag, u64) + Send + Sync>;

/// See the module.
pub(crate) struct World {
    pub(crate) api_key: String,
    pub(crate) script: Mutex<Arc<Script>>,
    pub(crate) chat: Mutex<Vec<ChatRule>>,
    pub(crate) transcriptions: Mutex<std::collections::VecDeque<String>>,
    pub(crate) faults: Mutex<Faults>,
    pub(crate) sessions: Mutex<Vec<Arc<Mutex<SessionRecord>>>>,
    pub(crate) probe: Mutex<Option<Probe>>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) keep_audio: bool,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
}

/// OpenAI's error body.
pub(crate) fn refusal(status: StatusCode, code: &str, message: &str) -> Response {
    let kind = if status == StatusCode::TOO_MANY_REQUESTS {
        "requests"
    } else {
        "invalid_request_error"
    };
    let error = json!({"message": message, "type": kind, "param": null, "code": code});
    (status, Json(json!({"error": error}))).into_response()
}

impl World {
    /// Hands probe frames to whoever asked for them.
    pub(crate) fn probed(&self, tags: &[Tag], now_us: u64) {
        let probe = self.probe.lock().expect("no holder of the lock panics").clone();
        if let Some(probe) = probe {
            for tag in tags {
                probe(tag, now_us);
            }
        }
    }

    /// The bearer key, checked.
    #[expect(clippy::result_large_err, reason = "the refusal is the answer itself")]
    pub(crate) fn authorised(&self, headers: &HeaderMap) -> Result<(), Response> {
        let given = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let given = given
            .and_then(|text| text.strip_prefix("Bearer "))
            .unwrap_or_default();
        if given == self.api_key {
            return Ok(());
        }
        let message = if given.is_empty() {
            "You didn't provide an API key."
        } else {
            "Incorrect API key provided."
        };
        Err(refusal(StatusCode::UNAUTHORIZED, "invalid_api_key", message))
    }
}
