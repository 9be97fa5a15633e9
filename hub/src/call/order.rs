//! What staff want of a live call, sent to whichever process carries it; and the call's audio on its way to listeners.
//! Both are hints over Redis: an order that must happen is a job as well.

use serde::{Deserialize, Serialize};

use crate::Hub;
use crate::error::{Error, Result};
use crate::ids::{CallId, StaffId, TenantId};
use crate::keys;
use crate::relay::Following;

/// An order to the process that carries a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Order {
    /// End the call now.
    HangUp {
        /// Who said so.
        staff: Option<StaffId>,
    },
    /// Somebody listens; said again every few seconds for as long as they do.
    Listen,
}

/// Sends an order.
pub async fn send(hub: &Hub, tenant: TenantId, call: CallId, order: &Order) -> Result<()> {
    let body = serde_json::to_vec(order).map_err(anyhow::Error::from)?;
    hub.kv
        .publish(&keys::call_channel(tenant, call), body.into())
        .await
        .map_err(|fault| Error::Unavailable("the live connection to calls", fault))
}

/// Orders to a call from now on; each body is an [`Order`] in JSON.
pub async fn follow(hub: &Hub, tenant: TenantId, call: CallId) -> Result<Following> {
    hub.relay
        .follow(keys::call_channel(tenant, call))
        .await
        .map_err(|fault| Error::Unavailable("the live connection to calls", fault))
}

/// The call's audio from now on; see `calls/src/listen.rs` for a batch's form.
pub async fn follow_audio(hub: &Hub, tenant: TenantId, call: CallId) -> Result<Following> {
    hub.relay
        .follow(keys::call_audio_channel(tenant, call))
        .await
        .map_err(|fault| Error::Unavailable("the call's audio", fault))
}

/// Sends a batch of the call's audio to its listeners; lost when nobody listens.
pub async fn publish_audio(
    hub: &Hub,
    tenant: TenantId,
    call: CallId,
    batch: bytes::Bytes,
) -> anyhow::Result<()> {
    hub.kv
        .publish(&keys::call_audio_channel(tenant, call), batch)
        .await
}
