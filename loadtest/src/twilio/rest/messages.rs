//! `Messages`: send, look up, list.
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{Refusal, Request, unknown};
use crate::twilio::sms;

pub(super) fn create(request: &Request) -> Result<Response, Refusal> {
    let parties = (
        request.get("From").unwrap_or_default(),
        request.get("To").unwrap_or_default(),
    );
    let callback = request.get("StatusCallback").map(str::to_owned);
    let body = request.get("Body").unwrap_or_default();
    let message = sms::send(&request.world, &request.account, parties, body, callback)
        .map_err(|(code, message)| Refusal(StatusCode::BAD_REQUEST, code, message))?;
    Ok((StatusCode::CREATED, Json(message.json())).into_response())
}

pub(super) fn read(request: &Request, sid: &str) -> Result<Response, Refusal> {
    let messages = request
        .world
        .messages
        .lock()
        .expect("no holder of the lock panics");
    let message = messages
        .iter()
        .find(|message| message.sid == sid && message.account == request.account);
    message
        .map(|message| Json(message.json()).into_response())
        .ok_or_else(|| unknown(sid))
}

pub(super) fn list(request: &Request) -> Response {
    let fits = |name: &str, value: &str| request.get(name).is_none_or(|wanted| wanted == value);
    let since = request.get("DateSent>").and_then(date);
    let size = request
        .get("PageSize")
        .and_then(|text| text.parse().ok())
        .unwrap_or(50);
    let found: Vec<Value> = {
        let messages = request
            .world
            .messages
            .lock()
            .expect("no holder of the lock panics");
        messages
            .iter()
            .rev()
            .filter(|message| message.account == request.account)
            .filter(|message| fits("To", &message.to) && fits("From", &message.from))
            .filter(|message| since.is_none_or(|since| message.created_at >= since))
            .take(size)
            .map(|message| message.json())
            .collect()
    };
    Json(json!({"messages": found, "page": 0, "page_size": size, "next_page_uri": null})).into_response()
}

/// A day or a moment, as Twilio takes either.
fn date(text: &str) -> Option<jiff::Timestamp> {
    text.parse()
        .ok()
        .or_else(|| format!("{text}T00:00:00Z").parse().ok())
}
