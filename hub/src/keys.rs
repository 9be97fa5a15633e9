//! Every Redis key and channel name. Keys that one script touches share a hash tag, so that a cluster keeps them together.

use crate::ids::{CallId, SessionId, TenantId};
use crate::job::Queue;
use crate::job::stream::Lane;

/// Carries a tenant's events and signals to every process that has clients of it.
pub fn live_channel(tenant: TenantId) -> String {
    format!("sb:{{{tenant}}}{LIVE_CHANNEL_END}")
}

/// What tells the live feed's channels from others on the same connection.
pub(crate) const LIVE_CHANNEL_END: &str = ":live";

/// Who of a tenant is online: a hash of clients.
pub fn presence(tenant: TenantId) -> String {
    format!("sb:{{{tenant}}}:presence")
}

/// Carries orders to the process that carries a call: hang up, a listener wants audio.
pub fn call_channel(tenant: TenantId, call: CallId) -> String {
    format!("sb:{{{tenant}}}:call:{call}")
}

/// Tells every process that somebody's sign-in ended or changed (`auth::Revoked` as JSON).
pub const REVOCATIONS: &str = "sb:revocations";

/// Written by whoever asks whether Redis takes writes.
pub(crate) const HEALTH: &str = "sb:health";

/// Marks a one-time ticket as used.
pub fn ticket_used(tenant: TenantId, nonce: &str) -> String {
    format!("sb:{{{tenant}}}:ticket:{nonce}")
}

/// Counts sign-in attempts; `subject` is a keyed hash, so that the store shows no addresses.
pub fn throttle(kind: &str, subject: &str) -> String {
    format!("sb:throttle:{kind}:{subject}")
}

/// Carries a call's audio to its listeners, while there are any.
pub fn call_audio_channel(tenant: TenantId, call: CallId) -> String {
    format!("sb:{{{tenant}}}:call:{call}:audio")
}

/// Says that a node that carries calls is alive; expires by itself.
pub fn node_alive(node: &str) -> String {
    format!("sb:node:{node}:alive")
}

/// Held by the one watcher that leads a call of a dead node back.
pub fn call_rescue(tenant: TenantId, call: CallId) -> String {
    format!("sb:{{{tenant}}}:call:{call}:rescue")
}

/// Since when a call was seen without a slot; expires by itself.
pub(crate) fn call_missed(tenant: TenantId, call: CallId) -> String {
    format!("sb:{{{tenant}}}:call:{call}:missed")
}

/// Hints of a queue's jobs that are to be run. One tag per queue: its lanes are read together.
pub(crate) fn job_stream(queue: Queue, lane: Lane) -> String {
    format!("sb:{{jobs:{}}}:{}", queue.as_str(), lane.as_str())
}

/// A tenant's call slots, in the order the scripts want: the fleet's, the tenant's, the nodes that hold any, and the
/// generation of Redis's memory. One tag, so that tenant and fleet are counted by one script.
pub(crate) fn call_slots(tenant: TenantId) -> [String; 4] {
    let [fleet, generation] = all_call_slots();
    [
        fleet,
        format!("sb:{{calls}}:tenant:{tenant}"),
        "sb:{calls}:nodes".to_owned(),
        generation,
    ]
}

/// The fleet's call slots and the generation of Redis's memory.
pub(crate) fn all_call_slots() -> [String; 2] {
    ["sb:{calls}:fleet".to_owned(), "sb:{calls}:generation".to_owned()]
}

/// Who leads in `name`.
pub(crate) fn leader(name: &str) -> String {
    format!("sb:leader:{name}")
}

/// Wakes the workers of shards: a session to start, something to send. Carries nothing.
pub const SHARD_NUDGES: &str = "sb:shards:nudges";

/// Carries what staff do at a session's chats just now to the worker that holds it.
pub fn attention_channel(session: SessionId) -> String {
    format!("sb:{{session:{session}}}:attention")
}

/// Carries a pairing's codes to the one process whose staff member watches it. The id is random and lives for minutes.
pub fn pairing_channel(pairing: &str) -> String {
    format!("sb:{{pairing:{pairing}}}:news")
}
