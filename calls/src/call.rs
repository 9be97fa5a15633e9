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

use crate::exchange::{Exchange, Prepared, Seat};
use task::Task;

/// Carries a call whose stream has opened, to its end.
pub(crate) async fn carry(exchange: Exchange, mut seat: Seat) {
    let Some(arrived) = seat.first.take() else { return };
    let call = arrived.call.id;
    let prepared = if let Some(prepared) = seat.prepared.take() {
        *prepared
    } else {
        // The webhook was answered by another process, or the call comes back from one.
        let briefing = Arc::new(prepare::briefing(&exchange, arrived.tenant, &arrived.call).await);
        let lease = hub::capacity::resume(&exchange.hub, arrived.tenant, call).await;
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
