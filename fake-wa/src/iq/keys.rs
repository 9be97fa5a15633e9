//! Requests about keys: a device leaves its own, and fetches those of whom it wants to write to.
use anyhow::{Context, Result};
use serde_json::json;
use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::wacore_binary::builder::NodeBuilder;

use super::plain;
use crate::address::Phone;
use crate::clock;
use crate::connection::Connection;
use crate::phone;
use crate::prekey::{Bundle, Signed};
use crate::stanza;
use crate::world::{State, World};

/// A device leaves its keys; with the first ones the phone can write to it, and shares the app-state key.
pub(super) fn upload(
    world: &World,
    connection: &Connection,
    (phone, number): (Phone, u16),
    request: &Node,
) -> Result<()> {
    let fresh = Bundle::read(request)?;
    let mut state = world.state();
    let account = state.account(phone)?;
    let device = account.device(number)?;
    let count = fresh.one_time.len();
    match &mut device.bundle {
        Some(bundle) => bundle.renew(fresh)?,
        None => device.bundle = Some(fresh),
    }
    connection.send(stanza::result(request, Vec::new()));
    world
        .ledger
        .record("keys", json!({"phone": phone, "device": number, "count": count}));
    if std::mem::take(&mut device.wants_keys) {
        let share = phone::key_share(account, number)?;
        account.device(number)?.give(share);
    }
    Ok(())
}

/// A device replaces its signed key.
pub(super) fn rotate(world: &World, (phone, device): (Phone, u16), request: &Node) -> Result<Node> {
    let fresh = request
        .get_optional_child("rotate")
        .and_then(|rotate| rotate.get_optional_child("skey"))
        .context("find the signed key")?;
    let mut state = world.state();
    let bundle = state
        .account(phone)?
        .bundle(device)
        .context("the device has left no keys")?;
    bundle.signed = Signed::read(fresh)?;
    Ok(stanza::result(request, Vec::new()))
}

pub(super) fn count(world: &World, (phone, device): (Phone, u16), request: &Node) -> Result<Node> {
    let mut state = world.state();
    let bundle = state.account(phone)?.bundle(device);
    let count = bundle.map_or(0, |bundle| bundle.one_time.len()).to_string();
    Ok(stanza::result(
        request,
        vec![plain("count", &[("value", &count)])],
    ))
}

/// What the server has of the device's keys, or 404: then the device uploads them anew.
pub(super) fn digest(world: &World, (phone, device): (Phone, u16), request: &Node) -> Result<Node> {
    let mut state = world.state();
    Ok(match state.account(phone)?.bundle(device) {
        Some(bundle) => stanza::result(request, vec![bundle.digest()]),
        None => stanza::error(request, 404, "item-not-found"),
    })
}

/// The keys of several devices, each with one of its one-time keys.
pub(super) fn fetch(world: &World, request: &Node) -> Node {
    let mut state = world.state();
    let wanted = request
        .get_optional_child("key")
        .map(stanza::children)
        .unwrap_or_default();
    let found = wanted.iter().map(|user| of_device(&mut state, user));
    let list = NodeBuilder::new("list").children(found).build();
    stanza::result(request, vec![list])
}

fn of_device(state: &mut State, user: &Node) -> Node {
    let jid = stanza::attr(user, "jid");
    let answer = NodeBuilder::new("user")
        .attr("jid", jid)
        .attr("t", clock::unix_s().to_string());
    let Some(keys) = stanza::jid(user, "jid").and_then(|jid| keys_of(state, &jid)) else {
        let error = plain("error", &[("code", "404"), ("text", "item-not-found")]);
        return answer.children([error]).build();
    };
    answer.children(keys).build()
}

fn keys_of(state: &mut State, jid: &whatsapp_rust::Jid) -> Option<Vec<Node>> {
    let (phone, number) = Phone::of(jid)?;
    let account = state.accounts.get_mut(&phone)?;
    let mut keys = account.bundle(number)?.hand_out();
    if let Some(device) = account.devices.get(&number) {
        let identity = NodeBuilder::new("device-identity").bytes(device.signed_identity.clone());
        keys.push(identity.build());
    }
    Some(keys)
}
