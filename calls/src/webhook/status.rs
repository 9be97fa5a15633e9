//! What Twilio reports of calls and streams: joined, so that order, repeats and delay do not matter.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use hub::call::begin::by_provider;
use hub::call::close;
use hub::call::order::{self, Order};

use super::signed::Signed;
use crate::exchange::Exchange;

/// `POST /webhooks/twilio/voice/status`.
pub(super) async fn call(State(exchange): State<Exchange>, signed: Signed) -> Response {
    match join(&exchange, &signed).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(fault) => fault.into_response(),
    }
}

async fn join(exchange: &Exchange, signed: &Signed) -> hub::Result<()> {
    let Ok(status) = signed.field("CallStatus").parse() else {
        return Ok(());
    };
    let tenant = signed.addressed.tenant;
    let mut tx = exchange.hub.db.tenant(tenant).await?;
    // A call we never heard of: its webhook went elsewhere.
    let Some(id) = by_provider(&mut tx, signed.call_sid()).await? else {
        return Ok(());
    };
    let ended = close::provider_status(&mut tx, id, status).await?;
    tx.commit().await?;
    if ended.is_some() {
        exchange.forget(id).await;
        // Whoever still carries it hears that it is over.
        order::send(&exchange.hub, tenant, id, &Order::HangUp { staff: None })
            .await
            .ok();
    }
    Ok(())
}

/// `POST /webhooks/twilio/stream`.
pub(super) async fn stream(signed: Signed) -> StatusCode {
    if signed.field("StreamEvent") == "stream-error" {
        metrics::counter!("switchboard_stream_errors_total").increment(1);
        tracing::warn!(
            error = signed.field("StreamError"),
            "Twilio could not stream a call"
        );
    }
    StatusCode::NO_CONTENT
}
