//! Getting ready for a call: what the agent should know, read while the telephone rings.

use std::sync::Arc;

use hub::agent_settings::{self, AgentSettings};
use hub::call::{Call, Source};
use hub::ids::TenantId;
use hub::turn::{self, Speaker};
use hub::{tenant, turn::Turn};

use crate::agent::Said;
use crate::agent::briefing::Briefing;
use crate::exchange::Exchange;

/// Messages an agent is told of.
const BEFORE_MAX: i64 = 10;

/// What the agent should know. A database that does not answer costs knowledge, not the call.
pub(crate) async fn briefing(exchange: &Exchange, tenant: TenantId, call: &Call) -> Briefing {
    match read(exchange, tenant, call).await {
        Ok(briefing) => briefing,
        Err(fault) => {
            tracing::warn!(call.id = %call.id, error = %fault, "Call {} is taken without its context", call.id);
            plain(call)
        }
    }
}

fn plain(call: &Call) -> Briefing {
    Briefing {
        settings: Arc::new(AgentSettings::default()),
        business: "this business".to_owned(),
        contact: None,
        from: call.from_address.clone(),
        before: Vec::new(),
        open: None,
        local_time: "not known to you".to_owned(),
        can_transfer: call.source == Source::Twilio,
        said: Vec::new(),
        unreached: false,
        first_turn: 1,
    }
}

async fn read(exchange: &Exchange, tenant: TenantId, call: &Call) -> hub::Result<Briefing> {
    let hub = &exchange.hub;
    let business = tenant::get(hub, tenant).await?;
    let mut tx = hub.db.tenant(tenant).await?;
    let (settings, _version) = agent_settings::get(&mut tx).await?;
    let before = match &call.contact {
        // Visitors are told apart by address only: what another one said there before is not for this one's ears.
        Some(_) if call.visitor => Vec::new(),
        Some(contact) => hub::call::context::last_words(&mut tx, contact.id, BEFORE_MAX).await?,
        None => Vec::new(),
    };
    let turns = turn::list(&mut tx, call.id).await?;
    tx.commit().await?;
    let now = hub.clock.now();
    let zone_name = settings
        .hours
        .as_ref()
        .map_or(&*business.timezone, |hours| &*hours.timezone);
    let zone = jiff::tz::TimeZone::get(zone_name).unwrap_or(jiff::tz::TimeZone::UTC);
    Ok(Briefing {
        business: business.name,
        contact: call
            .contact
            .as_ref()
            .filter(|_| !call.visitor)
            .and_then(|contact| contact.name.clone()),
        from: call.from_address.clone(),
        before,
        open: settings.hours.as_ref().map(|hours| hours.is_open(now)),
        local_time: now.in_zone(&zone).strftime("%A, %-d %B %Y, %H:%M").to_string(),
        can_transfer: call.source == Source::Twilio,
        unreached: false,
        first_turn: turns.last().map_or(1, |turn| turn.ordinal + 1),
        said: turns.iter().filter_map(said).collect(),
        settings: Arc::new(settings),
    })
}

fn said(turn: &Turn) -> Option<Said> {
    let spoken = matches!(turn.speaker, Speaker::Caller | Speaker::Agent) && !turn.text.is_empty();
    spoken.then(|| Said {
        caller: turn.speaker == Speaker::Caller,
        text: turn.text.clone(),
    })
}
