//! A message was recorded at Twilio: a job fetches it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use hub::call::begin::by_provider;
use hub::call::work::FetchRecording;
use hub::job::NewJob;

use super::signed::Signed;
use crate::exchange::Exchange;

/// `POST /webhooks/twilio/recording`.
pub(super) async fn made(State(exchange): State<Exchange>, signed: Signed) -> Response {
    match enqueue(&exchange, &signed).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(fault) => fault.into_response(),
    }
}

async fn enqueue(exchange: &Exchange, signed: &Signed) -> hub::Result<()> {
    if signed.field("RecordingStatus") != "completed" {
        return Ok(());
    }
    let mut tx = exchange.hub.db.tenant(signed.addressed.tenant).await?;
    let Some(call) = by_provider(&mut tx, signed.call_sid()).await? else {
        return Ok(());
    };
    let fetch = FetchRecording {
        call,
        recording: signed.field("RecordingSid").to_owned(),
        url: signed.field("RecordingUrl").to_owned(),
        seconds: signed.field("RecordingDuration").parse().unwrap_or(0),
    };
    tx.enqueue(NewJob::of(&fetch)?.once_per(fetch.recording.clone()));
    tx.commit().await
}
