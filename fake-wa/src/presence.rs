//! Who is here and who is writing: told at once, kept nowhere.
use anyhow::{Context, Result};
use serde_json::json;
use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::wacore_binary::builder::NodeBuilder;

use crate::account::Account;
use crate::address::Phone;
use crate::clock;
use crate::stanza;
use crate::world::{State, World};

/// `<presence>`: an account comes or goes, or wants to hear of another's coming and going.
pub(crate) fn of_account(world: &World, phone: Phone, presence: &Node) -> Result<()> {
    let mut state = world.state();
    let kind = stanza::attr(presence, "type");
    match kind.as_str() {
        "subscribe" | "unsubscribe" => {
            let to = stanza::jid(presence, "to").context("find the watched")?;
            let (watched, _) = Phone::of(&to).context("read the watched")?;
            let account = state.account(watched)?;
            if kind == "unsubscribe" {
                account.watchers.remove(&phone);
                return Ok(());
            }
            account.watchers.insert(phone);
            let told = told(account);
            state.account(phone)?.whisper(&told);
        }
        kind => {
            let name = stanza::attr(presence, "name");
            let account = state.account(phone)?;
            if !name.is_empty() {
                account.name = name;
            }
            account.here = kind != "unavailable";
            world
                .ledger
                .record("presence", json!({"phone": phone, "here": account.here}));
            tell(&mut state, phone);
        }
    }
    Ok(())
}

/// An account's socket has ended.
pub(crate) fn gone(state: &mut State, phone: Phone) {
    let Some(account) = state.accounts.get_mut(&phone) else {
        return;
    };
    let alone = account.devices.values().all(|device| device.connection.is_none());
    if account.here && alone {
        account.here = false;
        tell(state, phone);
    }
}

fn told(account: &Account) -> Node {
    let presence = NodeBuilder::new("presence").attr("from", account.phone.pn());
    if account.here {
        return presence.attr("type", "available").build();
    }
    presence
        .attr("type", "unavailable")
        .attr("last", clock::unix_s().to_string())
        .build()
}

fn tell(state: &mut State, phone: Phone) {
    let Some(account) = state.accounts.get(&phone) else {
        return;
    };
    let told = told(account);
    for watcher in account.watchers.clone() {
        if let Some(account) = state.accounts.get(&watcher) {
            account.whisper(&told);
        }
    }
}

/// `<chatstate>`: somebody is writing or recording, or has paused.
pub(crate) fn of_chat(world: &World, phone: Phone, chatstate: &Node) -> Result<()> {
    let to = stanza::jid(chatstate, "to").context("find the chat")?;
    let what = stanza::children(chatstate).to_vec();
    let kind = what.first().map(|what| what.tag.to_string());
    let state = world.state();
    let on = NodeBuilder::new("chatstate");
    let (on, others): (NodeBuilder, Vec<Phone>) = if stanza::is_group(&to) {
        let group = state
            .groups
            .get(to.user.as_str())
            .context("there is no such group")?;
        let others = group.members.iter().copied().filter(|member| *member != phone);
        let on = on.attr("from", &to).attr("participant", group.name_of(phone, 0));
        (on, others.collect())
    } else {
        let from = if to.is_lid() { phone.lid() } else { phone.pn() };
        let (other, _) = Phone::of(&to).context("read the chat")?;
        (on.attr("from", from), vec![other])
    };
    let on = on.children(what).build();
    for other in others {
        if let Some(account) = state.accounts.get(&other) {
            account.whisper(&on);
        }
    }
    world.ledger.record(
        "chatstate",
        json!({"phone": phone, "to": to.to_string(), "kind": kind}),
    );
    Ok(())
}
