//! The public keys that a device leaves with the server, so that others can write to it while it is away.
use std::collections::VecDeque;

use anyhow::{Context, Result, ensure};
use whatsapp_rust::wacore::prekeys::compute_key_bundle_digest;
use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::wacore_binary::builder::NodeBuilder;

use crate::stanza;

/// One-time keys kept per device at most; clients upload 812 at their first login.
const ONE_TIME_MAX: usize = 2000;

/// A signed key.
#[derive(Clone, Debug)]
pub(crate) struct Signed {
    pub(crate) id: u32,
    pub(crate) key: [u8; 32],
    pub(crate) signature: Vec<u8>,
}

/// All keys of one device.
#[derive(Clone, Debug)]
pub(crate) struct Bundle {
    pub(crate) registration: u32,
    pub(crate) identity: [u8; 32],
    pub(crate) signed: Signed,
    pub(crate) one_time: VecDeque<(u32, [u8; 32])>,
}

impl Bundle {
    /// Reads an upload.
    pub(crate) fn read(upload: &Node) -> Result<Self> {
        let registration = stanza::child_bytes(upload, "registration")?;
        let list = upload
            .get_optional_child("list")
            .context("find the one-time keys")?;
        Ok(Self {
            registration: number(&registration),
            identity: stanza::child_key(upload, "identity")?,
            signed: Signed::read(upload.get_optional_child("skey").context("find the signed key")?)?,
            one_time: stanza::children(list)
                .iter()
                .map(|key| Ok((id_of(key)?, stanza::child_key(key, "value")?)))
                .collect::<Result<_>>()?,
        })
    }

    /// Takes over what a later upload of the same device brings.
    pub(crate) fn renew(&mut self, newer: Self) -> Result<()> {
        ensure!(
            newer.identity == self.identity,
            "a device keeps its identity for life"
        );
        let mut one_time = std::mem::take(&mut self.one_time);
        one_time.retain(|(id, _)| newer.one_time.iter().all(|(fresh, _)| fresh != id));
        one_time.extend(newer.one_time.iter().copied());
        one_time.truncate(ONE_TIME_MAX);
        *self = Self { one_time, ..newer };
        Ok(())
    }

    /// What somebody gets who wants to write to the device; takes one one-time key.
    pub(crate) fn hand_out(&mut self) -> Vec<Node> {
        let mut keys = vec![
            bytes("registration", &self.registration.to_be_bytes()),
            bytes("type", &[5]),
            bytes("identity", &self.identity),
            self.signed.node(),
        ];
        if let Some((id, key)) = self.one_time.pop_front() {
            let key = NodeBuilder::new("key").children([id_node(id), bytes("value", &key)]);
            keys.push(key.build());
        }
        keys
    }

    /// What the device compares with its own memory at every login.
    pub(crate) fn digest(&self) -> Node {
        let keys: Vec<&[u8]> = self.one_time.iter().map(|(_, key)| key.as_slice()).collect();
        let hash = compute_key_bundle_digest(&self.identity, &self.signed.key, &self.signed.signature, &keys);
        let ids = self.one_time.iter().map(|(id, _)| id_node(*id));
        NodeBuilder::new("digest")
            .children([
                bytes("registration", &self.registration.to_be_bytes()),
                bytes("type", &[5]),
                bytes("identity", &self.identity),
                self.signed.node(),
                NodeBuilder::new("list").children(ids).build(),
                bytes("hash", &hash),
            ])
            .build()
    }
}

impl Signed {
    pub(crate) fn read(node: &Node) -> Result<Self> {
        Ok(Self {
            id: id_of(node)?,
            key: stanza::child_key(node, "value")?,
            signature: stanza::child_bytes(node, "signature")?,
        })
    }

    fn node(&self) -> Node {
        NodeBuilder::new("skey")
            .children([
                id_node(self.id),
                bytes("value", &self.key),
                bytes("signature", &self.signature),
            ])
            .build()
    }
}

fn bytes(tag: &'static str, content: &[u8]) -> Node {
    NodeBuilder::new(tag).bytes(content).build()
}

/// Key ids travel as three bytes.
fn id_node(id: u32) -> Node {
    let [_, id @ ..] = id.to_be_bytes();
    bytes("id", &id)
}

fn id_of(node: &Node) -> Result<u32> {
    Ok(number(&stanza::child_bytes(node, "id")?))
}

fn number(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .fold(0, |number, byte| (number << 8) | u32::from(*byte))
}
