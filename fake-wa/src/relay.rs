//! The relay of messages: each device of the recipient gets the copy that was encrypted for it, and nothing is read.
use anyhow::{Context, Result, ensure};
use serde_json::json;
use whatsapp_rust::Jid;
use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::wacore_binary::builder::NodeBuilder;

use crate::address::Phone;
use crate::clock;
use crate::connection::Connection;
use crate::group::Group;
use crate::stanza;
use crate::world::{State, World};

/// What is for the server or for one recipient only, and does not travel on.
const KEPT_BACK: [&str; 5] = ["participants", "enc", "tctoken", "cstoken", "biz"];

/// One copy: for whom, and what it is.
type Copy = (Phone, u16, Vec<Node>);

/// A message from a device.
pub(crate) fn message(
    world: &World,
    connection: &Connection,
    seat: (Phone, u16),
    message: &Node,
) -> Result<()> {
    let (phone, device) = seat;
    let id = stanza::attr(message, "id");
    let to = stanza::jid(message, "to").context("find the recipient")?;
    let mut state = world.state();
    if state.faults.take_lost() {
        world
            .ledger
            .record("message.lost", json!({"phone": phone, "id": id}));
        return Ok(());
    }
    if let Some(code) = state.faults.take_nack() {
        connection.send(ack(message, Some(code)));
        world
            .ledger
            .record("message.refused", json!({"phone": phone, "id": id, "code": code}));
        return Ok(());
    }
    let group = if stanza::is_group(&to) {
        let group = state.groups.get(to.user.as_str()).cloned();
        Some(group.context("there is no such group")?)
    } else {
        None
    };
    if let Some(group) = &group {
        ensure!(group.members.contains(&phone), "{phone} is not in the group");
    }
    let copies = copies(&state, message, &to, group.as_ref(), seat)?;
    let recipients: Vec<String> = copies
        .iter()
        .map(|(phone, device, _)| format!("{phone}:{device}"))
        .collect();
    for (recipient, number, content) in copies {
        let envelope = envelope(&state, message, &to, group.as_ref(), (seat, recipient))?;
        let stanza = envelope.children(content).build();
        acquaint(&mut state, phone, recipient);
        if let Some(device) = state
            .accounts
            .get_mut(&recipient)
            .and_then(|account| account.devices.get_mut(&number))
        {
            device.give(stanza);
        }
    }
    let told = json!({
        "phone": phone, "device": device, "id": id, "to": to.to_string(), "type": stanza::attr(message, "type"),
        "edit": stanza::attr(message, "edit"), "copies": recipients,
    });
    world.ledger.record("message", told);
    if state.faults.take_lost_ack() {
        world.ledger.record("ack.lost", json!({"phone": phone, "id": id}));
    } else {
        connection.send(ack(message, None));
    }
    Ok(())
}

fn ack(message: &Node, error: Option<u16>) -> Node {
    let mut ack = NodeBuilder::new("ack")
        .attr("class", "message")
        .attr("id", stanza::attr(message, "id"))
        .attr("from", stanza::attr(message, "to"))
        .attr("t", clock::unix_s().to_string());
    if let Some(error) = error {
        ack = ack.attr("error", error.to_string());
    }
    ack.build()
}

/// Who gets which ciphertext.
fn copies(
    state: &State,
    message: &Node,
    to: &Jid,
    group: Option<&Group>,
    sender: (Phone, u16),
) -> Result<Vec<Copy>> {
    let shared: Vec<Node> = stanza::children(message)
        .iter()
        .filter(|child| !KEPT_BACK.contains(&child.tag.as_ref()))
        .cloned()
        .collect();
    let with_shared = |enc: &[Node]| [&shared[..], enc].concat();
    let common: Vec<Node> = message.get_children_by_tag("enc").cloned().collect();
    let mut copies: Vec<Copy> = Vec::new();
    // A repeat for one device of a group names it apart.
    let only = stanza::jid(message, "participant").and_then(|jid| Phone::of(&jid));
    match (group, only) {
        (_, Some((phone, device))) => return Ok(vec![(phone, device, with_shared(&common))]),
        (Some(group), None) => {
            for (phone, account) in group
                .members
                .iter()
                .filter_map(|phone| state.accounts.get_key_value(phone))
            {
                let devices = account.devices.keys().map(|device| (*phone, *device));
                let others = devices.filter(|device| *device != sender);
                copies.extend(others.map(|(phone, device)| (phone, device, with_shared(&common))));
            }
        }
        (None, None) if !common.is_empty() => {
            let (phone, device) = Phone::of(to).context("read the recipient")?;
            copies.push((phone, device, with_shared(&common)));
        }
        (None, None) => {}
    }
    let named = message.get_optional_child("participants").map(stanza::children);
    for one in named.unwrap_or_default() {
        let Some((phone, device)) = stanza::jid(one, "jid").and_then(|jid| Phone::of(&jid)) else {
            continue;
        };
        let enc: Vec<Node> = one.get_children_by_tag("enc").cloned().collect();
        match copies.iter_mut().find(|(p, d, _)| (*p, *d) == (phone, device)) {
            // In a group the sender's key comes with the message that it opens, and before it.
            Some((_, _, content)) => {
                let at = content
                    .iter()
                    .position(|child| child.tag == "enc")
                    .unwrap_or(content.len());
                content.splice(at..at, enc);
            }
            None => copies.push((phone, device, with_shared(&enc))),
        }
    }
    Ok(copies)
}

/// The outside of one copy.
fn envelope(
    state: &State,
    message: &Node,
    to: &Jid,
    group: Option<&Group>,
    (sender, recipient): ((Phone, u16), Phone),
) -> Result<NodeBuilder> {
    let (phone, device) = sender;
    let account = state.accounts.get(&phone).context("find the sender")?;
    let mut envelope = NodeBuilder::new("message")
        .attr("id", stanza::attr(message, "id"))
        .attr("type", stanza::attr(message, "type"))
        .attr("t", clock::unix_s().to_string())
        .attr("notify", account.name.clone());
    for key in ["edit", "category"] {
        if message.attrs.contains_key(key) {
            envelope = envelope.attr(key, stanza::attr(message, key));
        }
    }
    if let Some(group) = group {
        let (other, twin) = if group.by_lid {
            ("participant_pn", phone.pn_device(device))
        } else {
            ("participant_lid", phone.lid_device(device))
        };
        return Ok(envelope
            .attr("from", group.jid())
            .attr("participant", group.name_of(phone, device))
            .attr("addressing_mode", group.addressing())
            .attr(other, twin));
    }
    if phone == recipient && stanza::attr(message, "category") != "peer" {
        envelope = envelope.attr("recipient", to.to_non_ad());
    }
    let (named, twin) = if to.is_lid() {
        envelope = envelope.attr("addressing_mode", "lid");
        (phone.lid_device(device), ("sender_pn", phone.pn()))
    } else {
        (phone.pn_device(device), ("sender_lid", phone.lid()))
    };
    envelope = envelope.attr("from", named);
    Ok(if state.faults.hide_twins {
        envelope
    } else {
        envelope.attr(twin.0, twin.1)
    })
}

/// From now on each hears of the other's devices.
fn acquaint(state: &mut State, one: Phone, other: Phone) {
    for (one, other) in [(one, other), (other, one)] {
        if one != other
            && let Some(account) = state.accounts.get_mut(&one)
        {
            account.peers.insert(other);
        }
    }
}
