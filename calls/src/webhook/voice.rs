//! A call rings: its row, its slot, its agent; then the stream, or the tenant's fallback.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use hub::agent_settings::{self, AgentSettings, ClosedRule, Fallback};
use hub::call::begin::{NewCall, begin};
use hub::call::{Call, Outcome, Source, State as Stage, progress};
use hub::capacity::{self, Admission, Lease, Limits};
use hub::contact::{self, IdentityKind};
use hub::conversation;
use hub::ids::{CallId, TenantId};
use hub::inbox::Channel;

use super::signed::Signed;
use super::{document, twiml};
use crate::call::prepare;
use crate::exchange::{Exchange, Prepared};

/// `POST /webhooks/twilio/voice`.
pub(super) async fn ring(State(exchange): State<Exchange>, signed: Signed) -> Response {
    let began = Instant::now();
    if signed.addressed.suspended {
        metrics::counter!("switchboard_calls_not_taken_total", "outcome" => "suspended").increment(1);
        return twiml(document::switched_off());
    }
    let answer = answer(&exchange, &signed).await;
    metrics::histogram!("switchboard_call_answer_seconds").record(began.elapsed());
    match answer {
        Ok(document) => twiml(document),
        Err(fault) => fault.into_response(),
    }
}

async fn answer(exchange: &Exchange, signed: &Signed) -> hub::Result<String> {
    let tenant = signed.addressed.tenant;
    let (call, settings, new) = write(exchange, signed).await?;
    let hub = &exchange.hub;
    if !new {
        return Ok(match call.state {
            Stage::Ringing | Stage::Live => document::stream(hub, tenant, &call),
            Stage::NotTaken => document::fallback(hub, &settings, &call),
            Stage::Ended => connectors::twilio::twiml::Document::new().hang_up().finish(),
        });
    }
    if let Some(fallback) = closed(exchange, &settings) {
        return refuse(
            exchange,
            tenant,
            &settings,
            call.id,
            (Outcome::OutsideHours, fallback),
        )
        .await;
    }
    match slot(exchange, tenant, call.id).await? {
        Some(lease) => {
            let briefing = Arc::new(prepare::briefing(exchange, tenant, &call).await);
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
            Ok(document::stream(hub, tenant, &call))
        }
        None => {
            refuse(
                exchange,
                tenant,
                &settings,
                call.id,
                (Outcome::OverCapacity, settings.over_capacity),
            )
            .await
        }
    }
}

/// Who calls, their conversation, the call: once, however often Twilio tells us.
async fn write(exchange: &Exchange, signed: &Signed) -> hub::Result<(Call, Arc<AgentSettings>, bool)> {
    let hub = &exchange.hub;
    let inbox = &signed.addressed.inbox;
    let from = hub::phone::sender(signed.field("From"));
    let mut tx = hub.db.tenant(signed.addressed.tenant).await?;
    let (mut who, mut place) = (None, None);
    // A withheld number is nobody we could know.
    if from.starts_with('+') {
        let known = contact::meet(&mut tx, IdentityKind::Phone, &from, None).await?;
        place = Some(conversation::between(&mut tx, known.contact, inbox.id, Channel::Voice, None).await?);
        who = Some(known.contact);
    }
    let new = NewCall {
        id: CallId::at(tx.now()),
        provider_id: signed.call_sid(),
        source: Source::Twilio,
        inbox: Some(inbox.id),
        contact: who,
        conversation: place,
        from: &from,
        to: &inbox.address,
        visitor: None,
    };
    let (call, new) = begin(&mut tx, new).await?;
    let (settings, _version) = agent_settings::get(&mut tx).await?;
    tx.commit().await?;
    Ok((call, Arc::new(settings), new))
}

/// What callers get because the business is closed; `None` when the agent answers.
fn closed(exchange: &Exchange, settings: &AgentSettings) -> Option<Fallback> {
    let open = settings
        .hours
        .as_ref()
        .is_none_or(|hours| hours.is_open(exchange.hub.clock.now()));
    match settings.outside_hours {
        _ if open => None,
        ClosedRule::Answer => None,
        ClosedRule::Voicemail => Some(Fallback::Voicemail),
        ClosedRule::Forward => Some(Fallback::Forward),
    }
}

async fn slot(exchange: &Exchange, tenant: TenantId, call: CallId) -> hub::Result<Option<Lease>> {
    let hub = &exchange.hub;
    let limits = Limits::of(hub, tenant).await?;
    Ok(match capacity::acquire(hub, tenant, call, limits).await {
        Admission::Admitted(lease) => Some(lease),
        Admission::Full(_) => None,
    })
}

async fn refuse(
    exchange: &Exchange,
    tenant: TenantId,
    settings: &AgentSettings,
    call: CallId,
    (outcome, fallback): (Outcome, Fallback),
) -> hub::Result<String> {
    let word = match fallback {
        Fallback::Voicemail => "voicemail",
        Fallback::Forward => "forward",
    };
    let mut tx = exchange.hub.db.tenant(tenant).await?;
    let call = progress::not_taken(&mut tx, call, outcome, word).await?;
    hub::call::close::afterwards(&mut tx, &call).await?;
    tx.commit().await?;
    metrics::counter!("switchboard_calls_not_taken_total", "outcome" => outcome.as_str()).increment(1);
    Ok(document::fallback(&exchange.hub, settings, &call))
}
