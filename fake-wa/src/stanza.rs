//! Reading and writing stanzas.
use anyhow::{Context, Result};
use whatsapp_rust::wacore_binary::builder::NodeBuilder;
use whatsapp_rust::wacore_binary::{Node, NodeContent};
use whatsapp_rust::{Jid, Server};

use crate::clock;

/// What the server calls itself.
pub(crate) const SERVER: &str = "s.whatsapp.net";

/// An attribute as text; empty when absent.
pub(crate) fn attr(node: &Node, key: &str) -> String {
    node.attrs
        .get(key)
        .map(|value| value.as_str().into_owned())
        .unwrap_or_default()
}

/// An attribute as an address.
pub(crate) fn jid(node: &Node, key: &str) -> Option<Jid> {
    node.attrs
        .get(key)
        .and_then(whatsapp_rust::wacore_binary::NodeValue::to_jid)
}

/// Whether an address is a group's.
pub(crate) fn is_group(jid: &Jid) -> bool {
    jid.server == Server::Group
}

/// The children; none when there are none.
pub(crate) fn children(node: &Node) -> &[Node] {
    node.children().unwrap_or_default()
}

/// The bytes in a node.
pub(crate) fn bytes(node: &Node) -> Vec<u8> {
    match &node.content {
        Some(NodeContent::Bytes(bytes)) => bytes.clone(),
        Some(NodeContent::String(text)) => text.as_bytes().to_vec(),
        _ => Vec::new(),
    }
}

/// The bytes in a child that must be there.
pub(crate) fn child_bytes(node: &Node, tag: &str) -> Result<Vec<u8>> {
    let child = node
        .get_optional_child(tag)
        .with_context(|| format!("find <{tag}>"))?;
    Ok(bytes(child))
}

/// The same with the length that keys have.
pub(crate) fn child_key(node: &Node, tag: &str) -> Result<[u8; 32]> {
    let bytes = child_bytes(node, tag)?;
    bytes
        .as_slice()
        .try_into()
        .with_context(|| format!("read the 32 bytes of <{tag}>"))
}

/// The answer to a request, with or without content.
pub(crate) fn result(request: &Node, content: Vec<Node>) -> Node {
    let answer = NodeBuilder::new("iq")
        .attr("from", from_of(request))
        .attr("type", "result")
        .attr("id", attr(request, "id"))
        .attr("t", clock::unix_s().to_string());
    if content.is_empty() {
        answer.build()
    } else {
        answer.children(content).build()
    }
}

/// The refusal of a request.
pub(crate) fn error(request: &Node, code: u16, text: &str) -> Node {
    let error = NodeBuilder::new("error")
        .attr("code", code.to_string())
        .attr("text", text)
        .build();
    NodeBuilder::new("iq")
        .attr("from", from_of(request))
        .attr("type", "error")
        .attr("id", attr(request, "id"))
        .children([error])
        .build()
}

fn from_of(request: &Node) -> String {
    let to = attr(request, "to");
    if to.is_empty() { SERVER.to_owned() } else { to }
}

/// A notification of a type, from an address.
pub(crate) fn notification(kind: &str, from: &str, content: Vec<Node>) -> Node {
    NodeBuilder::new("notification")
        .attr("id", fresh_id())
        .attr("from", from)
        .attr("type", kind)
        .attr("t", clock::unix_s().to_string())
        .children(content)
        .build()
}

/// An id for a stanza of the server's own.
pub(crate) fn fresh_id() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("SRV{:010}", NEXT.fetch_add(1, Ordering::Relaxed))
}
