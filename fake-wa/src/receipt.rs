//! Receipts: they end the keeping of a message, and travel on to whom it came from.
use anyhow::{Context, Result};
use serde_json::json;
use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::wacore_binary::builder::NodeBuilder;

use crate::address::Phone;
use crate::clock;
use crate::connection::Connection;
use crate::stanza;
use crate::world::{State, World};

/// A receipt from a device.
pub(crate) fn relay(
    world: &World,
    connection: &Connection,
    seat: (Phone, u16),
    receipt: &Node,
) -> Result<()> {
    let kind = stanza::attr(receipt, "type");
    let mut ack = NodeBuilder::new("ack")
        .attr("class", "receipt")
        .attr("id", stanza::attr(receipt, "id"))
        .attr("from", stanza::attr(receipt, "to"));
    if !kind.is_empty() {
        ack = ack.attr("type", kind.clone());
    }
    connection.send(ack.build());
    let (phone, number) = seat;
    let mut state = world.state();
    let ids = ids(receipt);
    // A request to send again is no receipt: the message that could not be read stays until its repeat has come.
    if kind != "retry" {
        let queue = &mut state.account(phone)?.device(number)?.queue;
        for id in &ids {
            queue.acknowledge("message", id);
        }
    }
    let told = json!({
        "phone": phone, "device": number, "ids": ids, "type": kind, "to": stanza::attr(receipt, "to"),
    });
    world.ledger.record("receipt", told);
    match kind.as_str() {
        // For the server alone.
        "sender" | "peer_msg" | "hist_sync" | "server-error" => Ok(()),
        "read-self" | "played-self" => {
            let mut copy = receipt.clone();
            copy.attrs.insert("from", phone.pn_device(number));
            state.account(phone)?.give(&copy, Some(number));
            Ok(())
        }
        _ => hand_on(&mut state, seat, receipt, &kind),
    }
}

/// All messages that a receipt is about.
fn ids(receipt: &Node) -> Vec<String> {
    let mut ids = vec![stanza::attr(receipt, "id")];
    if let Some(list) = receipt.get_optional_child("list") {
        ids.extend(
            list.get_children_by_tag("item")
                .map(|item| stanza::attr(item, "id")),
        );
    }
    ids
}

fn hand_on(state: &mut State, (phone, number): (Phone, u16), receipt: &Node, kind: &str) -> Result<()> {
    let to = stanza::jid(receipt, "to").context("find the sender of the message")?;
    let mut on = NodeBuilder::new("receipt")
        .attr("id", stanza::attr(receipt, "id"))
        .attr("t", clock::unix_s().to_string());
    if !kind.is_empty() {
        on = on.attr("type", kind);
    }
    let author = if stanza::is_group(&to) {
        let group = state
            .groups
            .get(to.user.as_str())
            .context("there is no such group")?;
        on = on
            .attr("from", &to)
            .attr("participant", group.name_of(phone, number));
        stanza::jid(receipt, "participant").context("find the author")?
    } else {
        let from = if to.is_lid() {
            phone.lid_device(number)
        } else {
            phone.pn_device(number)
        };
        on = on.attr("from", from);
        to
    };
    let content = stanza::children(receipt);
    if !content.is_empty() {
        on = on.children(content.to_vec());
    }
    let on = on.build();
    let (author, device) = Phone::of(&author).context("read the author")?;
    let account = state.account(author)?;
    if kind == "retry" {
        account.device(device)?.give(on);
    } else {
        account.give(&on, None);
    }
    Ok(())
}
