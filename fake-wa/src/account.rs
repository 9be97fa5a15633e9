//! An account: its phone's key, its linked devices, and what the server remembers for them.
use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use whatsapp_rust::buffa::Message as _;
use whatsapp_rust::wacore::libsignal::protocol::KeyPair;
use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::wacore_binary::builder::NodeBuilder;
use whatsapp_rust::waproto::whatsapp as wa;

use crate::address::Phone;
use crate::clock;
use crate::connection::Connection;
use crate::faults::Refusal;
use crate::phone;
use crate::prekey::Bundle;
use crate::queue::Queue;

/// The generation of an account's device list; nothing here starts a new one.
pub(crate) const RAW_ID: u32 = 7;

/// What the phone's signatures say they are about.
const KEY_INDEX_PREFIX: [u8; 2] = [6, 2];

/// A linked device.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    /// The Noise key that it logs in with.
    pub(crate) noise: [u8; 32],
    /// Its identity, signed by the phone and by itself.
    pub(crate) signed_identity: Vec<u8>,
    pub(crate) bundle: Option<Bundle>,
    pub(crate) connection: Option<Connection>,
    pub(crate) queue: Queue,
    /// It has not got the phone's app-state keys yet.
    pub(crate) wants_keys: bool,
}

impl Device {
    pub(crate) fn new(noise: [u8; 32]) -> Self {
        Self {
            noise,
            signed_identity: Vec::new(),
            bundle: None,
            connection: None,
            queue: Queue::default(),
            wants_keys: true,
        }
    }

    /// Keeps a stanza until the device acknowledges it.
    pub(crate) fn give(&mut self, stanza: Node) {
        self.queue.give(stanza, self.connection.as_ref());
    }

    /// Sends what is only worth something now.
    pub(crate) fn whisper(&self, stanza: &Node) {
        if let Some(connection) = &self.connection {
            connection.send(stanza.clone());
        }
    }
}

/// See the module.
#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) phone: Phone,
    /// What others see as its name.
    pub(crate) name: String,
    /// The phone's own identity, which signs the linked devices.
    pub(crate) key: KeyPair,
    /// The phone's own keys; nobody reads what is written to it.
    pub(crate) phone_bundle: Bundle,
    pub(crate) devices: BTreeMap<u16, Device>,
    pub(crate) next_device: u16,
    /// One-to-one chats go by LID.
    pub(crate) by_lid: bool,
    pub(crate) refusal: Option<Refusal>,
    /// Whom it has written with, and who hears of changes in its devices.
    pub(crate) peers: BTreeSet<Phone>,
    /// Who is told when it comes and goes.
    pub(crate) watchers: BTreeSet<Phone>,
    pub(crate) here: bool,
    pub(crate) app_state: BTreeMap<String, Vec<Vec<u8>>>,
    pub(crate) app_state_key: [u8; 32],
}

impl Account {
    pub(crate) fn new(phone: Phone, name: &str) -> Result<Self> {
        let key = KeyPair::generate(&mut rand::rng());
        Ok(Self {
            phone,
            name: name.to_owned(),
            phone_bundle: phone::bundle(&key)?,
            key,
            devices: BTreeMap::new(),
            next_device: 1,
            by_lid: false,
            refusal: None,
            peers: BTreeSet::new(),
            watchers: BTreeSet::new(),
            here: false,
            app_state: BTreeMap::new(),
            app_state_key: rand::random(),
        })
    }

    /// Links a device; its number.
    pub(crate) fn link(&mut self, device: Device) -> u16 {
        let number = self.next_device;
        self.next_device += 1;
        self.devices.insert(number, device);
        number
    }

    pub(crate) fn device(&mut self, number: u16) -> Result<&mut Device> {
        let phone = self.phone;
        self.devices
            .get_mut(&number)
            .with_context(|| format!("{phone} has no device {number}"))
    }

    pub(crate) fn bundle(&mut self, number: u16) -> Option<&mut Bundle> {
        if number == 0 {
            return Some(&mut self.phone_bundle);
        }
        self.devices.get_mut(&number)?.bundle.as_mut()
    }

    /// Something for all linked devices but one.
    pub(crate) fn give(&mut self, stanza: &Node, except: Option<u16>) {
        for (number, device) in &mut self.devices {
            if Some(*number) != except {
                device.give(stanza.clone());
            }
        }
    }

    /// Something of the moment for all linked devices.
    pub(crate) fn whisper(&self, stanza: &Node) {
        for device in self.devices.values() {
            device.whisper(stanza);
        }
    }

    /// The device list that the phone has signed.
    pub(crate) fn key_index_list(&self) -> Result<Node> {
        let mut valid: Vec<u32> = vec![0];
        valid.extend(self.devices.keys().map(|number| u32::from(*number)));
        let details = wa::ADVKeyIndexList {
            raw_id: Some(RAW_ID),
            timestamp: Some(clock::unix_s()),
            current_index: Some(u32::from(self.next_device.saturating_sub(1))),
            valid_indexes: valid,
            ..Default::default()
        }
        .encode_to_vec();
        let about = [&KEY_INDEX_PREFIX[..], &details].concat();
        let signature = self
            .key
            .private_key
            .calculate_signature(&about, &mut rand::rng())?;
        let list = wa::ADVSignedKeyIndexList {
            details: Some(details),
            account_signature: Some(signature.to_vec()),
            ..Default::default()
        };
        Ok(NodeBuilder::new("key-index-list")
            .attr("ts", clock::unix_s().to_string())
            .bytes(list.encode_to_vec())
            .build())
    }
}
