//! All that the server knows: its key, its accounts, groups and offers, its faults and its records.
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use loadtest::ledger::Ledger;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::wacore_binary::builder::NodeBuilder;

use crate::account::Account;
use crate::address::Phone;
use crate::faults::Faults;
use crate::group::Group;
use crate::media::Shelf;
use crate::noise::Identity;
use crate::pairing::Offers;
use crate::record::Record;
use crate::stanza;

/// Shared by everything; one lock, held only between two stanzas and never over a wait.
pub(crate) struct World {
    pub(crate) identity: Identity,
    pub(crate) address: SocketAddr,
    pub(crate) shelf: Shelf,
    pub(crate) ledger: Ledger,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
    state: Mutex<State>,
}

/// See the module.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) accounts: HashMap<Phone, Account>,
    pub(crate) groups: BTreeMap<String, Group>,
    pub(crate) offers: Offers,
    pub(crate) faults: Faults,
    pub(crate) record: Record,
    pub(crate) connections: u64,
}

impl World {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            identity: Identity::generate(),
            address,
            shelf: Shelf::default(),
            ledger: Ledger::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            state: Mutex::default(),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    pub(crate) fn account(&mut self, phone: Phone) -> Result<&mut Account> {
        self.accounts
            .get_mut(&phone)
            .with_context(|| format!("there is no account {phone}"))
    }

    /// The account, opened now if need be.
    pub(crate) fn open_account(&mut self, phone: Phone, name: &str) -> Result<&mut Account> {
        match self.accounts.entry(phone) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(free) => Ok(free.insert(Account::new(phone, name)?)),
        }
    }

    /// Tells whom it concerns that a device came or went.
    pub(crate) fn tell_devices(&mut self, phone: Phone, change: &'static str, device: u16) -> Result<()> {
        let account = self.account(phone)?;
        let told = |jid, from: String, list| {
            let device = NodeBuilder::new("device")
                .attr("jid", jid)
                .attr("key-index", device.to_string())
                .build();
            let change = NodeBuilder::new(change).children([device, list]).build();
            stanza::notification("devices", &from, vec![change])
        };
        let stanza = told(
            phone.pn_device(device),
            phone.pn().to_string(),
            account.key_index_list()?,
        );
        let peers: Vec<Phone> = account.peers.iter().copied().collect();
        account.give(&stanza, Some(device));
        for peer in peers {
            if let Some(peer) = self.accounts.get_mut(&peer) {
                peer.give(&stanza, None);
            }
        }
        Ok(())
    }

    /// Ends a device's socket with a stream error, and the reason for the record.
    pub(crate) fn end_stream(&mut self, phone: Phone, device: u16, error: Option<Node>, end: &'static str) {
        let Some(account) = self.accounts.get_mut(&phone) else {
            return;
        };
        let Some(device) = account.devices.get_mut(&device) else {
            return;
        };
        if let Some(connection) = device.connection.take() {
            self.record.ending(connection.id, end);
            let restart = error
                .as_ref()
                .is_some_and(|error| stanza::attr(error, "code") == "515");
            if let Some(error) = error {
                connection.send(error);
            }
            // At a restart the client closes by itself, and takes another close for the end of its next connection.
            if !restart {
                connection.close();
            }
        }
    }
}

/// `<stream:error>` with a code or a conflict.
pub(crate) fn stream_error(code: Option<u16>, conflict: Option<&'static str>) -> Node {
    let mut error = NodeBuilder::new("stream:error");
    if let Some(code) = code {
        error = error.attr("code", code.to_string());
    }
    if let Some(kind) = conflict {
        error = error.children([NodeBuilder::new("conflict").attr("type", kind).build()]);
    }
    error.build()
}

impl World {
    /// The phone's owner removes a linked device.
    pub(crate) fn unlink(&self, phone: Phone, device: u16) -> Result<()> {
        let mut state = self.state();
        state.account(phone)?.device(device)?;
        let error = stream_error(Some(401), Some("device_removed"));
        state.end_stream(phone, device, Some(error), "logged_out");
        state.account(phone)?.devices.remove(&device);
        state.tell_devices(phone, "remove", device)?;
        self.ledger
            .record("unlinked", json!({"phone": phone, "device": device}));
        Ok(())
    }
}
