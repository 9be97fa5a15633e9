//! Every Redis key and channel name. Keys that one script touches share a hash tag, so that a cluster keeps them together.

use crate::ids::{CallId, TenantId};

/// Carries a tenant's events and signals to every process that has clients of it.
pub fn live_channel(tenant: TenantId) -> String {
    format!("sb:{{{tenant}}}:live")
}

/// Carries orders to the process that carries a call: hang up, a listener wants audio.
pub fn call_channel(tenant: TenantId, call: CallId) -> String {
    format!("sb:{{{tenant}}}:call:{call}")
}
