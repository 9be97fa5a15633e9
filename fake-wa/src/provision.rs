//! Sessions that are paired already, by the hundred: what a worker would have stored after scanning so many QR codes.
use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::json;
use whatsapp_rust::wacore::store::Device as Record;

use crate::account::Device;
use crate::address::Phone;
use crate::pairing;
use crate::prekey::{Bundle, Signed};
use crate::world::World;

/// One paired session: a complete device record, with which a client resumes by Noise IK and without any check of
/// certificates, because the server's key is pinned in it. The record is all that a fresh store needs: there are no
/// Signal sessions yet, and the server hands out the signed prekey alone until the client uploads one-time keys.
#[derive(Clone, Serialize, Deserialize)]
pub struct Provisioned {
    /// The account.
    pub phone: Phone,
    /// The device's number in it.
    pub device: u16,
    /// Its address by number and by LID.
    pub jid: String,
    /// See [`Provisioned::jid`].
    pub lid: String,
    /// `whatsapp_rust::wacore::store::Device`, as serde writes it.
    pub record: Record,
}

/// Links one more device to the account, opened under this name if need be.
pub(crate) fn provision(world: &World, phone: Phone, name: &str) -> Result<Provisioned> {
    let mut record = Record::new();
    let mut state = world.state();
    let account = state.open_account(phone, name)?;
    let number = account.next_device;
    let signed = pairing::sign_both(account, number, &record.identity_key)?;
    let key = |pair: &whatsapp_rust::wacore::libsignal::protocol::KeyPair| -> Result<[u8; 32]> {
        Ok(pair.public_key.public_key_bytes().try_into()?)
    };
    let identity = key(&record.identity_key)?;
    let mut device = Device::new(key(&record.noise_key)?);
    device.signed_identity = whatsapp_rust::wacore::store::device::account_serde::to_bytes(&signed);
    device.wants_keys = false;
    device.bundle = Some(Bundle {
        registration: record.registration_id,
        identity,
        signed: Signed {
            id: record.signed_pre_key_id,
            key: key(&record.signed_pre_key)?,
            signature: record.signed_pre_key_signature.to_vec(),
        },
        one_time: std::collections::VecDeque::new(),
    });
    account.link(device);
    record.pn = Some(phone.pn_device(number));
    record.lid = Some(phone.lid_device(number));
    record.lid_migrated = account.by_lid;
    record.account = Some(std::sync::Arc::new(signed));
    record.push_name.clone_from(&account.name);
    record.server_has_prekeys = true;
    record.server_cert_chain = Some(world.identity.pinned()?);
    state.tell_devices(phone, "add", number)?;
    world
        .ledger
        .record("provisioned", json!({"phone": phone, "device": number}));
    Ok(Provisioned {
        phone,
        device: number,
        jid: phone.pn_device(number).to_string(),
        lid: phone.lid_device(number).to_string(),
        record,
    })
}
