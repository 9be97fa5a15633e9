//! What happens after the handshake: a newcomer is offered a link, a known device is let in or refused.
use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::json;
use whatsapp_rust::buffa::Message as _;
use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::wacore_binary::builder::NodeBuilder;
use whatsapp_rust::waproto::whatsapp as wa;

use crate::address::Phone;
use crate::clock;
use crate::connection::Connection;
use crate::faults::Refusal;
use crate::noise::Secured;
use crate::world::{State, World, stream_error};

/// Who sits at a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seat {
    /// A device that is not linked yet.
    Newcomer,
    /// A linked device.
    Device(Phone, u16),
}

/// Decides about a login; `None` = refused, and told so.
pub(crate) fn admit(world: &Arc<World>, connection: &Connection, secured: &Secured) -> Result<Option<Seat>> {
    let payload = wa::ClientPayload::decode_from_slice(&secured.payload).context("decode the login")?;
    let mut state = world.state();
    if let Some(newcomer) = payload.device_pairing_data.as_option() {
        let identity = newcomer.e_ident.as_deref().unwrap_or_default();
        let identity = identity.try_into().context("read the newcomer's identity")?;
        if let Some(refusal) = state.faults.take_refusal(None) {
            return Ok(refuse(world, connection, None, &refusal));
        }
        state.offers.open(connection, secured.client, identity);
        world.ledger.record(
            "newcomer",
            json!({"connection": connection.id, "pattern": secured.pattern}),
        );
        return Ok(Some(Seat::Newcomer));
    }
    let phone = Phone(payload.username.context("find the account's number")?);
    let device = u16::try_from(payload.device.unwrap_or_default()).context("read the device's number")?;
    if let Some(refusal) = refusal(&mut state, phone, device, &secured.client) {
        return Ok(refuse(world, connection, Some(phone), &refusal));
    }
    let_in(&mut state, connection, (phone, device), secured.pattern)?;
    world.ledger.record(
        "login",
        json!({"connection": connection.id, "phone": phone, "device": device, "pattern": secured.pattern}),
    );
    Ok(Some(Seat::Device(phone, device)))
}

/// Why this device may not come in, if it may not.
fn refusal(state: &mut State, phone: Phone, device: u16, noise: &[u8; 32]) -> Option<Refusal> {
    if let Some(refusal) = state.faults.take_refusal(Some(phone)) {
        return Some(refusal);
    }
    let account = state.accounts.get(&phone);
    if let Some(refusal) = account.and_then(|account| account.refusal.clone()) {
        return Some(refusal);
    }
    let known = account.and_then(|account| account.devices.get(&device));
    // The right to be a device is its Noise key, nothing that it says.
    if known.is_some_and(|device| device.noise == *noise) {
        return None;
    }
    Some(Refusal {
        reason: 401,
        code: None,
        expire_s: None,
        phones: Vec::new(),
    })
}

fn let_in(
    state: &mut State,
    connection: &Connection,
    seat: (Phone, u16),
    pattern: &'static str,
) -> Result<()> {
    let (phone, number) = seat;
    if !state.faults.keep_both {
        let conflict = stream_error(None, Some("replaced"));
        state.end_stream(phone, number, Some(conflict), "replaced");
    }
    state.record.opened(connection.id, seat, pattern);
    let account = state.account(phone)?;
    let device = account.device(number)?;
    device.connection = Some(connection.clone());
    device.queue.begin();
    let success = NodeBuilder::new("success")
        .attr("t", clock::unix_s().to_string())
        .attr("lid", phone.lid_device(number))
        .attr("props", "1")
        .attr("creation", "1700000000")
        .attr("location", "fake")
        .build();
    connection.send(success);
    Ok(())
}

/// Says no, and why.
fn refuse(world: &World, connection: &Connection, phone: Option<Phone>, refusal: &Refusal) -> Option<Seat> {
    connection.send(failure(refusal));
    connection.close();
    world
        .ledger
        .record("login.refused", json!({"phone": phone, "reason": refusal.reason}));
    None
}

fn failure(refusal: &Refusal) -> Node {
    let mut failure = NodeBuilder::new("failure")
        .attr("reason", refusal.reason.to_string())
        .attr("location", "fake");
    if let Some(code) = refusal.code {
        failure = failure.attr("code", code.to_string());
    }
    if let Some(expire_s) = refusal.expire_s {
        failure = failure.attr("expire", expire_s.to_string());
    }
    failure.build()
}

/// A socket has ended.
pub(crate) fn leave(world: &World, connection: &Connection, seat: Option<Seat>) {
    let mut state = world.state();
    state.offers.close(connection.id);
    let Some(Seat::Device(phone, number)) = seat else {
        return;
    };
    state.record.closed(connection.id);
    world.ledger.record(
        "left",
        json!({"connection": connection.id, "phone": phone, "device": number}),
    );
    if let Some(account) = state.accounts.get_mut(&phone)
        && let Some(device) = account.devices.get_mut(&number)
        && device
            .connection
            .as_ref()
            .is_some_and(|live| live.id == connection.id)
    {
        device.connection = None;
    }
    crate::presence::gone(&mut state, phone);
}
