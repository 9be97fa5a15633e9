//! What a device sends, by kind: requests are answered in the files below, the rest is relayed.
use std::sync::Arc;

use anyhow::{Result, ensure};
use serde_json::json;
use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::wacore_binary::builder::NodeBuilder;

use crate::address::Phone;
use crate::connection::Connection;
use crate::login::Seat;
use crate::world::World;
use crate::{pairing, presence, receipt, relay, stanza};

mod app_state;
mod devices;
mod groups;
mod keys;
mod settings;

pub(crate) use groups::create as create_group;

/// One stanza from one socket. What it gets wrong is written down, and a request is refused.
pub(crate) fn stanza(world: &Arc<World>, connection: &Connection, seat: Seat, stanza: &Node) {
    let handled = match seat {
        Seat::Newcomer => newcomer(world, connection, stanza),
        Seat::Device(phone, device) => linked(world, connection, (phone, device), stanza),
    };
    if let Err(error) = handled {
        let why = format!("{error:#}");
        tracing::warn!("Connection {}: <{}>: {why}", connection.id, stanza.tag);
        world.ledger.record(
            "protocol.error",
            json!({"connection": connection.id, "tag": stanza.tag, "why": why}),
        );
        if stanza.tag == "iq" && asks(stanza) {
            connection.send(stanza::error(stanza, 400, "bad-request"));
        }
    }
}

fn asks(stanza: &Node) -> bool {
    matches!(stanza::attr(stanza, "type").as_str(), "get" | "set")
}

fn newcomer(world: &World, connection: &Connection, stanza: &Node) -> Result<()> {
    if stanza.tag != "iq" {
        return Ok(());
    }
    if !asks(stanza) {
        return pairing::answered(world, connection, stanza);
    }
    if stanza::attr(stanza, "xmlns") == "md" {
        return pairing::code::requested(world, connection, stanza);
    }
    connection.send(stanza::result(stanza, Vec::new()));
    Ok(())
}

/// Answers a request, or hands a stanza on.
fn linked(world: &World, connection: &Connection, seat: (Phone, u16), stanza: &Node) -> Result<()> {
    let (phone, device) = seat;
    match stanza.tag.as_ref() {
        "iq" if asks(stanza) => request(world, connection, seat, stanza),
        "iq" => Ok(()),
        "message" => relay::message(world, connection, seat, stanza),
        "receipt" => receipt::relay(world, connection, seat, stanza),
        "ack" => {
            let class = stanza::attr(stanza, "class");
            let id = stanza::attr(stanza, "id");
            let mut state = world.state();
            state
                .account(phone)?
                .device(device)?
                .queue
                .acknowledge(&class, &id);
            Ok(())
        }
        "ib" => more(world, connection, seat, stanza),
        "presence" => presence::of_account(world, phone, stanza),
        "chatstate" => presence::of_chat(world, phone, stanza),
        other => {
            world
                .ledger
                .record("ignored", json!({"phone": phone, "device": device, "tag": other}));
            Ok(())
        }
    }
}

/// `<ib><offline_batch/></ib>`.
fn more(world: &World, connection: &Connection, (phone, device): (Phone, u16), stanza: &Node) -> Result<()> {
    let Some(batch) = stanza.get_optional_child("offline_batch") else {
        return Ok(());
    };
    let count = stanza::attr(batch, "count").parse()?;
    let mut state = world.state();
    state
        .account(phone)?
        .device(device)?
        .queue
        .batch(connection, count);
    Ok(())
}

fn request(world: &World, connection: &Connection, seat: (Phone, u16), request: &Node) -> Result<()> {
    let (phone, device) = seat;
    let namespace = stanza::attr(request, "xmlns");
    let content = stanza::children(request).first();
    let about = content.map_or("", |content| content.tag.as_ref());
    let answer = match (namespace.as_str(), stanza::attr(request, "type").as_str(), about) {
        ("encrypt", "set", "rotate") => keys::rotate(world, seat, request)?,
        ("encrypt", "set", _) => return keys::upload(world, connection, seat, request),
        ("encrypt", "get", "count") => keys::count(world, seat, request)?,
        ("encrypt", "get", "digest") => keys::digest(world, seat, request)?,
        ("encrypt", "get", _) => keys::fetch(world, request),
        ("usync", _, _) => devices::usync(world, request)?,
        ("passive", "set", "active") => {
            connection.send(stanza::result(request, Vec::new()));
            let mut state = world.state();
            state.account(phone)?.device(device)?.queue.ready(connection);
            drop(state);
            world
                .ledger
                .record("ready", json!({"phone": phone, "device": device}));
            return Ok(());
        }
        ("w:g2", kind, _) => groups::request(world, phone, kind, request)?,
        ("w:sync:app:state", _, _) => app_state::sync(world, seat, request)?,
        ("w:m", _, _) => stanza::result(request, vec![crate::media::connection(world)]),
        ("md", _, "remove-companion-device") => {
            ensure!(content.is_some(), "name the device");
            connection.send(stanza::result(request, Vec::new()));
            return world.unlink(phone, device);
        }
        (namespace, _, _) => settings::answer(world, phone, namespace, request),
    };
    connection.send(answer);
    Ok(())
}

/// A node with attributes of text only.
fn plain(tag: &'static str, attrs: &[(&'static str, &str)]) -> Node {
    let builder = attrs.iter().fold(NodeBuilder::new(tag), |builder, (key, value)| {
        builder.attr(key, *value)
    });
    builder.build()
}
