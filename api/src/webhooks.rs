//! Webhook intake: proof first, on the raw bytes; then one committed row; then the answer.

mod proof;
mod sms;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::post;
use hub::Hub;

/// A provider's form post at most.
const BODY_MAX: usize = 64 * 1024;

/// Twilio's texts and their receipts.
pub(crate) fn routes() -> Router<Hub> {
    Router::new()
        .route("/webhooks/twilio/sms", post(sms::receive))
        .route("/webhooks/twilio/sms/status", post(sms::status))
        .layer(DefaultBodyLimit::max(BODY_MAX))
}
