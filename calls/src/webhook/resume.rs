//! What now? Twilio asks when a stream ended and nobody ended the call, when a person did not pick up, when a message was
//! left. A call that lives goes on here, with what was said so far.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use connectors::twilio::twiml::Document;
use hub::agent_settings;
use hub::call::begin::by_provider;
use hub::call::{self, Call, Outcome, State as Stage, progress};

use super::signed::Signed;
use super::{document, twiml};
use crate::call::prepare;
use crate::exchange::{Exchange, Prepared};

/// A call that comes back more often is in a loop; its caller leaves a message instead.
const RESUMES_MAX: i32 = 6;

/// `POST /webhooks/twilio/voice/resume`.
pub(super) async fn resume(State(exchange): State<Exchange>, signed: Signed) -> Response {
    match what_now(&exchange, &signed).await {
        Ok(document) => twiml(document),
        Err(fault) => fault.into_response(),
    }
}

async fn what_now(exchange: &Exchange, signed: &Signed) -> hub::Result<String> {
    let (hub, tenant) = (&exchange.hub, signed.addressed.tenant);
    let dialled = signed.field("DialCallStatus");
    let over = Document::new().hang_up().finish();
    let mut tx = hub.db.tenant(tenant).await?;
    let Some(id) = by_provider(&mut tx, signed.call_sid()).await? else {
        return Ok(over);
    };
    if matches!(dialled, "completed" | "answered") {
        // They spoke with a person, whatever we believed of the transfer.
        progress::note_outcome(&mut tx, id, Outcome::Transferred).await?;
        tx.commit().await?;
        return Ok(over);
    }
    let (stage, resumes) = progress::count_resume(&mut tx, id).await?;
    if !dialled.is_empty() {
        // Nobody picked up: it goes on with us, and how it ends is open again.
        progress::transfer_failed(&mut tx, id).await?;
    }
    let (settings, _version) = agent_settings::get(&mut tx).await?;
    let call = call::get(&mut tx, id).await?;
    tx.commit().await?;
    match stage {
        // A forwarded call that nobody took: at least a message.
        Stage::NotTaken if !dialled.is_empty() => Ok(document::voicemail(hub, &settings, &call)),
        Stage::Ended | Stage::NotTaken => Ok(over),
        Stage::Ringing | Stage::Live if resumes > RESUMES_MAX => {
            Ok(document::voicemail(hub, &settings, &call))
        }
        Stage::Ringing | Stage::Live => {
            go_on(exchange, signed, &call).await;
            Ok(document::stream(hub, tenant, &call))
        }
    }
}

/// Makes an agent ready that knows what was said, unless the call's task is still here and waits for its stream.
async fn go_on(exchange: &Exchange, signed: &Signed, call: &Call) {
    metrics::counter!("switchboard_calls_resumed_total").increment(1);
    if exchange.carries(call.id) {
        return;
    }
    let tenant = signed.addressed.tenant;
    let lease = hub::capacity::resume(&exchange.hub, tenant, call.id).await;
    let mut briefing = prepare::briefing(exchange, tenant, call).await;
    briefing.unreached = !signed.field("DialCallStatus").is_empty();
    let briefing = Arc::new(briefing);
    let agent = exchange.agent(&briefing);
    exchange.expect(
        tenant,
        call.id,
        Prepared {
            agent,
            briefing,
            lease,
        },
    );
}
