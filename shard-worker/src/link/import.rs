//! Sessions that were linked elsewhere: the library's own record of a device is all that a fresh store needs.

use anyhow::{Context as _, Result};
use hub::Hub;
use hub::ids::TenantId;
use hub::session::state::Entry;
use hub::session::{self, Import, Session};
use whatsapp_rust::wacore::store::Device;

use super::store::DEVICE;

/// Makes a session of a device's record, the library's `Device` as JSON. Whoever worked the device until now must have
/// stopped.
///
/// # Errors
/// When the record is not one, was never linked, or hub refuses it.
pub async fn import(hub: &Hub, tenant: TenantId, name: &str, record: &str) -> Result<Session> {
    let device: Device = serde_json::from_str(record).context("read the device's record")?;
    let jid = device.pn.as_ref().context("the device was never linked")?;
    let phone = format!("+{}", jid.user);
    let values = [Entry::new(b"", serde_json::to_vec(&device)?)];
    let import = Import {
        name,
        phone: &phone,
        push_name: Some(device.push_name.as_str()).filter(|name| !name.is_empty()),
        kind: DEVICE,
        values: &values,
    };
    Ok(session::import(hub, tenant, import).await?)
}
