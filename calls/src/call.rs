//! A call: one task owns it from the opening of its stream to its end; everything else sends it messages.

pub(crate) mod ledger;
pub(crate) mod machine;
pub(crate) mod prepare;
mod scribe;
mod task;
mod tools;
mod transcript;
pub(crate) mod voicemail;

use std::sync::Arc;

use hub::call::{Call, Source, State};
use hub::capacity::{self, Admission, Lease, Limits};
use hub::ids::TenantId;

use crate::exchange::{Exchange, Prepared, Seat};
use task::Task;

/// Carries a call whose stream has opened, to its end.
pub(crate) async fn carry(exchange: Exchange, mut seat: Seat) {
    let Some(arrived) = seat.first.take() else { return };
    let prepared = if let Some(prepared) = seat.prepared.take() {
        *prepared
    } else {
        // The webhook was answered by another process, or the call comes back from one.
        let Some(lease) = slot(&exchange, arrived.tenant, &arrived.call).await else {
            // Nobody of ours spoke: the sweep notes it as not taken.
            arrived.socket.busy().await;
            return;
        };
        let briefing = Arc::new(prepare::briefing(&exchange, arrived.tenant, &arrived.call).await);
        let agent = exchange.agent(&briefing);
        Prepared {
            agent,
            briefing,
            lease,
        }
    };
    metrics::gauge!("switchboard_calls_live").increment(1.0);
    Box::pin(Task::new(exchange, arrived, prepared, seat).run()).await;
    metrics::gauge!("switchboard_calls_live").decrement(1.0);
}

/// The call's slot. A browser that begins to speak has one kept for it, for a short while: when it comes later than that,
/// it stands in line like everybody. Every other call was admitted by its webhook.
async fn slot(exchange: &Exchange, tenant: TenantId, call: &Call) -> Option<Lease> {
    let hub = &exchange.hub;
    if call.source == Source::Phone
        && call.state == State::Ringing
        && let Ok(limits) = Limits::of(hub, tenant).await
    {
        return match capacity::acquire(hub, tenant, call.id, limits).await {
            Admission::Admitted(lease) => Some(lease),
            Admission::Full(_) => None,
        };
    }
    Some(capacity::resume(hub, tenant, call.id).await)
}
