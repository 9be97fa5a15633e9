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

/// Newest first, a page at a time, as Twilio does: `DateSent>` and `DateSent<` take a day or a moment.
pub(super) fn list(request: &Request) -> Response {
    let fits = |name: &str, value: &str| request.get(name).is_none_or(|wanted| wanted == value);
    let since = request.get("DateSent>").and_then(date);
    let until = request.get("DateSent<").and_then(date);
    let number = |name: &str, usual: usize| {
        request
            .get(name)
            .and_then(|text| text.parse().ok())
            .unwrap_or(usual)
    };
    let (size, page) = (number("PageSize", 50).clamp(1, 1_000), number("Page", 0));
    let all: Vec<Value> = {
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
            .filter(|message| until.is_none_or(|until| message.created_at <= until))
            .map(|message| message.json())
            .collect()
    };
    let found: Vec<&Value> = all.iter().skip(page * size).take(size).collect();
    let is_last = all.len() <= (page + 1) * size;
    let next = (!is_last).then(|| next_page(request, page + 1));
    Json(json!({"messages": found, "page": page, "page_size": size, "next_page_uri": next})).into_response()
}

fn next_page(request: &Request, page: usize) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in request.form.iter().filter(|(name, _)| name != "Page") {
        query.append_pair(name, value);
    }
    query.append_pair("Page", &page.to_string());
    query.append_pair("PageToken", &format!("PA{page}"));
    format!(
        "/2010-04-01/Accounts/{}/Messages.json?{}",
        request.account,
        query.finish()
    )
}

/// A day or a moment, as Twilio takes either.
fn date(text: &str) -> Option<jiff::Timestamp> {
    text.parse()
        .ok()
        .or_else(|| format!("{text}T00:00:00Z").parse().ok())
}
