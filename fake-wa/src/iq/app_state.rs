//! App state: patches that devices leave for each other, encrypted; the server numbers and keeps them.
use anyhow::{Context, Result};
use whatsapp_rust::buffa::{Message as _, MessageField};
use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::wacore_binary::builder::NodeBuilder;
use whatsapp_rust::waproto::whatsapp as wa;

use crate::account::Account;
use crate::address::Phone;
use crate::stanza;
use crate::world::World;

/// Takes patches, and gives those that the device has not seen.
pub(super) fn sync(world: &World, (phone, device): (Phone, u16), request: &Node) -> Result<Node> {
    let asked = request
        .get_optional_child("sync")
        .context("find the collections")?;
    let mut state = world.state();
    let account = state.account(phone)?;
    let mut answers = Vec::new();
    let mut changed = Vec::new();
    for collection in asked.get_children_by_tag("collection") {
        let name = stanza::attr(collection, "name");
        let seen: usize = stanza::attr(collection, "version").parse().unwrap_or_default();
        let patch = collection.get_optional_child("patch").map(stanza::bytes);
        if let Some(patch) = patch {
            answers.push(leave(account, &name, seen, &patch)?);
            changed.push(name);
        } else {
            answers.push(fetch(account, &name, seen));
        }
    }
    if !changed.is_empty() {
        let collections = changed.iter().map(|name| {
            let version = account.app_state.get(name).map_or(0, Vec::len);
            collection(name, version).build()
        });
        let told = stanza::notification("server_sync", &phone.pn().to_string(), collections.collect());
        account.give(&told, Some(device));
    }
    let answer = NodeBuilder::new("sync").children(answers).build();
    Ok(stanza::result(request, vec![answer]))
}

fn collection(name: &str, version: usize) -> NodeBuilder {
    NodeBuilder::new("collection")
        .attr("name", name)
        .attr("version", version.to_string())
}

/// Keeps a patch if the device knew all before it; else it has to look first.
fn leave(account: &mut Account, name: &str, seen: usize, patch: &[u8]) -> Result<Node> {
    let kept = account.app_state.entry(name.to_owned()).or_default();
    if seen != kept.len() {
        let error = super::plain("error", &[("code", "409"), ("text", "conflict")]);
        let answer = collection(name, kept.len()).attr("type", "error");
        return Ok(answer.children([error]).build());
    }
    let mut numbered = wa::SyncdPatch::decode_from_slice(patch).context("decode a patch")?;
    let version = kept.len() as u64 + 1;
    numbered.version = MessageField::some(wa::SyncdVersion {
        version: Some(version),
    });
    kept.push(numbered.encode_to_vec());
    Ok(collection(name, kept.len()).build())
}

fn fetch(account: &Account, name: &str, seen: usize) -> Node {
    let kept = account.app_state.get(name).map(Vec::as_slice).unwrap_or_default();
    let patches = kept
        .iter()
        .skip(seen)
        .map(|patch| NodeBuilder::new("patch").bytes(patch.clone()).build());
    let patches = NodeBuilder::new("patches").children(patches).build();
    collection(name, kept.len()).children([patches]).build()
}
