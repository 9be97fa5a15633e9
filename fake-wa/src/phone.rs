//! The owner's phone: device 0 of every account, which signs the others and shares the app-state keys with them.
use std::collections::{HashMap, VecDeque};

use anyhow::{Context, Result};
use futures_util::FutureExt;
use whatsapp_rust::async_trait;
use whatsapp_rust::buffa::MessageField;
use whatsapp_rust::wacore::libsignal::protocol::{
    CiphertextMessage, Direction, IdentityChange, IdentityKey, IdentityKeyPair, IdentityKeyStore, KeyPair,
    PreKeyBundle, ProtocolAddress, PublicKey, SessionRecord, SessionStore, SignalProtocolError, UsePQRatchet,
    message_encrypt, process_prekey_bundle,
};
use whatsapp_rust::wacore::messages::MessageUtils;
use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::wacore_binary::builder::NodeBuilder;
use whatsapp_rust::waproto::whatsapp as wa;

use crate::account::{Account, RAW_ID};
use crate::clock;
use crate::prekey::{Bundle, Signed};
use crate::stanza;

/// The phone's registration id.
const REGISTRATION: u32 = 1;

/// The name of the one app-state key.
const KEY_ID: [u8; 6] = [0, 0, 0, 0, 0, 1];

/// The phone's keys for whoever writes to it; their private halves are thrown away, because nobody reads there.
pub(crate) fn bundle(key: &KeyPair) -> Result<Bundle> {
    let signed = KeyPair::generate(&mut rand::rng());
    let signature = key
        .private_key
        .calculate_signature(&signed.public_key.serialize(), &mut rand::rng())?;
    Ok(Bundle {
        registration: REGISTRATION,
        identity: key
            .public_key
            .public_key_bytes()
            .try_into()
            .context("read the phone's key")?,
        signed: Signed {
            id: 1,
            key: signed
                .public_key
                .public_key_bytes()
                .try_into()
                .context("read the signed key")?,
            signature: signature.to_vec(),
        },
        one_time: VecDeque::new(),
    })
}

/// The message with which the phone gives a new device the account's app-state key, encrypted for that device.
pub(crate) fn key_share(account: &mut Account, device: u16) -> Result<Node> {
    let key = account.key.clone();
    let share = wa::message::AppStateSyncKeyShare {
        keys: vec![wa::message::AppStateSyncKey {
            key_id: MessageField::some(wa::message::AppStateSyncKeyId {
                key_id: Some(KEY_ID.to_vec()),
            }),
            key_data: MessageField::some(wa::message::AppStateSyncKeyData {
                key_data: Some(account.app_state_key.to_vec()),
                fingerprint: MessageField::some(wa::message::AppStateSyncKeyFingerprint {
                    raw_id: Some(RAW_ID),
                    current_index: Some(u32::from(account.next_device.saturating_sub(1))),
                    device_indexes: account.devices.keys().map(|number| u32::from(*number)).collect(),
                }),
                timestamp: Some(clock::unix_s().cast_signed()),
            }),
        }],
    };
    let message = wa::Message {
        protocol_message: MessageField::some(wa::message::ProtocolMessage {
            r#type: Some(wa::message::protocol_message::Type::APP_STATE_SYNC_KEY_SHARE),
            app_state_sync_key_share: MessageField::some(share),
            ..Default::default()
        }),
        ..Default::default()
    };
    let phone = account.phone;
    let bundle = account.bundle(device).context("the device has left no keys")?;
    let cipher = seal(&key, bundle, &message)?;
    let sealed = NodeBuilder::new("enc")
        .attr("v", "2")
        .attr("type", "pkmsg")
        .bytes(cipher)
        .build();
    Ok(NodeBuilder::new("message")
        .attr("from", phone.pn())
        .attr("id", stanza::fresh_id())
        .attr("type", "text")
        .attr("category", "peer")
        .attr("t", clock::unix_s().to_string())
        .children([sealed])
        .build())
}

/// Encrypts the first message of a new Signal session from the phone to a device.
fn seal(key: &KeyPair, bundle: &mut Bundle, message: &wa::Message) -> Result<Vec<u8>> {
    let public = |bytes: &[u8; 32]| PublicKey::from_djb_public_key_bytes(bytes);
    let one_time = match bundle.one_time.pop_front() {
        Some((id, key)) => Some((id.into(), public(&key)?)),
        None => None,
    };
    let theirs = PreKeyBundle::new(
        bundle.registration,
        1.into(),
        one_time,
        bundle.signed.id.into(),
        public(&bundle.signed.key)?,
        bundle.signed.signature.clone(),
        IdentityKey::new(public(&bundle.identity)?),
    )?;
    let address = ProtocolAddress::new("device", 1.into());
    let (mut sessions, mut identities) = (Sessions::default(), Identity(key.clone()));
    process_prekey_bundle(
        &address,
        &mut sessions,
        &mut identities,
        &theirs,
        &mut rand::rng(),
        UsePQRatchet::No,
    )
    .now_or_never()
    .context("open a session: the store has to answer at once")??;
    let plain = MessageUtils::encode_and_pad(message);
    let sealed = message_encrypt(&plain, &address, &mut sessions, &mut identities)
        .now_or_never()
        .context("encrypt: the store has to answer at once")??;
    match sealed {
        CiphertextMessage::PreKeySignalMessage(sealed) => Ok(sealed.serialized().to_vec()),
        _ => anyhow::bail!("the first message of a session carries its keys"),
    }
}

/// The sessions of one sealing; forgotten after it.
#[derive(Default)]
struct Sessions(HashMap<String, SessionRecord>);

#[async_trait]
impl SessionStore for Sessions {
    async fn load_session(
        &self,
        address: &ProtocolAddress,
    ) -> Result<Option<SessionRecord>, SignalProtocolError> {
        Ok(self.0.get(&address.to_string()).cloned())
    }

    async fn has_session(&self, address: &ProtocolAddress) -> Result<bool, SignalProtocolError> {
        Ok(self.0.contains_key(&address.to_string()))
    }

    async fn store_session(
        &mut self,
        address: &ProtocolAddress,
        record: SessionRecord,
    ) -> Result<(), SignalProtocolError> {
        self.0.insert(address.to_string(), record);
        Ok(())
    }
}

/// The phone's identity; it trusts everybody.
struct Identity(KeyPair);

#[async_trait]
impl IdentityKeyStore for Identity {
    async fn get_identity_key_pair(&self) -> Result<IdentityKeyPair, SignalProtocolError> {
        Ok(IdentityKeyPair::new(
            IdentityKey::new(self.0.public_key),
            self.0.private_key.clone(),
        ))
    }

    async fn get_local_registration_id(&self) -> Result<u32, SignalProtocolError> {
        Ok(REGISTRATION)
    }

    async fn save_identity(
        &mut self,
        _address: &ProtocolAddress,
        _identity: &IdentityKey,
    ) -> Result<IdentityChange, SignalProtocolError> {
        Ok(IdentityChange::NewOrUnchanged)
    }

    async fn is_trusted_identity(
        &self,
        _address: &ProtocolAddress,
        _identity: &IdentityKey,
        _direction: Direction,
    ) -> Result<bool, SignalProtocolError> {
        Ok(true)
    }

    async fn get_identity(
        &self,
        _address: &ProtocolAddress,
    ) -> Result<Option<IdentityKey>, SignalProtocolError> {
        Ok(None)
    }
}
