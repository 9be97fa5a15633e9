//! usync: who is on WhatsApp, under which LID, with which devices.
use anyhow::{Context, Result};
use whatsapp_rust::Jid;
use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::wacore_binary::builder::NodeBuilder;

use super::plain;
use crate::account::Account;
use crate::address::Phone;
use crate::stanza;
use crate::world::World;

/// Answers every protocol that the query names, for every user in its list.
pub(super) fn usync(world: &World, request: &Node) -> Result<Node> {
    let asked = request.get_optional_child("usync").context("find the question")?;
    let query = asked.get_optional_child("query").context("find the protocols")?;
    let list = asked.get_optional_child("list").context("find the users")?;
    let mut state = world.state();
    let mut users = Vec::new();
    for user in stanza::children(list) {
        let Some((named, phone)) = who(user) else { continue };
        let hides_twins = state.faults.hide_twins;
        let account = state.accounts.get_mut(&phone);
        if let Some(found) = answer(query, (user, &named), account, hides_twins)? {
            users.push(found);
        }
    }
    let told = stanza::children(query)
        .iter()
        .map(|protocol| NodeBuilder::new_dynamic(protocol.tag.to_string()).build());
    let answer = NodeBuilder::new("usync")
        .attr("sid", stanza::attr(asked, "sid"))
        .attr("mode", stanza::attr(asked, "mode"))
        .attr("context", stanza::attr(asked, "context"))
        .children([
            NodeBuilder::new("result").children(told).build(),
            NodeBuilder::new("list").children(users).build(),
        ])
        .build();
    Ok(stanza::result(request, vec![answer]))
}

/// How the user is named in the question, and whose number that is.
fn who(user: &Node) -> Option<(Jid, Phone)> {
    if let Some(jid) = stanza::jid(user, "jid") {
        let (phone, _) = Phone::of(&jid)?;
        return Some((jid.to_non_ad(), phone));
    }
    let contact = user.get_optional_child("contact")?;
    let number = String::from_utf8(stanza::bytes(contact)).ok()?;
    let phone: Phone = number.parse().ok()?;
    Some((phone.pn(), phone))
}

fn answer(
    query: &Node,
    (user, named): (&Node, &Jid),
    account: Option<&mut Account>,
    hides_twins: bool,
) -> Result<Option<Node>> {
    let Some(account) = account else {
        // Only a question about a contact gets the answer that there is none.
        let contact = user.get_optional_child("contact").map(stanza::bytes);
        return Ok(contact.map(|contact| {
            let out = NodeBuilder::new("contact")
                .attr("type", "out")
                .bytes(contact)
                .build();
            NodeBuilder::new("user")
                .attr("jid", named)
                .children([out])
                .build()
        }));
    };
    let mut told = Vec::new();
    for protocol in stanza::children(query) {
        let node = match protocol.tag.as_ref() {
            "contact" => plain("contact", &[("type", "in")]),
            "devices" => devices(account)?,
            "lid" if hides_twins => continue,
            "lid" => NodeBuilder::new("lid").attr("val", account.phone.lid()).build(),
            "status" => plain("status", &[("t", "0")]),
            _ => continue,
        };
        told.push(node);
    }
    let mut found = NodeBuilder::new("user").attr("jid", named);
    if named.is_lid() && !hides_twins {
        found = found.attr("pn_jid", account.phone.pn());
    }
    Ok(Some(found.children(told).build()))
}

fn devices(account: &Account) -> Result<Node> {
    let phone = plain("device", &[("id", "0"), ("key-index", "0")]);
    let linked = account.devices.keys().map(|number| {
        let number = number.to_string();
        plain("device", &[("id", &number), ("key-index", &number)])
    });
    let list = NodeBuilder::new("device-list").children(std::iter::once(phone).chain(linked));
    Ok(NodeBuilder::new("devices")
        .children([list.build(), account.key_index_list()?])
        .build())
}
