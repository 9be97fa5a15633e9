//! Twilio's voice webhooks: signed, answered with a document within its patience, safe to be told twice.

mod document;
mod recording;
mod resume;
mod signed;
mod status;
mod voice;

use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::post;

use crate::exchange::Exchange;

/// A form of Twilio's has some two thousand bytes.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// Twilio hangs up after 15 s; a dripping body is cut before that.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

pub(crate) fn router(exchange: Exchange) -> Router {
    Router::new()
        .route("/webhooks/twilio/voice", post(voice::ring))
        .route("/webhooks/twilio/voice/status", post(status::call))
        .route("/webhooks/twilio/voice/resume", post(resume::resume))
        .route("/webhooks/twilio/stream", post(status::stream))
        .route("/webhooks/twilio/recording", post(recording::made))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn(in_time))
        .with_state(exchange)
}

async fn in_time(request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(ANSWER_LIMIT, next.run(request)).await;
    answer.unwrap_or_else(|_| StatusCode::REQUEST_TIMEOUT.into_response())
}

/// A TwiML document as an answer.
fn twiml(document: String) -> Response {
    ([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], document).into_response()
}
